use std::time::Duration;

use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;
use test_servers::PortLease;
use tokio::sync::OnceCell;

use crate::{
    api::{Answer, Api, text},
    figures::Figures,
    process::{Finished, Process},
    servers::Servers,
    setup::Setup,
};

/// The first administrator of every system.
pub const ADMIN: &str = "admin@guerdon.local";
/// The password of everybody the tests register.
pub const PASSWORD: &str = "correct horse battery";
/// The secret every system is started with, so that tests can forge tokens.
pub const SECRET: &str = "an end-to-end secret of more than 32 bytes";

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
    /// The first administrator's password; an embedded system prints it at its first start.
    pub admin_password: String,
    /// What its stores are on.
    pub servers: Servers,
    admin: OnceCell<String>,
    settings: Vec<(String, String)>,
    setup: Setup,
    data: TempDir,
    ports: Vec<PortLease>,
}

/// The processes of a set of services, with their addresses.
#[derive(Debug)]
pub struct Running {
    /// The public API.
    pub api: Api,
    operations: String,
    services: Option<(String, String)>,
    processes: Vec<Process>,
    /// Of auth and event, also while they are down.
    ports: Vec<PortLease>,
}

impl System {
    /// A fresh system without rate limits.
    pub async fn start(setup: Setup) -> Self {
        Self::start_with(setup, &[("RATE_LIMIT", "off")]).await
    }

    /// A fresh system with these settings.
    pub async fn start_with(setup: Setup, settings: &[(&str, &str)]) -> Self {
        Self::on(Servers::start(setup, false), setup, settings).await
    }

    /// A fresh system without rate limits, on servers that nobody else uses, so that they can be killed.
    pub async fn start_alone(setup: Setup) -> Self {
        Self::start_alone_with(setup, &[("RATE_LIMIT", "off")]).await
    }

    /// The same with these settings.
    pub async fn start_alone_with(setup: Setup, settings: &[(&str, &str)]) -> Self {
        Self::on(Servers::start(setup, true), setup, settings).await
    }

    async fn on(servers: Servers, setup: Setup, more: &[(&str, &str)]) -> Self {
        let data = tempfile::tempdir().expect("a folder for data");
        let mut settings = vec![
            ("GUERDON_DATA_DIR".to_owned(), data.path().join("data").display().to_string()),
            ("JWT_SECRET".to_owned(), SECRET.to_owned()),
            ("HTTP_PORT".to_owned(), "0".to_owned()),
            ("GATEWAY_PORT".to_owned(), "0".to_owned()),
        ];
        settings.extend(servers.settings());
        settings.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let Running { api, operations, services, processes, ports } = Running::launch(setup, &settings).await;
        let mut system = Self {
            api,
            operations,
            services,
            processes,
            admin_password: PASSWORD.to_owned(),
            servers,
            admin: OnceCell::new(),
            settings,
            setup,
            data,
            ports,
        };
        system.make_admin().await;
        system
    }

    async fn make_admin(&mut self) {
        if self.setup.is_embedded() {
            let users = &mut self.processes[usize::from(self.setup.is_split())];
            self.admin_password = users.find(printed_password, "the administrator's password").await;
        } else {
            let create = ["user", "create", "--email", ADMIN, "--role", "ADMIN", "--password-stdin"];
            let made = self.command(&create, PASSWORD).await;
            assert_eq!(made.code, Some(0), "{}{}", made.stdout, made.stderr);
        }
    }

    /// The folder its stores are in.
    pub fn data(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }

    /// A setting it was started with.
    pub(crate) fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(set, _)| set == name).map(|(_, value)| value.as_str())
    }

    /// Starts it again with the same data, after its processes were killed or ended.
    pub async fn restart(&mut self) {
        self.processes.clear();
        self.admin = OnceCell::new();
        let Running { api, operations, services, processes, ports } =
            Running::launch(self.setup, &self.settings).await;
        (self.api, self.operations, self.services, self.processes) = (api, operations, services, processes);
        self.ports = ports;
    }

    /// Starts a second set of services on the same stores.
    pub async fn replica(&self) -> Running {
        Running::launch(self.setup, &self.settings).await
    }

    /// An access token of the first administrator. There is one session per user, so it is always the same.
    pub async fn admin(&self) -> String {
        let log_in = async || {
            let session = self.api.log_in_with(ADMIN, &self.admin_password).await.expect(200);
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

    /// Everything all its processes printed.
    pub fn printed(&self) -> String {
        self.processes.iter().flat_map(Process::printed).collect::<Vec<_>>().join("\n")
    }

    /// Starts one service anew where it was before. `index` counts as in [`System::processes`].
    pub async fn revive(&mut self, index: usize) {
        let (auth, event) = self.services.clone().expect("only split systems have services");
        let (service, variable, address) = if index == 1 {
            ("auth", "AUTH_SERVICE_PORT", auth)
        } else {
            ("event", "EVENT_SERVICE_PORT", event)
        };
        let port = port_of(&address);
        let mut process = spawn_service(&self.settings, service, &[(variable, port)]);
        process.address(service).await;
        self.processes[index] = process;
        self.admin = OnceCell::new();
        self.until_ready().await;
    }
}

impl Running {
    async fn launch(setup: Setup, settings: &[(String, String)]) -> Self {
        if setup.is_split() {
            return Self::launch_split(settings).await;
        }
        let mut process = spawn_service(settings, "all", &[]);
        let api = Api::new(&process.address("gateway").await);
        let operations = process.address("operations").await;
        Self { api, operations, services: None, processes: vec![process], ports: Vec::new() }
    }

    async fn launch_split(settings: &[(String, String)]) -> Self {
        let ports = vec![PortLease::take(), PortLease::take()];
        let (auth_port, event_port) = (ports[0].port().to_string(), ports[1].port().to_string());
        let variables = [("AUTH_SERVICE_PORT", auth_port.as_str()), ("EVENT_SERVICE_PORT", &event_port)];
        let mut auth = spawn_service(settings, "auth", &variables);
        let mut event = spawn_service(settings, "event", &variables);
        let services = Some((auth.address("auth").await, event.address("event").await));
        let mut gateway = spawn_service(settings, "gateway", &variables);
        let api = Api::new(&gateway.address("gateway").await);
        let operations = gateway.address("operations").await;
        Self { api, operations, services, processes: vec![gateway, auth, event], ports }
    }
}

fn port_of(address: &str) -> &str {
    address.rsplit(':').next().expect("addresses have ports")
}

fn spawn_service(settings: &[(String, String)], service: &str, more: &[(&str, &str)]) -> Process {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let environment: Vec<_> = settings.iter().cloned().chain(more).collect();
    Process::start(&["serve", service], &environment)
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
