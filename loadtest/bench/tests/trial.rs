//! The benchmark itself keeps working: everything but the reference hashes, which need a library, is measured briefly.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path, process::Command};

const BENCH: &str = env!("CARGO_BIN_EXE_guerdon-bench");

/// Written by the trial run, with rows of each part.
const PARTS: [&str; 14] = [
    "GET /events/:id/rewards |",
    "GET /users/me |",
    "raw SQLite",
    "idle, just started",
    "with 1,000 connections",
    "start to ready",
    "an event's requests, one page | 20,000",
    "split: claims |",
    "eligibility, by activities of the user | 20,000",
    "eligibility, by users with 20 activities each | 2,000",
    "batches of 1,000 of one user",
    "one by one",
    "the last tenth",
    "a condition evaluated: ten leaves",
];

#[test]
fn everything_can_be_measured_and_reported_on_sqlite_and_on_mongo_and_redis() {
    let guerdon = Path::new(BENCH).with_file_name("guerdon");
    assert!(guerdon.exists(), "{} is missing: run `make test`, which builds it", guerdon.display());
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(BENCH)
        .args([
            "run",
            "--trial",
            "--only",
            "reads,claims,memory,start,growth,activities,crowd,conditions,split",
        ])
        .args(["--guerdon".as_ref(), guerdon.as_os_str(), "--folder".as_ref(), folder.path().as_os_str()])
        .args(["--write".as_ref(), folder.path().as_os_str()])
        .output()
        .unwrap();
    let (printed, complaints) = (text_of(&run.stdout), text_of(&run.stderr));
    assert!(run.status.success(), "{printed}\n{complaints}");
    let page = fs::read_to_string(folder.path().join("BENCHMARKS.md")).unwrap();
    for part in PARTS {
        assert!(page.contains(part), "{part} is missing in\n{page}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
    for picture in ["bench-ratios.svg", "bench-latencies.svg", "bench-growth.svg"] {
        assert!(fs::read_to_string(folder.path().join("img").join(picture)).unwrap().ends_with("</svg>\n"));
        assert!(page.contains(picture));
    }
}

#[test]
fn what_cannot_be_measured_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = Command::new(BENCH)
        .args(["run", "--trial", "--only", "reads", "--guerdon", "no-such-program", "--folder"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(!run.status.success());
    assert!(text_of(&run.stderr).contains("no-such-program"), "{}", text_of(&run.stderr));
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
