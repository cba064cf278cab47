use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    folder::throw_away_folder,
    programs::required_program,
    redis::{redis_cli, redis_command},
    server::{START_LIMIT, ServerProcess},
};

/// The name the Sentinel knows the master by.
const SERVICE: &str = "guerdon";
/// What the servers ask for.
const PASSWORD: &str = "of-the-servers";
/// What the Sentinel itself asks for.
const SENTINEL_PASSWORD: &str = "of-the-sentinel";

/// A master, its replica, and a Sentinel that makes the replica the master when the master is gone for a second.
#[derive(Debug)]
pub struct RedisSentinel {
    master: ServerProcess,
    replica: ServerProcess,
    sentinel: ServerProcess,
}

impl RedisSentinel {
    /// Fresh ones, once the Sentinel knows both and the replica follows its master.
    pub fn start() -> Self {
        let node = |port: u16, folder: &Path| {
            let mut command = redis_command(port, folder);
            command.args(["--requirepass", PASSWORD, "--masterauth", PASSWORD]);
            // A first copy waits five seconds by default, for other replicas to join.
            command.args(["--repl-diskless-sync-delay", "0"]);
            command
        };
        let master = ServerProcess::start(throw_away_folder(), node);
        let master_port = master.port;
        let replica = ServerProcess::start(throw_away_folder(), move |port, folder| {
            let mut command = node(port, folder);
            command.args(["--replicaof", &format!("127.0.0.1 {master_port}")]);
            command
        });
        let sentinel = ServerProcess::start(throw_away_folder(), move |port, folder| {
            let file = folder.join("sentinel.conf");
            // It writes what it learns into the file.
            if !file.exists() {
                let lines = [
                    format!("port {port}"),
                    "bind 127.0.0.1".to_owned(),
                    format!("dir {}", folder.display()),
                    format!("requirepass {SENTINEL_PASSWORD}"),
                    format!("sentinel monitor {SERVICE} 127.0.0.1 {master_port} 1"),
                    format!("sentinel auth-pass {SERVICE} {PASSWORD}"),
                    format!("sentinel down-after-milliseconds {SERVICE} 1000"),
                    format!("sentinel failover-timeout {SERVICE} 5000"),
                ];
                std::fs::write(&file, lines.join("\n")).expect("the configuration can be written");
            }
            let mut command = Command::new(required_program("GUERDON_TEST_REDIS_SERVER"));
            command.arg(file).arg("--sentinel");
            command
        });
        let servers = Self { master, replica, sentinel };
        servers.wait_until_they_know_each_other();
        servers
    }

    /// `redis+sentinel://…`
    pub fn url(&self) -> String {
        let port = self.sentinel.port;
        format!(
            "redis+sentinel://:{PASSWORD}@127.0.0.1:{port}/{SERVICE}?sentinelPassword={SENTINEL_PASSWORD}"
        )
    }

    /// `kill -9` of the first master. The replica takes over some seconds later.
    pub fn kill_master(&mut self) {
        self.master.kill();
    }

    /// Lets the Sentinel make the replica the master while the first one lives, which then follows it.
    pub fn fail_over(&self) {
        let answer = self.ask_sentinel(&["sentinel", "failover", SERVICE]);
        assert!(answer.starts_with("OK"), "{answer}");
    }

    /// `redis://…` of the first replica.
    pub fn replica_url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}", self.replica.port)
    }

    /// Replication is asynchronous: what the master acknowledged may be lost with it.
    pub fn wait_until_the_replica_has(&self, key: &str) {
        let deadline = Instant::now() + START_LIMIT;
        while redis_cli(self.replica.port, Some(PASSWORD), &["exists", key]).trim() != "1" {
            assert!(Instant::now() < deadline, "the replica does not follow");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn ask_sentinel(&self, arguments: &[&str]) -> String {
        redis_cli(self.sentinel.port, Some(SENTINEL_PASSWORD), arguments)
    }

    fn wait_until_they_know_each_other(&self) {
        let deadline = Instant::now() + START_LIMIT;
        let known = || {
            let replicas = self.ask_sentinel(&["sentinel", "replicas", SERVICE]);
            let link = redis_cli(self.replica.port, Some(PASSWORD), &["info", "replication"]);
            replicas.contains(&self.replica.port.to_string())
                && replicas.contains("master-link-status\nok")
                && link.contains("master_link_status:up")
        };
        while !known() {
            assert!(Instant::now() < deadline, "the Sentinel does not find the replica");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}
