//! Puts services together over their stores, in one process or several. Nothing runs until [`Assembly::run`].

mod listeners;
mod services;
mod workers;

use std::{io, sync::Arc};

use clap::ValueEnum;
use domain::{Clock, SystemClock};
use service_kit::{identity_gate::IdentitySource, metrics, server, server::ServerSettings};
use tokio_util::sync::CancellationToken;
use utoipa::openapi::OpenApi;

use self::{
    listeners::NamedListener,
    services::{AuthService, GatewayUpstreams, SharedParts},
    workers::Workers,
};
use crate::{first_admin::FirstAdmin, secret::SecretError, settings::Settings, stores::StoresError};

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

/// Services that are ready to be served.
pub(crate) struct Assembly {
    /// The public one first.
    pub(crate) listeners: Vec<NamedListener>,
    /// Set where an administrator may have to be created.
    pub(crate) first_admin: Option<FirstAdmin>,
    workers: Workers,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Stores(#[from] StoresError),
    #[error("cannot listen on {host}:{port} ({variable}): {source}")]
    Bind { host: String, port: u16, variable: &'static str, source: io::Error },
    #[error("{variable} is no host name or address: {host:?}")]
    Host { variable: &'static str, host: String },
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
pub(crate) async fn assemble(topology: Topology, settings: &Settings) -> Result<Assembly, StartError> {
    // First of all: figures made before there is a recorder are never seen.
    metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    let mut workers = Workers::default();
    let shared = SharedParts::new(topology, settings, &mut workers).await?;
    let (listeners, first_admin) = match topology {
        Topology::All => {
            let mut auth = AuthService::open(&shared, settings, IdentitySource::InProcess).await?;
            let event = services::open_event(&shared, settings, IdentitySource::InProcess).await?;
            let first_admin = auth.first_admin.take();
            let gateway =
                services::build_gateway(&shared, settings, GatewayUpstreams::in_process(auth, event));
            (listeners::bind_gateway(settings, gateway).await?, first_admin)
        }
        Topology::Gateway => {
            let upstreams = GatewayUpstreams::remote(&shared, settings)?;
            let gateway = services::build_gateway(&shared, settings, upstreams);
            (listeners::bind_gateway(settings, gateway).await?, None)
        }
        Topology::Auth => {
            let AuthService { service, first_admin, .. } =
                AuthService::open(&shared, settings, shared.signed_identity()).await?;
            (vec![listeners::bind_auth(settings, service).await?], first_admin)
        }
        Topology::Event => {
            let service = services::open_event(&shared, settings, shared.signed_identity()).await?;
            (vec![listeners::bind_event(settings, service).await?], None)
        }
    };
    Ok(Assembly { listeners, first_admin, workers })
}

impl Assembly {
    /// Serves until `stop`; then finishes the requests in flight, and after them the workers.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let workers_stop = CancellationToken::new();
        let requests = async {
            let bound = self.listeners.into_iter().map(|listener| listener.bound).collect();
            server::serve(bound, ServerSettings::default(), stop).await;
            workers_stop.cancel();
        };
        // Workers end last: a request that is still in flight may hand them work.
        tokio::join!(requests, self.workers.run(workers_stop.clone()));
    }
}
