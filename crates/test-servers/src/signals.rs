//! Signals that have been carried out when the call returns. `kill` itself returns earlier.

use std::{
    fs,
    process::Command,
    time::{Duration, Instant},
};

/// How long the system may take to carry out a signal, also on a busy machine.
const SIGNAL_LIMIT: Duration = Duration::from_mins(1);

/// Stops these processes, and returns once each of their threads stands still: they accept connections, as far as the
/// system does that for them, and never answer.
pub fn stop_processes(pids: &[u32]) {
    send_signal("STOP", pids);
    wait_until(pids, "stopped", |states| states.iter().all(|state| is_at_rest(*state)));
}

/// Lets processes that were stopped go on, and returns once each of their threads may.
pub fn continue_processes(pids: &[u32]) {
    send_signal("CONT", pids);
    wait_until(pids, "continued", |states| !states.contains(&'T'));
}

/// Sends a signal without waiting for what follows. One of several processes may be gone by then.
pub fn send_signal(name: &str, pids: &[u32]) {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).args(pids.iter().map(ToString::to_string));
    let sent = kill.status().expect("kill runs").success();
    assert!(sent || pids.iter().any(|pid| thread_states(*pid).is_empty()), "kill -{name} {pids:?}");
}

/// Stopped, traced, or ended and waiting to be asked for the exit code: it does nothing any more.
fn is_at_rest(state: char) -> bool {
    matches!(state, 'T' | 't' | 'Z' | 'X')
}

fn wait_until(pids: &[u32], what: &str, holds: impl Fn(&[char]) -> bool) {
    let deadline = Instant::now() + SIGNAL_LIMIT;
    for pid in pids {
        while !holds(&thread_states(*pid)) {
            assert!(Instant::now() < deadline, "process {pid} is not {what}: {:?}", thread_states(*pid));
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The state of each thread (`/proc/PID/task/TID/stat`, proc(5)); none once the process is gone.
fn thread_states(pid: u32) -> Vec<char> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let stat = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    stat.filter_map(|stat| after_name(&stat)?.chars().next()).collect()
}

/// When a process was started, in ticks since the machine was; with the number it names a process for good.
pub(crate) fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The 22nd field; what follows the name begins with the third.
    after_name(&stat)?.split(' ').nth(22 - 3)?.parse().ok()
}

/// What follows the program's name, which may hold spaces and brackets itself.
fn after_name(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ").map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_was_stopped_stands_still_and_goes_on_when_told() {
        let mut child = Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        for _ in 0..50 {
            stop_processes(&[child.id()]);
            assert!(thread_states(child.id()).iter().all(|state| *state == 'T'));
            continue_processes(&[child.id()]);
            assert!(!thread_states(child.id()).contains(&'T'));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(start_time(child.id()), None);
    }
}
