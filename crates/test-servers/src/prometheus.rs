use std::{
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use crate::{folder::throw_away_folder, programs::required_program, server::ServerProcess};

/// The files Prometheus is started with: name and content.
pub type ConfigFiles = Vec<(&'static str, String)>;

/// The file that Prometheus reads first.
const CONFIG: &str = "prometheus.yml";

/// A Prometheus server.
#[derive(Debug)]
pub struct Prometheus {
    server: ServerProcess,
}

impl Prometheus {
    /// A fresh one with these files, `prometheus.yml` among them. They are made for the address that it listens on.
    pub fn start(files_for: impl Fn(&str) -> ConfigFiles + Send + Sync + 'static) -> Self {
        let server = ServerProcess::start(throw_away_folder(), move |port, folder| {
            let address = format!("127.0.0.1:{port}");
            for (name, content) in files_for(&address) {
                fs::write(folder.join(name), content).expect("the folder is ours");
            }
            prometheus_command(&address, folder)
        });
        Self { server }
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }
}

fn prometheus_command(address: &str, folder: &Path) -> Command {
    let mut command = Command::new(required_program("GUERDON_TEST_PROMETHEUS"));
    command.arg(format!("--config.file={}", folder.join(CONFIG).display()));
    command.arg(format!("--storage.tsdb.path={}", folder.join("data").display()));
    command.arg(format!("--web.listen-address={address}"));
    command.arg("--log.level=warn");
    command
}

/// What Prometheus' own linter finds wrong with a text of figures; empty if nothing.
pub fn lint_figures(text: &str) -> String {
    let mut promtool = Command::new(required_program("GUERDON_TEST_PROMTOOL"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool runs");
    let mut input = promtool.stdin.take().expect("its input is piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let found = promtool.wait_with_output().expect("it ends");
    let complaints = [found.stdout, found.stderr].concat();
    let complaints = String::from_utf8_lossy(&complaints).into_owned();
    assert!(found.status.success() || !complaints.is_empty(), "promtool failed without a word");
    complaints
}
