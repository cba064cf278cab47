use std::{path::PathBuf, process::Stdio, sync::Arc, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    sync::watch,
};

/// How long a process may take to say that it listens, also on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// A running `guerdon`, with everything it printed. It is killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    lines: watch::Receiver<Vec<String>>,
}

impl Process {
    /// Starts `guerdon` with these arguments and this environment, and no other.
    pub fn start(arguments: &[&str], environment: &[(String, String)]) -> Self {
        let mut child = Command::new(binary())
            .args(arguments)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("guerdon starts");
        let (sender, lines) = watch::channel(Vec::new());
        let sender = Arc::new(sender);
        collect(child.stdout.take().expect("stdout is piped"), Arc::clone(&sender));
        collect(child.stderr.take().expect("stderr is piped"), sender);
        Self { child, lines }
    }

    /// Waits for the line that says where `part` listens, and returns the address.
    pub async fn address(&mut self, part: &str) -> String {
        let listening = |line: &String| {
            let line: Value = serde_json::from_str(line).ok()?;
            let this = line["message"] == "listening" && line["part"] == part;
            this.then(|| line["address"].as_str().map(str::to_owned)).flatten()
        };
        self.find(listening, &format!("that {part} listens")).await
    }

    /// Waits for a line that `look` finds something in.
    pub async fn find<T>(&mut self, look: impl Fn(&String) -> Option<T>, what: &str) -> T {
        let found = async {
            loop {
                if let Some(found) = self.lines.borrow_and_update().iter().find_map(&look) {
                    return Some(found);
                }
                if self.lines.changed().await.is_err() {
                    return self.lines.borrow().iter().find_map(&look);
                }
            }
        };
        let found = tokio::time::timeout(START_LIMIT, found).await.ok().flatten();
        found.unwrap_or_else(|| panic!("guerdon never said {what}; it said {:#?}", self.printed()))
    }

    /// Everything printed so far, logs and messages alike.
    pub fn printed(&self) -> Vec<String> {
        self.lines.borrow().clone()
    }

    /// `kill -9`: no chance to finish anything.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("the process is ours to kill");
    }

    /// SIGTERM; returns the exit code and how long it took to end.
    pub async fn terminate(&mut self) -> (Option<i32>, Duration) {
        let started = std::time::Instant::now();
        let pid = self.child.id().expect("it still runs").to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().await.expect("kill runs");
        assert!(sent.success());
        (self.wait().await, started.elapsed())
    }

    /// Waits for the end; returns the exit code.
    pub async fn wait(&mut self) -> Option<i32> {
        let status = tokio::time::timeout(START_LIMIT, self.child.wait()).await;
        status.expect("the process ends").expect("it can be waited for").code()
    }
}

fn collect(stream: impl AsyncRead + Unpin + Send + 'static, lines: Arc<watch::Sender<Vec<String>>>) {
    tokio::spawn(async move {
        let mut stream = BufReader::new(stream).lines();
        while let Ok(Some(line)) = stream.next_line().await {
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

/// The binary beside this test's own: `make test` builds it first.
fn binary() -> PathBuf {
    let this = std::env::current_exe().expect("a test knows its own file");
    let folder = this.parent().and_then(|deps| deps.parent()).expect("tests are in target/<profile>/deps");
    let binary = folder.join("guerdon");
    assert!(binary.exists(), "{} is missing: run `make test`, which builds it", binary.display());
    binary
}
