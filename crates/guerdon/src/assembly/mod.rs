//! Puts services together over their stores, in one process or several. Nothing runs until [`Assembly::run`].

mod listeners;
mod services;
mod workers;

use std::{io, mem, sync::Arc, time::Duration};

use clap::ValueEnum;
use domain::{Clock, SystemClock};
use gateway::LoginReporter;
use service_kit::{
    budget,
    health::DependencyProbe,
    metrics::{self, MetricsUpkeep},
    ratelimit::RateLimitSweeper,
    server::{self, ServerSettings},
    traces::TraceExport,
    worker::Worker,
};
use store_kit::connection::StoreConnection;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use self::{
    listeners::NamedListener,
    services::{AuthService, BuiltEvent, BuiltGateway, GatewayUpstreams, SharedParts},
    workers::PendingWorkers,
};
use crate::{
    data_folder::{DataFolderError, open_data_folder},
    first_admin::FirstAdmin,
    secret::SecretError,
    settings::{Settings, StoreSettings},
    store_disk::StoreDiskProbe,
    store_lock::{StoreLock, StoreLockError},
    store_url::{EmbeddedFile, UnknownStore},
    stores::{StoresError, close_stores},
};

/// Which services a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Topology {
    /// All three, calling each other in process.
    All,
    /// The public edge.
    Gateway,
    /// Users and sessions.
    Auth,
    /// Events, rewards, claims.
    Event,
}

impl Topology {
    /// As it is typed.
    fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Gateway => "gateway",
            Self::Auth => "auth",
            Self::Event => "event",
        }
    }

    /// What traces call the process (`service.name`).
    pub(crate) fn trace_name(self) -> &'static str {
        match self {
            Self::All => "guerdon",
            Self::Gateway => "guerdon-gateway",
            Self::Auth => "guerdon-auth",
            Self::Event => "guerdon-event",
        }
    }
}

/// Services that are ready to be served.
pub(crate) struct Assembly {
    /// The public one first.
    pub(crate) listeners: Vec<NamedListener>,
    /// Set where an administrator may have to be created.
    pub(crate) first_admin: Option<FirstAdmin>,
    workers: PendingWorkers,
    login_reporter: Option<LoginReporter>,
    limits: ServerSettings,
    clock: Arc<dyn Clock>,
    stores: Vec<Arc<dyn StoreConnection>>,
    locks: Vec<StoreLock>,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Stores(#[from] StoresError),
    #[error(transparent)]
    StoreUrl(#[from] UnknownStore),
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error(transparent)]
    Lock(#[from] StoreLockError),
    #[error("cannot listen on {address} ({variable}): {source}")]
    Bind { address: String, variable: &'static str, source: io::Error },
    #[error("{variable} is no host name and no IP address")]
    Host { variable: &'static str },
    #[error("metrics cannot be collected: {0}")]
    Metrics(String),
}

/// The clock of the whole program.
pub(crate) fn system_clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The description of the public API.
pub(crate) fn api_document() -> OpenApi {
    gateway::document([auth::document(), event::document()])
}

/// Opens the stores, builds the services and binds their addresses.
pub(crate) async fn assemble_services(
    topology: Topology,
    settings: &Settings,
) -> Result<Assembly, StartError> {
    // First of all: figures made before there is a recorder are never seen.
    let metrics = metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    let files = settings.stores.embedded_files(topology)?;
    let locks = lock_embedded_stores(topology, &settings.stores, &files)?;
    let shared = SharedParts::new(topology, settings).await?;
    let mut workers = PendingWorkers::default();
    workers.add(MetricsUpkeep(metrics));
    workers.add(RateLimitSweeper(Arc::clone(&shared.limits)));
    if !files.is_empty() {
        workers.add(StoreDiskProbe::new(files));
    }
    let mut login_reporter = None;
    let (listeners, first_admin, stores) = match topology {
        Topology::All => {
            let mut auth = AuthService::open(&shared, settings).await?;
            let event = services::open_event(&shared, settings).await?;
            let first_admin = auth.first_admin.take();
            let (wake_up, chainer) = auth.audit_chainer.clone();
            workers.add_woken_by(wake_up, chainer);
            event.workers.add_to(&mut workers);
            let upstreams = GatewayUpstreams::in_process(auth, event.service);
            let BuiltGateway { service: mut gateway, login_reporter: logins } =
                services::build_gateway(&shared, settings, upstreams);
            workers.add(DependencyProbe::new(&gateway.dependencies));
            workers.add_woken_by(logins.wake_up(), logins.clone());
            login_reporter = Some(logins);
            let stores = mem::take(&mut gateway.stores);
            (listeners::bind_gateway(settings, gateway).await?, first_admin, stores)
        }
        Topology::Gateway => {
            let upstreams = GatewayUpstreams::remote(&shared, settings)?;
            let BuiltGateway { service: gateway, login_reporter: logins } =
                services::build_gateway(&shared, settings, upstreams);
            workers.add(DependencyProbe::new(&gateway.dependencies));
            workers.add_woken_by(logins.wake_up(), logins.clone());
            login_reporter = Some(logins);
            (listeners::bind_gateway(settings, gateway).await?, None, Vec::new())
        }
        Topology::Auth => {
            let AuthService { mut service, first_admin, audit_chainer: (wake_up, chainer), .. } =
                AuthService::open(&shared, settings).await?;
            workers.add_woken_by(wake_up, chainer);
            workers.add(DependencyProbe::new(&service.dependencies));
            let stores = mem::take(&mut service.stores);
            (vec![listeners::bind_auth(settings, service).await?], first_admin, stores)
        }
        Topology::Event => {
            let BuiltEvent { mut service, workers: own } = services::open_event(&shared, settings).await?;
            own.add_to(&mut workers);
            workers.add(DependencyProbe::new(&service.dependencies));
            let stores = mem::take(&mut service.stores);
            (vec![listeners::bind_event(settings, service).await?], None, stores)
        }
    };
    let limits = ServerSettings {
        keep_alive: Duration::from_secs(settings.keep_alive_seconds),
        ..ServerSettings::default()
    };
    Ok(Assembly {
        listeners,
        first_admin,
        workers,
        login_reporter,
        limits,
        clock: shared.clock,
        stores,
        locks,
    })
}

/// Keeps other processes from serving the same embedded stores. The services of one folder may still be spread over
/// processes, since each has a store of its own.
fn lock_embedded_stores(
    topology: Topology,
    settings: &StoreSettings,
    files: &[EmbeddedFile],
) -> Result<Vec<StoreLock>, StartError> {
    if files.iter().any(|file| file.path.parent() == Some(&settings.data_dir)) {
        open_data_folder(&settings.data_dir)?;
    }
    let purpose = format!("serve {}", topology.name());
    let clock = system_clock();
    let lock = |file: &EmbeddedFile| Ok(StoreLock::acquire(&file.path, &purpose, &*clock)?);
    files.iter().map(lock).collect()
}

/// Logins of the last requests: the worker may have ended before them.
async fn report_last_logins(logins: &LoginReporter) {
    match timeout(budget::LAST_LOGINS, logins.step()).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the last logins are lost"),
        Err(late) => tracing::warn!(%late, "the last logins are lost"),
    }
}

impl Assembly {
    /// Serves until `stop`; then finishes the requests in flight and the workers' steps under way, both at the same time:
    /// a process has to be gone soon after it was told to stop, and what a request leaves to a worker is found at the
    /// next start. The stores are closed last, so that a SQLite file is whole without its journal; meanwhile the last traces
    /// are handed over.
    pub(crate) async fn run(self, stop: CancellationToken, traces: TraceExport) {
        let bound = self.listeners.into_iter().map(|listener| listener.bound).collect();
        let workers = self.workers.run_to_end(stop.clone(), self.clock);
        tokio::join!(server::serve(bound, self.limits, stop), workers);
        if let Some(logins) = self.login_reporter {
            report_last_logins(&logins).await;
        }
        let (closed, ()) =
            tokio::join!(timeout(budget::CLOSE_STORES, close_stores(&self.stores)), traces.flush());
        if closed.is_err() {
            tracing::warn!("the stores are not closed yet: not waiting any longer");
        }
        drop(self.locks);
    }
}
