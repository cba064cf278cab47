use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use crate::{
    api::{Answer, Api, text},
    figures::Figures,
    process::{Finished, Process},
};

/// The first administrator of every system.
pub const ADMIN: &str = "admin@guerdon.local";
/// The password of everybody the tests register.
pub const PASSWORD: &str = "correct horse battery";
/// The secret every system is started with, so that tests can forge tokens.
pub const SECRET: &str = "an end-to-end secret of more than 32 bytes";

/// How the services are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// One process.
    All,
    /// Three processes over HTTP.
    Split,
}

/// A running system with its own data.
#[derive(Debug)]
pub struct System {
    /// Its public API.
    pub api: Api,
    /// Its operations address, `host:port`.
    pub operations: String,
    /// The addresses of auth and event, when they have their own.
    pub services: Option<(String, String)>,
    /// Every process: the gateway (or all in one) first, then auth and event.
    pub processes: Vec<Process>,
    /// What the first start printed as the administrator's password.
    pub admin_password: Option<String>,
    admin: OnceCell<String>,
    settings: Vec<(String, String)>,
    topology: Topology,
    data: TempDir,
}

impl System {
    /// A fresh system without rate limits.
    pub async fn start(topology: Topology) -> Self {
        Self::start_with(topology, &[("RATE_LIMIT", "off")]).await
    }

    /// A fresh system with these settings.
    pub async fn start_with(topology: Topology, settings: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a folder for data");
        let mut all = vec![
            ("GUERDON_DATA_DIR".to_owned(), data.path().join("data").display().to_string()),
            ("JWT_SECRET".to_owned(), SECRET.to_owned()),
            ("HTTP_PORT".to_owned(), "0".to_owned()),
            ("GATEWAY_PORT".to_owned(), "0".to_owned()),
        ];
        all.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let mut system = Self {
            api: Api::new(""),
            operations: String::new(),
            services: None,
            processes: Vec::new(),
            admin_password: None,
            admin: OnceCell::new(),
            settings: all,
            topology,
            data,
        };
        system.launch().await;
        let users = system.processes.last_mut().filter(|_| topology == Topology::All);
        let users = match users {
            Some(process) => process,
            None => &mut system.processes[1],
        };
        system.admin_password = Some(users.find(printed_password, "the administrator's password").await);
        system
    }

    /// The folder its stores are in.
    pub fn data(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// Starts it again with the same data, after its processes were killed or ended.
    pub async fn restart(&mut self) {
        self.processes.clear();
        self.admin = OnceCell::new();
        self.launch().await;
    }

    /// An access token of the first administrator. There is one session per user, so it is always the same.
    pub async fn admin(&self) -> String {
        let log_in = async || {
            let password = self.admin_password.as_deref().expect("the first start printed a password");
            let session = self.api.log_in_with(ADMIN, password).await.expect(200);
            text(&session, "/accessToken")
        };
        self.admin.get_or_init(log_in).await.clone()
    }

    /// An access token of a new operator.
    pub async fn operator(&self) -> String {
        self.api.member(&self.admin().await, "olga@example.com", &["OPERATOR"]).await.1
    }

    /// Runs a command with this system's settings, beside it.
    pub async fn command(&self, arguments: &[&str], input: &str) -> Finished {
        Process::run(arguments, &self.settings, input).await
    }

    /// What the operations address of a process answers. `index` counts as in [`System::processes`].
    pub async fn operations(&self, index: usize, path: &str) -> Answer {
        let address = match (&self.services, index) {
            (Some((auth, _)), 1) => auth,
            (Some((_, event)), 2) => event,
            _ => &self.operations,
        };
        Api::new(address).call(Method::GET, path, None, &Value::Null).await
    }

    /// Waits until every process is ready.
    pub async fn until_ready(&self) {
        for _ in 0..300 {
            if self.operations(0, "/readyz").await.status == 200 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("never ready: {:#}", self.operations(0, "/readyz").await.body);
    }

    /// Its figures, of all its processes together.
    pub async fn figures(&self) -> Figures {
        let mut all = Figures::default();
        for index in 0..self.processes.len() {
            all.add(&self.operations(index, "/metrics").await.text);
        }
        all
    }

    /// One of its databases, opened beside the running system: `user.db` or `event.db`.
    pub async fn database(&self, file: &str) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.data().join(file));
        options.connect().await.expect("the database opens")
    }

    /// Everything all its processes printed.
    pub fn printed(&self) -> String {
        self.processes.iter().flat_map(Process::printed).collect::<Vec<_>>().join("\n")
    }

    async fn launch(&mut self) {
        let gateway = match self.topology {
            Topology::All => self.spawn("all", &[]),
            Topology::Split => self.launch_services().await,
        };
        self.processes.insert(0, gateway);
        let gateway = &mut self.processes[0];
        self.api = Api::new(&gateway.address("gateway").await);
        self.operations = gateway.address("operations").await;
    }

    async fn launch_services(&mut self) -> Process {
        let mut auth = self.spawn("auth", &[("AUTH_SERVICE_PORT", "0")]);
        let mut event = self.spawn("event", &[("EVENT_SERVICE_PORT", "0")]);
        let addresses = (auth.address("auth").await, event.address("event").await);
        let port = |address: &str| address.rsplit(':').next().expect("addresses have ports").to_owned();
        let (auth_port, event_port) = (port(&addresses.0), port(&addresses.1));
        let gateway = self.spawn(
            "gateway",
            &[("AUTH_SERVICE_PORT", auth_port.as_str()), ("EVENT_SERVICE_PORT", event_port.as_str())],
        );
        self.services = Some(addresses);
        self.processes = vec![auth, event];
        gateway
    }

    fn spawn(&self, service: &str, more: &[(&str, &str)]) -> Process {
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment: Vec<_> = self.settings.iter().cloned().chain(more).collect();
        Process::start(&["serve", service], &environment)
    }

    /// Starts one service anew where it was before. `index` counts as in [`System::processes`].
    pub async fn revive(&mut self, index: usize) {
        let (auth, event) = self.services.clone().expect("only split systems have services");
        let (service, variable, address) = if index == 1 {
            ("auth", "AUTH_SERVICE_PORT", auth)
        } else {
            ("event", "EVENT_SERVICE_PORT", event)
        };
        let port = address.rsplit(':').next().expect("addresses have ports").to_owned();
        let mut process = self.spawn(service, &[(variable, &port)]);
        process.address(service).await;
        self.processes[index] = process;
        self.admin = OnceCell::new();
        self.until_ready().await;
    }
}

/// A failed test shows what its system had to complain about.
impl Drop for System {
    fn drop(&mut self) {
        let complaints = |line: &&str| line.contains("\"WARN\"") || line.contains("\"ERROR\"");
        if std::thread::panicking() {
            self.printed().lines().filter(complaints).take(10).for_each(|line| eprintln!("{line}"));
        }
    }
}

fn printed_password(line: &str) -> Option<String> {
    let word = line.split_whitespace().next()?;
    (word.len() == 30 && word.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| word.to_owned())
}
