use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// How long a process may take to say that it listens, also on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);

/// A running `guerdon`, with everything it printed. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: watch::Receiver<Vec<OutputLine>>,
}

#[derive(Debug)]
struct OutputLine {
    stream: OutputStream,
    text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutputStream {
    Out,
    Err,
}

/// How a command ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Process {
    /// Starts `guerdon` with these arguments and this environment, and no other.
    pub fn start(arguments: &[&str], environment: &[(String, String)]) -> Self {
        let mut child =
            guerdon_command(arguments, environment).stdin(Stdio::null()).spawn().expect("guerdon starts");
        let (sender, lines) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        collect_lines(child.stdout.take().expect("stdout is piped"), OutputStream::Out, Arc::clone(&sender));
        collect_lines(child.stderr.take().expect("stderr is piped"), OutputStream::Err, sender);
        Self { child, lines }
    }

    /// Runs `guerdon` to its end, with this on its standard input.
    pub async fn run(arguments: &[&str], environment: &[(String, String)], input: &str) -> Finished {
        let mut child =
            guerdon_command(arguments, environment).stdin(Stdio::piped()).spawn().expect("guerdon starts");
        let mut stdin = child.stdin.take().expect("stdin is piped");
        // A command that refuses its arguments ends without reading.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = tokio::time::timeout(START_LIMIT, child.wait_with_output()).await;
        let output = output.expect("the command ends").expect("it can be waited for");
        let text = |bytes| String::from_utf8(bytes).expect("guerdon prints UTF-8");
        Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Waits for the line that says where `part` listens, and returns the address.
    pub async fn address(&mut self, part: &str) -> String {
        let listening = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            let this = line["message"] == "listening" && line["part"] == part;
            this.then(|| line["address"].as_str().map(str::to_owned)).flatten()
        };
        self.find(listening, &format!("that {part} listens")).await
    }

    /// Waits for a line that `look` finds something in.
    pub async fn find<T>(&mut self, look: impl Fn(&str) -> Option<T>, what: &str) -> T {
        let found = async {
            loop {
                if let Some(found) = self.lines.borrow_and_update().iter().find_map(|line| look(&line.text)) {
                    return Some(found);
                }
                if self.lines.changed().await.is_err() {
                    return self.lines.borrow().iter().find_map(|line| look(&line.text));
                }
            }
        };
        let found = tokio::time::timeout(START_LIMIT, found).await.ok().flatten();
        found.unwrap_or_else(|| panic!("guerdon never said {what}; it said {:#?}", self.printed()))
    }

    /// Everything printed so far, logs and messages alike.
    pub fn printed(&self) -> Vec<String> {
        self.lines.borrow().iter().map(|line| line.text.clone()).collect()
    }

    /// What was written to standard output so far: the logs.
    pub fn logs(&self) -> Vec<String> {
        let lines = self.lines.borrow();
        lines.iter().filter(|line| line.stream == OutputStream::Out).map(|line| line.text.clone()).collect()
    }

    /// `kill -9`: no chance to finish anything.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process is ours to kill");
    }

    /// SIGTERM; returns the exit code. A process that does not end is a failure.
    pub async fn terminate(&mut self) -> Option<i32> {
        self.signal_end();
        self.wait().await
    }

    /// SIGTERM, without waiting for what follows.
    pub fn signal_end(&self) {
        test_servers::send_signal("TERM", &[self.pid()]);
    }

    /// SIGSTOP: it stays there and answers nothing from now on.
    pub async fn pause(&self) {
        let pid = self.pid();
        let stopped = tokio::task::spawn_blocking(move || test_servers::stop_processes(&[pid])).await;
        stopped.expect("it is stopped");
    }

    /// SIGCONT: it goes on.
    pub async fn resume(&self) {
        let pid = self.pid();
        let continued = tokio::task::spawn_blocking(move || test_servers::continue_processes(&[pid])).await;
        continued.expect("it is continued");
    }

    fn pid(&self) -> u32 {
        self.child.id().expect("it still runs")
    }

    /// Waits for the end; returns the exit code.
    pub async fn wait(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(START_LIMIT, self.child.wait()).await;
        status.expect("the process ends").expect("it can be waited for").code()
    }
}

fn guerdon_command(arguments: &[&str], environment: &[(String, String)]) -> Command {
    let mut command = Command::new(guerdon_binary());
    command.args(arguments).env_clear().envs(environment.iter().cloned());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn collect_lines(
    source: impl AsyncRead + Unpin + Send + 'static,
    stream: OutputStream,
    lines: Arc<watch::Sender<Vec<OutputLine>>>,
) {
    tokio::spawn(async move {
        let mut source = BufReader::new(source).lines();
        while let Ok(Some(text)) = source.next_line().await {
            lines.send_modify(|lines| lines.push(OutputLine { stream, text }));
        }
    });
}

/// The binary beside this test's own: `make test` builds it first.
fn guerdon_binary() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own file");
    let folder = this.parent().and_then(|deps| deps.parent()).expect("tests are in target/<profile>/deps");
    let binary = folder.join("guerdon");
    assert!(binary.exists(), "{} is missing: run `make test`, which builds it", binary.display());
    binary
}
