//! Throw-away folders, and what was left of those whose test was killed.

use std::{fs, path::Path, process::Command, sync::OnceLock};

use tempfile::TempDir;

use crate::signals::{send_signal, start_time};

const SHARED_MEMORY: &str = "/dev/shm";
/// What several servers at a time need, in megabytes.
const ROOM: u64 = 2048;
const PREFIX: &str = "guerdon-test-";
/// Where a folder's server writes what it has to say, and where its process number is.
pub(crate) const LOG: &str = "log";
pub(crate) const PID_FILE: &str = "server-pid";

/// A new folder. In memory where there is room: what a server has written outlives its `kill -9` there as well, and
/// writing it through to a disk is what most of a test's time would go into.
pub(crate) fn throw_away_folder() -> TempDir {
    static IN_MEMORY: OnceLock<bool> = OnceLock::new();
    let in_memory = *IN_MEMORY.get_or_init(|| {
        for parent in [Path::new(SHARED_MEMORY), &std::env::temp_dir()] {
            remove_orphans(parent);
        }
        has_room()
    });
    let this = std::process::id();
    let prefix = format!("{PREFIX}{this}-{}-", start_time(this).expect("this process runs"));
    let mut folder = tempfile::Builder::new();
    folder.prefix(&prefix);
    let made = if in_memory { folder.tempdir_in(SHARED_MEMORY) } else { folder.tempdir() };
    made.expect("a throw-away folder")
}

/// Containers often have very little.
fn has_room() -> bool {
    let answer = Command::new("df").args(["--output=avail", "--block-size=1M", SHARED_MEMORY]).output();
    let megabytes = answer.ok().and_then(|answer| {
        let text = String::from_utf8(answer.stdout).ok()?;
        text.lines().nth(1)?.trim().parse::<u64>().ok()
    });
    megabytes.is_some_and(|megabytes| megabytes >= ROOM)
}

/// Removes the folders of tests that no longer run, and ends the servers they left.
fn remove_orphans(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| owner_of(name).is_some_and(|owner| !owner_runs(owner))) {
            end_server(&entry.path());
            // Of several tests that start together one removes it, and others find it gone.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process that made a folder with this name: its number and when it was started.
fn owner_of(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(PREFIX)?.split('-');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn owner_runs((pid, started): (u32, u64)) -> bool {
    start_time(pid) == Some(started)
}

/// Ends the server of a folder. Its number may be another process's by now: only one that writes into the folder is it.
fn end_server(folder: &Path) {
    let pid = fs::read_to_string(folder.join(PID_FILE)).ok().and_then(|pid| pid.parse().ok());
    if let Some(pid) = pid.filter(|pid: &u32| {
        fs::read_link(format!("/proc/{pid}/fd/1")).is_ok_and(|log| log == folder.join(LOG))
    }) {
        send_signal("KILL", &[pid]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_tests_that_are_gone_are_removed_and_their_servers_ended_but_no_others() {
        let parent = tempfile::tempdir().unwrap();
        let this = std::process::id();
        let started = start_time(this).unwrap();
        let [ours, gone, foreign] =
            [format!("{PREFIX}{this}-{started}-a"), format!("{PREFIX}{this}-1-b"), "else".to_owned()]
                .map(|name| parent.path().join(name));
        for folder in [&ours, &gone, &foreign] {
            fs::create_dir(folder).unwrap();
        }
        let log = fs::File::create(gone.join(LOG)).unwrap();
        let mut server = Command::new("sleep").arg("600").stdout(log).spawn().unwrap();
        fs::write(gone.join(PID_FILE), server.id().to_string()).unwrap();
        remove_orphans(parent.path());
        assert!(ours.exists() && foreign.exists() && !gone.exists());
        assert!(!server.wait().unwrap().success());
    }
}
