use std::{path::Path, process::Command};

use crate::{
    programs::required,
    server::{Server, folder},
};

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    server: Server,
    password: Option<&'static str>,
}

impl Redis {
    /// A fresh one. It keeps what it was told over a kill.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// A fresh one that asks for this password.
    pub fn start_with(password: Option<&'static str>) -> Self {
        let server = Server::start(folder(), move |port, folder| {
            let mut command = command(port, folder);
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
            if let Some(password) = password {
                command.args(["--requirepass", password]);
            }
            command
        });
        Self { server, password }
    }

    /// `redis://…`, with the password if there is one.
    pub fn url(&self) -> String {
        let credentials = self.password.map_or_else(String::new, |password| format!(":{password}@"));
        format!("redis://{credentials}127.0.0.1:{}", self.server.port)
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// `kill -9`; its data stays.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// After [`Redis::kill`], on the same port and data.
    pub fn restart(&mut self) {
        self.server.restart();
    }

    /// Leaves it accepting connections without ever answering.
    pub fn freeze(&mut self) {
        self.server.signal("STOP");
    }

    /// Ends [`Redis::freeze`].
    pub fn thaw(&mut self) {
        self.server.signal("CONT");
    }
}

/// Three masters that share the keys out among them.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: [Server; 3],
}

impl RedisCluster {
    /// A fresh one, ready for use.
    pub fn start() -> Self {
        let nodes = std::array::from_fn(|_| {
            Server::start(folder(), |port, folder| {
                let mut command = command(port, folder);
                command.args([
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "1000",
                    "--appendonly",
                    "no",
                ]);
                // The usual bus port, 10000 above, may lie above the highest port there is.
                command.args(["--cluster-port", &crate::server::free_port().to_string()]);
                command
            })
        });
        let cluster = Self { nodes };
        let mut create = Command::new(required("GUERDON_TEST_REDIS_CLI"));
        create.args(["--cluster", "create"]).args(cluster.addresses()).arg("--cluster-yes");
        let created = create.output().expect("redis-cli runs");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        cluster
    }

    /// `host:port` of each node.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect()
    }
}

fn command(port: u16, folder: &Path) -> Command {
    let mut command = Command::new(required("GUERDON_TEST_REDIS_SERVER"));
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]).arg(folder);
    command
}
