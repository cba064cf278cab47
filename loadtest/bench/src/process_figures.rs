//! What Linux says about a process.

use std::{fs, time::Duration};

use crate::bench_error::{BenchError, BenchResult, NameWhat};

/// Linux counts processor time in these for every architecture.
const TICKS_PER_SECOND: u64 = 100;

/// What a process has used of the processors so far.
pub(crate) fn cpu_time(pid: u32) -> BenchResult<Duration> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).about(&path)?;
    cpu_ticks(&text)
        .map(|ticks| Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
        .ok_or_else(|| BenchError::Unusable(format!("{path} cannot be read: {text}")))
}

/// User and system time are the 14th and 15th field. The name, the second, may hold anything, brackets too.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

/// The memory a process has in use, in bytes.
pub(crate) fn resident_bytes(pid: u32) -> BenchResult<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most it has ever had in use.
pub(crate) fn peak_bytes(pid: u32) -> BenchResult<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, field: &str) -> BenchResult<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).about(&path)?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.map(|count| count * 1024).ok_or_else(|| BenchError::Unusable(format!("{path} has no {field}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_behind_any_name() {
        let stat = "7 (a ) b) S 1 7 7 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 9 0 1";
        assert_eq!(cpu_ticks(stat), Some(300));
        assert_eq!(cpu_ticks("7 (a"), None);
    }

    #[test]
    fn this_process_has_figures() {
        assert!(resident_bytes(std::process::id()).unwrap() > 100_000);
        assert!(cpu_time(std::process::id()).is_ok());
    }
}
