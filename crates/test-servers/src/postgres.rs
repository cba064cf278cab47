use std::{
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    folder::throw_away_folder,
    programs::{look_up_program, required_program},
    server::ServerProcess,
    signals::{continue_processes, send_signal, stop_processes},
};

const USER: &str = "guerdon";
const PASSWORD: &str = "a password for tests";

/// A PostgreSQL server with a superuser `guerdon`, who needs a password.
#[derive(Debug)]
pub struct Postgres {
    server: ServerProcess,
    bin: PathBuf,
}

impl Postgres {
    /// A fresh one.
    pub fn start() -> Self {
        let bin = PathBuf::from(required_program("GUERDON_TEST_POSTGRES_BIN"));
        let folder = throw_away_folder();
        create_cluster(&bin, folder.path());
        let program = bin.join("postgres");
        let server = ServerProcess::start(folder, move |port, folder| {
            let mut command = unprivileged_command(&program);
            command.arg("-D").arg(folder.join("data")).args([
                "-h",
                "127.0.0.1",
                "-k",
                "",
                "-p",
                &port.to_string(),
            ]);
            // What was written outlives a killed server without fsync; only a machine that stops would lose it.
            command.args(["-c", "shared_buffers=32MB", "-c", "max_connections=200", "-c", "fsync=off"]);
            // In its folder, so that nothing of a killed one stays behind.
            command.args(["-c", "dynamic_shared_memory_type=mmap"]).current_dir(folder);
            command
        });
        let server = Self { server, bin };
        server.wait_until_ready();
        server
    }

    /// A URL with the credentials and this database, which is there from the start if it is `postgres`.
    pub fn url(&self, database: &str) -> String {
        let password = PASSWORD.replace(' ', "%20");
        format!("postgres://{USER}:{password}@127.0.0.1:{}/{database}", self.server.port)
    }

    /// A URL with wrong credentials.
    pub fn url_with_password(&self, password: &str) -> String {
        format!("postgres://{USER}:{password}@127.0.0.1:{}/postgres", self.server.port)
    }

    /// Creates an empty database and returns its URL.
    pub fn fresh_database(&self, name: &str) -> String {
        self.query(&format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// Carries out a statement in the database `postgres` and returns its rows, one a line.
    pub fn query(&self, statement: &str) -> String {
        let asked = self.psql(statement);
        assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8_lossy(&asked.stdout).into_owned()
    }

    /// `kill -9` of the server's first process; its data stays.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// After [`Postgres::kill`], on the same port and data. Waits until what the old one left behind has ended.
    pub fn restart(&mut self) {
        self.server.restart();
        self.wait_until_ready();
    }

    /// Stops it and all its processes: it accepts connections and never answers.
    pub fn freeze(&self) {
        // The first alone, so that no more of them come.
        self.server.freeze();
        stop_processes(&self.server.children());
    }

    /// After [`Postgres::freeze`]: it goes on where it was.
    pub fn thaw(&self) {
        continue_processes(&self.server.children());
        self.server.thaw();
    }

    /// Stops the processes that serve the connections there are, for good; new connections are served.
    pub fn hang_connections(&self) {
        // That of the question itself is gone, or soon will be.
        let asked = self.psql(
            "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        );
        let pids: Vec<_> =
            String::from_utf8_lossy(&asked.stdout).lines().filter_map(|pid| pid.parse().ok()).collect();
        if !pids.is_empty() {
            stop_processes(&pids);
        }
    }

    /// Accepting connections comes before answering, as long as it recovers from a crash.
    fn wait_until_ready(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let asked = self.psql("SELECT 1");
            if asked.status.success() {
                return;
            }
            assert!(Instant::now() < deadline, "{}", String::from_utf8_lossy(&asked.stderr));
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn psql(&self, statement: &str) -> std::process::Output {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args([&self.url("postgres"), "-qAtc", statement]);
        psql.output().expect("psql runs")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // Those that are stopped would not notice that the first has ended.
        if self.server.is_running() {
            self.server.freeze();
            let children = self.server.children();
            if !children.is_empty() {
                send_signal("KILL", &children);
            }
        }
    }
}

fn create_cluster(bin: &Path, folder: &Path) {
    let password = folder.join("password");
    std::fs::write(&password, PASSWORD).expect("the folder is ours");
    if let Some((uid, gid)) = server_owner() {
        for path in [folder, &password] {
            chown(path, Some(uid), Some(gid)).expect("root may give files away");
        }
    }
    let mut initdb = unprivileged_command(&bin.join("initdb"));
    initdb.arg("-D").arg(folder.join("data")).arg("--pwfile").arg(&password).current_dir(folder);
    initdb.args(["-U", USER, "-A", "scram-sha-256", "--no-sync", "--no-locale", "-E", "UTF8"]);
    let made = initdb.output().expect("initdb runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// Whom to run as, where we are root: PostgreSQL refuses to.
fn server_owner() -> Option<(u32, u32)> {
    let number = |name| look_up_program(name)?.parse().ok();
    Some((number("GUERDON_TEST_POSTGRES_UID")?, number("GUERDON_TEST_POSTGRES_GID")?))
}

fn unprivileged_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    if let Some((uid, gid)) = server_owner() {
        command.uid(uid).gid(gid);
    }
    command
}
