//! Puts services together: the only place that knows which adapter stands behind which port.

use std::{io, path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth::{
    Auth, AuthParts, PasswordPool,
    store::{MemoryTokenDb, SqliteUserDb, UserStore},
};
use axum::Router;
use clap::ValueEnum;
use domain::{Clock, Ids, SystemClock};
use event::{EventParts, EventService, store::SqliteEventDb};
use gateway::{
    BatchedSessions, ClientAddress, Gateway, HttpUpstream, Session, SessionCheck, SessionsUnavailable,
    Upstream,
};
use service_kit::{
    access_token::AccessTokenKey,
    health::{self, Dependency},
    identity::IdentityKey,
    metrics,
    ratelimit::{InMemory, RateLimits, Unlimited},
    server::Bound,
    sqlite::OpenError,
};
use utoipa::openapi::OpenApi;

use crate::{
    first_admin::FirstAdmin,
    secret::{self, SecretError},
    settings::{Settings, StoreSettings},
    store_url::{Database, TokenDatabase, UnknownStore},
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

/// Services that are ready to be served.
pub(crate) struct App {
    /// The public part first.
    pub(crate) parts: Vec<Part>,
    /// Set where an administrator may have to be created.
    pub(crate) first_admin: Option<FirstAdmin>,
}

/// An address and what answers there.
pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) bound: Bound,
}

/// Why the services cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Store(#[from] UnknownStore),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("cannot create the data folder: {0}")]
    DataDir(io::Error),
    #[error("cannot listen on {host}:{port} ({variable}): {source}")]
    Bind { host: String, port: u16, variable: &'static str, source: io::Error },
    #[error("metrics cannot be collected: {0}")]
    Metrics(String),
}

/// The clock of the whole program.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// The description of the public API.
pub(crate) fn document() -> OpenApi {
    gateway::document([auth::document(), event::document()])
}

/// What every service of a process shares.
struct Core {
    clock: Arc<dyn Clock>,
    ids: Ids,
    tokens: AccessTokenKey,
    identity: IdentityKey,
    limits: Arc<dyn RateLimits>,
}

impl Core {
    fn new(settings: &Settings) -> Result<Self, StartError> {
        let secret = secret::load(&settings.stores)?;
        let clock = clock();
        Ok(Self {
            ids: Ids::new(Arc::clone(&clock)),
            tokens: AccessTokenKey::new(&secret, Arc::clone(&clock)),
            identity: IdentityKey::derive(&secret, Arc::clone(&clock)),
            limits: limits(settings),
            clock,
        })
    }
}

/// A service with what it depends on.
struct Service {
    router: Router,
    dependencies: Vec<Arc<dyn Dependency>>,
}

/// Opens the stores, builds the services and binds their addresses.
pub(crate) async fn assemble(topology: Topology, settings: &Settings) -> Result<App, StartError> {
    // First of all: figures made before there is a recorder are never seen.
    metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    let core = Core::new(settings)?;
    match topology {
        Topology::All => assemble_all(&core, settings).await,
        Topology::Gateway => assemble_gateway(&core, settings).await,
        Topology::Auth => {
            let (auth, _, first_admin) = auth_service(&core, settings).await?;
            let address = Address::auth(settings);
            Ok(App { parts: vec![service_part(auth, address).await?], first_admin })
        }
        Topology::Event => {
            let event = event_service(&core, settings).await?;
            let address = Address::event(settings);
            Ok(App { parts: vec![service_part(event, address).await?], first_admin: None })
        }
    }
}

async fn assemble_all(core: &Core, settings: &Settings) -> Result<App, StartError> {
    let (auth, sessions, first_admin) = auth_service(core, settings).await?;
    let event = event_service(core, settings).await?;
    let dependencies = auth.dependencies.into_iter().chain(event.dependencies).collect();
    let upstreams = (Upstream::InProcess(auth.router), Upstream::InProcess(event.router));
    let parts =
        gateway_parts(core, settings, upstreams, Arc::new(InProcessSessions(sessions)), dependencies).await?;
    Ok(App { parts, first_admin })
}

async fn assemble_gateway(core: &Core, settings: &Settings) -> Result<App, StartError> {
    let upstream =
        |name, host: &str, port| Arc::new(HttpUpstream::new(name, host, port, core.identity.clone()));
    let auth = upstream("auth", &settings.auth_service_host, settings.auth_service_port);
    let event = upstream("event", &settings.event_service_host, settings.event_service_port);
    let dependencies: Vec<Arc<dyn Dependency>> =
        vec![Arc::<HttpUpstream>::clone(&auth), Arc::<HttpUpstream>::clone(&event)];
    let upstreams = (Upstream::Http(Arc::clone(&auth)), Upstream::Http(event));
    let parts = gateway_parts(core, settings, upstreams, auth, dependencies).await?;
    Ok(App { parts, first_admin: None })
}

async fn gateway_parts(
    core: &Core,
    settings: &Settings,
    (auth, event): (Upstream, Upstream),
    sessions: Arc<dyn SessionCheck>,
    dependencies: Vec<Arc<dyn Dependency>>,
) -> Result<Vec<Part>, StartError> {
    let gateway = Gateway {
        auth,
        event,
        tokens: core.tokens.clone(),
        sessions: BatchedSessions::over(sessions),
        identity: core.identity.clone(),
        limits: Arc::clone(&core.limits),
        clients: ClientAddress { trusted_proxies: settings.trusted_proxies },
    };
    let public = gateway::router(gateway, document());
    let operations = operations(dependencies)?;
    Ok(vec![
        part("gateway", Address::public(settings), public).await?,
        part("operations", Address::operations(settings), operations).await?,
    ])
}

async fn service_part(service: Service, address: Address) -> Result<Part, StartError> {
    let router = operations(service.dependencies)?.merge(service.router);
    part(address.name, address, router).await
}

async fn auth_service(
    core: &Core,
    settings: &Settings,
) -> Result<(Service, Auth, Option<FirstAdmin>), StartError> {
    let users = open_user_db(&settings.stores).await?;
    let TokenDatabase::Memory = settings.stores.token_db()?;
    let access_tokens = Arc::new(MemoryTokenDb::new(Arc::clone(&core.clock)));
    let embedded = settings.stores.user_db_url.is_none();
    let first_admin = embedded.then(|| FirstAdmin { users: users.clone(), ids: core.ids.clone() });
    let auth = Auth::new(AuthParts {
        users: Arc::<SqliteUserDb>::clone(&users),
        refresh_tokens: Arc::<SqliteUserDb>::clone(&users),
        access_tokens: Arc::<MemoryTokenDb>::clone(&access_tokens),
        access_key: core.tokens.clone(),
        ids: core.ids.clone(),
        limits: Arc::clone(&core.limits),
        passwords: PasswordPool::start(),
        cookie_secure: settings.cookie_secure,
    });
    let (router, _) = auth::router(auth.clone(), core.identity.clone());
    let service = Service { router, dependencies: vec![users, access_tokens] };
    Ok((service, auth, first_admin))
}

async fn event_service(core: &Core, settings: &Settings) -> Result<Service, StartError> {
    let Database::Sqlite(path) = settings.stores.event_db()?;
    create_folder(&settings.stores.data_dir)?;
    let store = Arc::new(SqliteEventDb::open(&path).await?);
    let service = EventService::new(EventParts {
        events: Arc::<SqliteEventDb>::clone(&store),
        rewards: Arc::<SqliteEventDb>::clone(&store),
        requests: Arc::<SqliteEventDb>::clone(&store),
        ids: core.ids.clone(),
    });
    let (router, _) = event::router(service, core.identity.clone());
    Ok(Service { router, dependencies: vec![store] })
}

/// The user store alone, for commands that manage users.
pub(crate) async fn open_users(settings: &StoreSettings) -> Result<Arc<dyn UserStore>, StartError> {
    Ok(open_user_db(settings).await?)
}

async fn open_user_db(settings: &StoreSettings) -> Result<Arc<SqliteUserDb>, StartError> {
    let Database::Sqlite(path) = settings.user_db()?;
    create_folder(&settings.data_dir)?;
    Ok(Arc::new(SqliteUserDb::open(&path).await?))
}

fn create_folder(path: &Path) -> Result<(), StartError> {
    secret::create_private_dir(path).map_err(StartError::DataDir)
}

/// Asks auth in the same process.
struct InProcessSessions(Auth);

#[async_trait]
impl SessionCheck for InProcessSessions {
    async fn are_current(&self, sessions: Vec<Session>) -> Result<Vec<bool>, SessionsUnavailable> {
        let asked: Vec<_> = sessions.into_iter().map(|session| (session.user, session.token)).collect();
        self.0.check_sessions(&asked).await.map_err(|error| {
            tracing::warn!(%error, "sessions cannot be checked");
            SessionsUnavailable
        })
    }
}

fn limits(settings: &Settings) -> Arc<dyn RateLimits> {
    let Some(quotas) = settings.limits.quotas() else {
        return Arc::new(Unlimited);
    };
    let limits = Arc::new(InMemory::new(&quotas));
    let swept = Arc::downgrade(&limits);
    tokio::spawn(async move {
        while let Some(limits) = swept.upgrade() {
            limits.sweep();
            drop(limits);
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    });
    limits
}

fn operations(dependencies: Vec<Arc<dyn Dependency>>) -> Result<Router, StartError> {
    let metrics = metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    Ok(health::router(metrics, dependencies))
}

/// Where a part listens, and the variable that says so.
struct Address {
    name: &'static str,
    host: String,
    port: u16,
    variable: &'static str,
}

impl Address {
    fn public(settings: &Settings) -> Self {
        Self::of_gateway(settings, settings.http_port, "HTTP_PORT")
    }

    fn operations(settings: &Settings) -> Self {
        Self::of_gateway(settings, settings.gateway_port, "GATEWAY_PORT")
    }

    fn of_gateway(settings: &Settings, port: u16, variable: &'static str) -> Self {
        let host = settings.gateway_host.as_ref().unwrap_or(&settings.bind_host).clone();
        Self { name: "gateway", host, port, variable }
    }

    fn auth(settings: &Settings) -> Self {
        let (port, variable) = (settings.auth_service_port, "AUTH_SERVICE_PORT");
        Self { name: "auth", host: settings.bind_host.clone(), port, variable }
    }

    fn event(settings: &Settings) -> Self {
        let (port, variable) = (settings.event_service_port, "EVENT_SERVICE_PORT");
        Self { name: "event", host: settings.bind_host.clone(), port, variable }
    }
}

async fn part(name: &'static str, address: Address, router: Router) -> Result<Part, StartError> {
    let Address { host, port, variable, .. } = address;
    match Bound::bind(&host, port, router).await {
        Ok(bound) => Ok(Part { name, bound }),
        Err(source) => Err(StartError::Bind { host, port, variable, source }),
    }
}
