//! `guerdon import activities`: a file becomes activities, each line once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic is how a test reports")]

use std::fmt::Write as _;

use e2e::{Finished, Process, Setup, System, text};
use serde_json::{Value, json};

async fn import(system: &System, file: &std::path::Path, key: &std::path::Path) -> Finished {
    let arguments =
        ["import", "activities", file.to_str().unwrap(), "--url", &system.api.base, "--api-key-file"];
    Process::run(&[&arguments[..], &[key.to_str().unwrap()]].concat(), &[], "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_csv_is_imported_line_by_line_and_again_changes_nothing() {
    let system = System::start(Setup::Embedded).await;
    let body = json!({ "name": "Importer", "scopes": ["activities:write"] });
    let key = text(&system.api.post("/api-keys", &system.admin().await, &body).await.expect(201), "/key");
    let mina = system.api.register("mina@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("plays.csv"), folder.path().join("key"));
    std::fs::write(&key_file, format!("{key}\n")).unwrap();
    let mut csv = "\u{feff}id,userId,type,at,value\r\n".to_owned();
    for number in 0..2500 {
        write!(csv, "play-{number},{mina},play,2026-05-01T00:00:00Z,{}\r\n", number % 10).unwrap();
    }
    csv.push_str("play-0,nobody,play,,\r\nplay-9999,short\r\nplay-1,");
    write!(csv, "{mina},play,,\r\n").unwrap();
    std::fs::write(&file, csv).unwrap();

    let first = import(&system, &file, &key_file).await;
    assert_eq!(first.code, Some(0), "{}{}", first.stdout, first.stderr);
    assert!(first.stdout.starts_with("2500 accepted, 1 duplicates, 2 rejected\n"), "{}", first.stdout);
    let rejected = std::fs::read_to_string(folder.path().join("plays.csv.rejected.jsonl")).unwrap();
    let rejected: Vec<Value> = rejected.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> = rejected.iter().map(|line| (line["line"].clone(), line["code"].clone())).collect();
    // What cannot be read is told before what the service refuses.
    assert_eq!(told, [(json!(2503), json!("UNREADABLE")), (json!(2502), json!("VALIDATION_FAILED"))]);
    assert!(!folder.path().join("plays.csv.position").exists());

    let again = import(&system, &file, &key_file).await;
    assert!(again.stdout.starts_with("0 accepted, 2501 duplicates, 2 rejected\n"), "{}", again.stdout);
    let operator = system.operator().await;
    let event = system.api.event(&operator, &json!({})).await;
    let tried = json!({
        "condition": { ">=": [{ "var": "activity.play.sum" }, 11250] }, "userId": mina, "eventId": event,
    });
    let tried = system.api.post("/conditions/evaluate", &operator, &tried).await.expect(200);
    assert_eq!(tried["facts"]["activity"]["play"]["sum"], 11250);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_stopped_goes_on_where_it_was() {
    let system = System::start(Setup::Embedded).await;
    let body = json!({ "name": "Importer", "scopes": ["activities:write"] });
    let key = text(&system.api.post("/api-keys", &system.admin().await, &body).await.expect(201), "/key");
    let mina = system.api.register("mina@example.com").await;
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("plays.jsonl"), folder.path().join("key"));
    std::fs::write(&key_file, &key).unwrap();
    let mut lines = String::new();
    for number in 0..3000 {
        let activity = json!({ "id": format!("n{number}"), "userId": mina, "type": "play" });
        writeln!(lines, "{activity}").unwrap();
    }
    std::fs::write(&file, &lines).unwrap();
    let position = json!({ "bytes": lines.len(), "line": 2000 });
    std::fs::write(folder.path().join("plays.jsonl.position"), position.to_string()).unwrap();
    let rest = import(&system, &file, &key_file).await;
    assert_eq!(rest.stdout, "1000 accepted, 0 duplicates, 0 rejected\n", "{}", rest.stderr);
    // A position of another file says nothing about this one.
    let position = json!({ "bytes": lines.len() + 1, "line": 2000 });
    std::fs::write(folder.path().join("plays.jsonl.position"), position.to_string()).unwrap();
    let all = import(&system, &file, &key_file).await;
    assert_eq!(all.stdout, "2000 accepted, 1000 duplicates, 0 rejected\n", "{}", all.stderr);
    let refused = std::fs::write(&key_file, "gdn_wrong");
    refused.unwrap();
    let refused = import(&system, &file, &key_file).await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("401") && !refused.stderr.contains("gdn_wrong"), "{}", refused.stderr);
}
