//! Guerdon itself, as its users start it but for the rate limits and the access log.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use test_servers::PortLease;

use crate::{
    api_client::{ADMIN, ApiClient, Member, PASSWORD},
    bench_error::{BenchError, BenchResult, NameWhat},
    child_server::{ChildServer, loopback},
    process_figures::{cpu_time, peak_bytes, resident_bytes},
};

/// Which processes there are. Each is started once the one before it was; the last is the one that says when all are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topology {
    All,
    Split,
}

impl Topology {
    fn services(self) -> &'static [&'static str] {
        match self {
            Self::All => &["all"],
            Self::Split => &["auth", "event", "gateway"],
        }
    }
}

/// A running system in a folder of its own.
#[derive(Debug)]
pub(crate) struct GuerdonSystem {
    pub(crate) api: ApiClient,
    /// None while it is stopped.
    servers: Vec<ChildServer>,
    topology: Topology,
    program: PathBuf,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    ports: [PortLease; 4],
}

impl GuerdonSystem {
    /// A fresh one, with an administrator. Its data go below the folder unless these settings name other stores.
    pub(crate) async fn start(
        program: &Path,
        folder: &Path,
        topology: Topology,
        stores: &[(&str, String)],
    ) -> BenchResult<Self> {
        let ports: [PortLease; 4] = std::array::from_fn(|_| PortLease::take());
        let port = |index: usize| ports[index].port().to_string();
        let own = [
            ("GUERDON_DATA_DIR", folder.join("data").display().to_string()),
            ("JWT_SECRET", "a secret of a benchmark, which guards nothing".to_owned()),
            ("HTTP_PORT", port(0)),
            ("GATEWAY_PORT", port(1)),
            ("AUTH_SERVICE_PORT", port(2)),
            ("EVENT_SERVICE_PORT", port(3)),
            ("RATE_LIMIT", "off".to_owned()),
            ("LOG_LEVEL", "warn".to_owned()),
        ];
        let settings = own.iter().chain(stores).map(|(name, value)| ((*name).to_owned(), value.clone()));
        let mut system = Self {
            api: ApiClient { address: loopback(ports[0].port()) },
            servers: Vec::new(),
            topology,
            program: program.to_owned(),
            folder: folder.to_owned(),
            settings: settings.collect(),
            ports,
        };
        system.create_admin()?;
        system.resume().await?;
        Ok(system)
    }

    fn create_admin(&self) -> BenchResult<()> {
        let mut command = Command::new(&self.program);
        command.args(["user", "create", "--email", ADMIN, "--role", "ADMIN", "--password-stdin"]);
        command.env_clear().envs(self.settings.iter().map(|(name, value)| (name, value)));
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .about(self.program.display().to_string())?;
        if let Some(mut input) = child.stdin.take() {
            input.write_all(PASSWORD.as_bytes())?;
        }
        let status = child.wait()?;
        let failed = || BenchError::Unusable(format!("guerdon user create: {status}"));
        status.success().then_some(()).ok_or_else(failed)
    }

    /// Starts it on the data there are; how long it took until it was ready.
    pub(crate) async fn resume(&mut self) -> BenchResult<Duration> {
        let started = Instant::now();
        for service in self.topology.services() {
            let arguments = ["serve", service];
            let server =
                ChildServer::start(&self.program, &arguments, &self.settings, &self.folder, service)?;
            self.servers.push(server);
        }
        let operations = self.ports[1].port();
        if let Some(last) = self.servers.last_mut() {
            last.until_ready(operations, "/readyz").await?;
        }
        Ok(started.elapsed())
    }

    /// Ends it in order; its data stay.
    pub(crate) fn pause(&mut self) -> BenchResult<()> {
        self.servers.drain(..).rev().try_for_each(ChildServer::stop)
    }

    pub(crate) async fn admin(&self) -> BenchResult<Member> {
        self.api.log_in(ADMIN, PASSWORD).await
    }

    /// One of its database files.
    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    pub(crate) fn pids(&self) -> Vec<u32> {
        self.servers.iter().map(ChildServer::pid).collect()
    }

    pub(crate) fn cpu_time(&self) -> BenchResult<Duration> {
        self.pids().into_iter().map(cpu_time).sum()
    }

    pub(crate) fn resident_bytes(&self) -> BenchResult<u64> {
        self.pids().into_iter().map(resident_bytes).sum()
    }

    /// The most memory it has had in use since it was started.
    pub(crate) fn peak_bytes(&self) -> BenchResult<u64> {
        self.pids().into_iter().map(peak_bytes).sum()
    }
}
