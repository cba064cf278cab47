//! Puts services together over their stores, in one process or several.

use std::{io, sync::Arc, time::Duration};

use async_trait::async_trait;
use auth::{Auth, AuthParts, PasswordPool};
use axum::Router;
use clap::ValueEnum;
use domain::{Clock, IdGenerator, SystemClock};
use event::{EventParts, EventService};
use gateway::{
    AllowedOrigins, ClientAddressRule, Gateway, HttpUpstream, PresentedSession, SessionCheck, SessionLookup,
    SessionsUnavailable, Upstream,
};
use service_kit::{
    access_token::AccessTokenKey,
    health::{self, Dependency},
    identity::{Audience, IdentityKey},
    identity_gate::IdentitySource,
    metrics,
    ratelimit::{MemoryRateLimits, NoRateLimits, RateLimits},
    server::BoundListener,
};
use store_kit::{ratelimit::RedisRateLimits, redis::Redis};
use utoipa::openapi::OpenApi;

use crate::{
    address::Address,
    first_admin::FirstAdmin,
    secret::{self, SecretError},
    settings::Settings,
    stores::{EventDb, StoresError, TokenDb, UserDb, connect_redis},
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
    pub(crate) bound: BoundListener,
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
    ids: IdGenerator,
    tokens: AccessTokenKey,
    identity: IdentityKey,
    /// Where token-db is Redis: access tokens, and limits that replicas share.
    redis: Option<Redis>,
    limits: Arc<dyn RateLimits>,
}

impl Core {
    async fn new(topology: Topology, settings: &Settings) -> Result<Self, StartError> {
        let secret = secret::load(&settings.stores)?;
        let clock = clock();
        let redis = match topology {
            Topology::Event => None,
            Topology::All | Topology::Gateway | Topology::Auth => connect_redis(&settings.stores).await?,
        };
        Ok(Self {
            ids: IdGenerator::new(Arc::clone(&clock)),
            tokens: AccessTokenKey::new(&secret, Arc::clone(&clock)),
            identity: IdentityKey::derive(&secret, Arc::clone(&clock)),
            limits: limits(settings, redis.as_ref()),
            redis,
            clock,
        })
    }
}

/// A service with what it depends on.
struct Service {
    router: Router,
    dependencies: Vec<Arc<dyn Dependency>>,
}

/// Auth, and what only it can offer.
struct AuthService {
    service: Service,
    sessions: SessionLookup,
    first_admin: Option<FirstAdmin>,
}

/// Opens the stores, builds the services and binds their addresses.
pub(crate) async fn assemble(topology: Topology, settings: &Settings) -> Result<App, StartError> {
    // First of all: figures made before there is a recorder are never seen.
    metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    let core = Core::new(topology, settings).await?;
    match topology {
        Topology::All => assemble_all(&core, settings).await,
        Topology::Gateway => assemble_gateway(&core, settings).await,
        Topology::Auth => {
            let identity = core.identity.clone().into();
            let AuthService { service, first_admin, .. } = auth_service(&core, settings, identity).await?;
            Ok(App {
                parts: vec![service_part("auth", service, Address::auth(settings)).await?],
                first_admin,
            })
        }
        Topology::Event => {
            let service = event_service(&core, settings, core.identity.clone().into()).await?;
            let part = service_part("event", service, Address::event(settings)).await?;
            Ok(App { parts: vec![part], first_admin: None })
        }
    }
}

async fn assemble_all(core: &Core, settings: &Settings) -> Result<App, StartError> {
    let AuthService { service: auth, sessions, first_admin } =
        auth_service(core, settings, IdentitySource::InProcess).await?;
    let event = event_service(core, settings, IdentitySource::InProcess).await?;
    let dependencies = auth.dependencies.into_iter().chain(event.dependencies).collect();
    let upstreams = (Upstream::InProcess(auth.router), Upstream::InProcess(event.router));
    let parts = gateway_parts(core, settings, upstreams, sessions, dependencies).await?;
    Ok(App { parts, first_admin })
}

async fn assemble_gateway(core: &Core, settings: &Settings) -> Result<App, StartError> {
    let upstream = |audience, variable, host: &str, port| match HttpUpstream::new(
        audience,
        host,
        port,
        core.identity.clone(),
    ) {
        Ok(upstream) => Ok(Arc::new(upstream)),
        Err(_) => Err(StartError::Host { variable, host: host.to_owned() }),
    };
    let host = &settings.auth_service_host;
    let auth = upstream(Audience::Auth, "AUTH_SERVICE_HOST", host, settings.auth_service_port)?;
    let host = &settings.event_service_host;
    let event = upstream(Audience::Event, "EVENT_SERVICE_HOST", host, settings.event_service_port)?;
    let dependencies: Vec<Arc<dyn Dependency>> =
        vec![Arc::<HttpUpstream>::clone(&auth), Arc::<HttpUpstream>::clone(&event)];
    let upstreams = (Upstream::Http(Arc::clone(&auth)), Upstream::Http(event));
    let sessions = SessionLookup::batched(auth);
    let parts = gateway_parts(core, settings, upstreams, sessions, dependencies).await?;
    Ok(App { parts, first_admin: None })
}

async fn gateway_parts(
    core: &Core,
    settings: &Settings,
    (auth, event): (Upstream, Upstream),
    sessions: SessionLookup,
    dependencies: Vec<Arc<dyn Dependency>>,
) -> Result<Vec<Part>, StartError> {
    let gateway = Gateway {
        auth,
        event,
        tokens: core.tokens.clone(),
        sessions,
        limits: Arc::clone(&core.limits),
        clients: ClientAddressRule::new(settings.trusted_proxies),
        origins: AllowedOrigins::default(),
    };
    let public = gateway::router(gateway, &document());
    let operations = operations(dependencies)?;
    Ok(vec![
        part("gateway", Address::public(settings), public).await?,
        part("operations", Address::operations(settings), operations).await?,
    ])
}

async fn service_part(name: &'static str, service: Service, address: Address) -> Result<Part, StartError> {
    let router = operations(service.dependencies)?.merge(service.router);
    part(name, address, router).await
}

async fn auth_service(
    core: &Core,
    settings: &Settings,
    identity: IdentitySource,
) -> Result<AuthService, StartError> {
    let UserDb { users, refresh_tokens, dependency, .. } = UserDb::open(&settings.stores).await?;
    let tokens = TokenDb::over(core.redis.as_ref(), &core.clock);
    let embedded = settings.stores.user_db_url.is_none() && settings.stores.mongodb_uri.is_none();
    let first_admin = embedded.then(|| FirstAdmin { users: Arc::clone(&users), ids: core.ids.clone() });
    let auth = Auth::new(AuthParts {
        users,
        refresh_tokens,
        access_tokens: tokens.access_tokens,
        access_key: core.tokens.clone(),
        ids: core.ids.clone(),
        limits: Arc::clone(&core.limits),
        passwords: PasswordPool::start(),
        cookie_secure: settings.cookie_secure,
    });
    let (router, _) = auth::router(auth.clone(), identity);
    let service = Service { router, dependencies: vec![dependency, tokens.dependency] };
    let check = Arc::new(InProcessSessions(auth));
    // A look into memory is cheaper than waiting for others to join in; a round trip to Redis is not.
    let sessions =
        if tokens.in_memory { SessionLookup::Direct(check) } else { SessionLookup::batched(check) };
    Ok(AuthService { service, sessions, first_admin })
}

async fn event_service(
    core: &Core,
    settings: &Settings,
    identity: IdentitySource,
) -> Result<Service, StartError> {
    let EventDb { events, rewards, requests, dependency, .. } = EventDb::open(&settings.stores).await?;
    let service = EventService::new(EventParts { events, rewards, requests, ids: core.ids.clone() });
    let (router, _) = event::router(service, identity);
    Ok(Service { router, dependencies: vec![dependency] })
}

/// Asks auth in the same process.
struct InProcessSessions(Auth);

#[async_trait]
impl SessionCheck for InProcessSessions {
    async fn are_current(&self, sessions: Vec<PresentedSession>) -> Result<Vec<bool>, SessionsUnavailable> {
        let asked: Vec<_> = sessions.into_iter().map(|session| (session.user, session.token)).collect();
        self.0.check_sessions(&asked).await.map_err(|error| {
            tracing::warn!(%error, "sessions cannot be checked");
            SessionsUnavailable
        })
    }
}

fn limits(settings: &Settings, redis: Option<&Redis>) -> Arc<dyn RateLimits> {
    let Some(quotas) = settings.limits.quotas() else {
        return Arc::new(NoRateLimits);
    };
    if let Some(redis) = redis {
        let limits = Arc::new(RedisRateLimits::new(redis.clone(), &quotas));
        keep_swept(&limits, RedisRateLimits::sweep);
        return limits;
    }
    let limits = Arc::new(MemoryRateLimits::new(&quotas));
    keep_swept(&limits, MemoryRateLimits::sweep);
    limits
}

/// Forgets full buckets every minute for as long as the limits are in use.
fn keep_swept<L: Send + Sync + 'static>(limits: &Arc<L>, sweep: fn(&L)) {
    let swept = Arc::downgrade(limits);
    tokio::spawn(async move {
        while let Some(limits) = swept.upgrade() {
            sweep(&limits);
            drop(limits);
            tokio::time::sleep(Duration::from_mins(1)).await;
        }
    });
}

fn operations(dependencies: Vec<Arc<dyn Dependency>>) -> Result<Router, StartError> {
    let metrics = metrics::install().map_err(|error| StartError::Metrics(error.to_string()))?;
    Ok(health::router(metrics, dependencies))
}

async fn part(name: &'static str, address: Address, router: Router) -> Result<Part, StartError> {
    let Address { host, port, variable } = address;
    match BoundListener::bind(&host, port, router).await {
        Ok(bound) => Ok(Part { name, bound }),
        Err(source) => Err(StartError::Bind { host, port, variable, source }),
    }
}
