//! Guerdon itself, as its users start it but for the rate limits and the access log.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use test_servers::PortLease;

use crate::{
    api_client::{ADMIN, ApiClient, Member},
    bench_error::{BenchError, BenchResult, NameWhat},
    child_server::{ChildServer, loopback},
    process_figures::{cpu_time, resident_bytes},
};

/// All in one process, on SQLite files in a folder of its own.
#[derive(Debug)]
pub(crate) struct GuerdonSystem {
    pub(crate) api: ApiClient,
    /// None while it is stopped.
    server: Option<ChildServer>,
    program: PathBuf,
    folder: PathBuf,
    ports: [PortLease; 2],
    admin_password: String,
}

impl GuerdonSystem {
    /// A fresh one. The folder must exist; its data go below it.
    pub(crate) async fn start(program: &Path, folder: &Path) -> BenchResult<Self> {
        let ports = [PortLease::take(), PortLease::take()];
        let api = ApiClient { address: loopback(ports[0].port()) };
        let mut system = Self {
            api,
            server: None,
            program: program.to_owned(),
            folder: folder.to_owned(),
            ports,
            admin_password: String::new(),
        };
        system.resume().await?;
        let printed = folder.join("guerdon.err");
        let text = fs::read_to_string(&printed).about(printed.display().to_string())?;
        system.admin_password = text
            .split_whitespace()
            .find(|word| word.len() == 30 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .map(str::to_owned)
            .ok_or_else(|| BenchError::Unusable(format!("no password was printed: {text}")))?;
        Ok(system)
    }

    /// Starts it on the data there are; how long it took until it was ready.
    pub(crate) async fn resume(&mut self) -> BenchResult<Duration> {
        let started = Instant::now();
        let operations = self.ports[1].port();
        let mut server = ChildServer::start(
            &self.program,
            &["serve", "all"],
            &self.settings(),
            &self.folder,
            "guerdon",
        )?;
        server.until_ready(operations, "/readyz").await?;
        self.server = Some(server);
        Ok(started.elapsed())
    }

    /// Ends it in order; its data stay.
    pub(crate) fn pause(&mut self) -> BenchResult<()> {
        self.server.take().map_or(Ok(()), ChildServer::stop)
    }

    pub(crate) async fn admin(&self) -> BenchResult<Member> {
        self.api.log_in(ADMIN, &self.admin_password).await
    }

    /// One of its database files.
    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.join("data").join(name)
    }

    pub(crate) fn cpu_time(&self) -> BenchResult<Duration> {
        cpu_time(self.pid()?)
    }

    pub(crate) fn resident_bytes(&self) -> BenchResult<u64> {
        resident_bytes(self.pid()?)
    }

    pub(crate) fn pid(&self) -> BenchResult<u32> {
        let server = self.server.as_ref().map(ChildServer::pid);
        server.ok_or_else(|| BenchError::Unusable("the system is stopped".to_owned()))
    }

    fn settings(&self) -> Vec<(String, String)> {
        [
            ("GUERDON_DATA_DIR", self.folder.join("data").display().to_string()),
            ("HTTP_PORT", self.ports[0].port().to_string()),
            ("GATEWAY_PORT", self.ports[1].port().to_string()),
            ("RATE_LIMIT", "off".to_owned()),
            ("LOG_LEVEL", "warn".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }
}
