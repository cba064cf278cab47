//! Where it was measured.

use std::{fs, path::Path, process::Command, thread};

/// What decides about the figures.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
    /// Of the folder with the databases.
    disk: String,
    /// Processes that wanted to run in the last minute before the measurement began: above 0, others were at work.
    load_before: String,
    commit: String,
    date: String,
}

impl Machine {
    #[allow(clippy::disallowed_methods, reason = "a report says when it was made")]
    pub(crate) fn describe(data: &Path) -> Self {
        let processor = read("/proc/cpuinfo")
            .lines()
            .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
            .map_or_else(|| "unknown".to_owned(), |(_, name)| name.to_owned());
        let memory_kib = read("/proc/meminfo")
            .split_whitespace()
            .nth(1)
            .and_then(|count| count.parse::<u64>().ok())
            .unwrap_or_default();
        Self {
            cores: thread::available_parallelism().map_or(1, usize::from),
            processor,
            memory_gib: (memory_kib + 512 * 1024) / (1024 * 1024),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            disk: printed(Command::new("df").args(["--output=fstype"]).arg(data))
                .lines()
                .last()
                .unwrap_or_default()
                .to_owned(),
            load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
            commit: printed(Command::new("git").args(["describe", "--always", "--dirty"])),
            date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        }
    }

    /// One sentence.
    pub(crate) fn sentence(&self) -> String {
        format!(
            "{}, commit {}, on {} cores of {}, {} GiB, Linux {}, databases on {}; load average before the run {}.",
            self.date,
            self.commit,
            self.cores,
            self.processor,
            self.memory_gib,
            self.kernel,
            self.disk,
            self.load_before,
        )
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn printed(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).trim().to_owned()
}
