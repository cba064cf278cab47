use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    folder::throw_away_folder,
    port_lease::PortLease,
    programs::required_program,
    server::{START_LIMIT, ServerProcess},
};

/// A Redis server.
#[derive(Debug)]
pub struct Redis {
    server: ServerProcess,
    password: Option<&'static str>,
}

impl Redis {
    /// A fresh one. It keeps what it was told over a kill.
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// A fresh one that asks for this password.
    pub fn start_with(password: Option<&'static str>) -> Self {
        let server = ServerProcess::start(throw_away_folder(), move |port, folder| {
            let mut command = redis_command(port, folder);
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
        self.server.freeze();
    }

    /// Ends [`Redis::freeze`].
    pub fn thaw(&mut self) {
        self.server.thaw();
    }
}

/// Three masters that share the keys out among them.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: [ServerProcess; 3],
    /// By which the nodes talk to each other.
    _bus_ports: [PortLease; 3],
}

impl RedisCluster {
    /// A fresh one, ready for use.
    pub fn start() -> Self {
        let bus_ports: [PortLease; 3] = std::array::from_fn(|_| PortLease::take());
        let nodes = std::array::from_fn(|node| {
            let bus_port = bus_ports[node].port().to_string();
            ServerProcess::start(throw_away_folder(), move |port, folder| {
                let mut command = redis_command(port, folder);
                command.args([
                    "--cluster-enabled",
                    "yes",
                    "--cluster-node-timeout",
                    "1000",
                    "--appendonly",
                    "no",
                ]);
                // The usual bus port, 10000 above, may lie above the highest port there is.
                command.args(["--cluster-port", &bus_port]);
                command
            })
        });
        let cluster = Self { nodes, _bus_ports: bus_ports };
        let mut create = Command::new(required_program("GUERDON_TEST_REDIS_CLI"));
        create.args(["--cluster", "create"]).args(cluster.addresses()).arg("--cluster-yes");
        let created = create.output().expect("redis-cli runs");
        assert!(created.status.success(), "{}", String::from_utf8_lossy(&created.stdout));
        cluster.wait_until_it_is_ready();
        cluster
    }

    /// A node takes no requests in its first two seconds.
    fn wait_until_it_is_ready(&self) {
        let deadline = Instant::now() + START_LIMIT;
        while !self
            .nodes
            .iter()
            .all(|node| redis_cli(node.port, None, &["cluster", "info"]).contains("cluster_state:ok"))
        {
            assert!(Instant::now() < deadline, "the cluster does not become ready");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// `host:port` of each node.
    pub fn addresses(&self) -> Vec<String> {
        self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect()
    }

    /// `redis+cluster://…` with all nodes.
    pub fn url(&self) -> String {
        format!("redis+cluster://{}", self.addresses().join(","))
    }

    /// `kill -9` of one of the three: a third of the keys is gone until [`RedisCluster::restart`].
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].kill();
    }

    /// After [`RedisCluster::kill`].
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].restart();
    }
}

pub(crate) fn redis_command(port: u16, folder: &Path) -> Command {
    let mut command = Command::new(required_program("GUERDON_TEST_REDIS_SERVER"));
    command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string(), "--dir"]).arg(folder);
    command
}

/// What `redis-cli` prints.
pub(crate) fn redis_cli(port: u16, password: Option<&str>, arguments: &[&str]) -> String {
    let mut command = Command::new(required_program("GUERDON_TEST_REDIS_CLI"));
    command.args(["-p", &port.to_string()]).args(arguments).envs(password.map(|it| ("REDISCLI_AUTH", it)));
    let answer = command.output().expect("redis-cli runs");
    String::from_utf8_lossy(&answer.stdout).into_owned()
}
