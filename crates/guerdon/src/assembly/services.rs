//! Builds each service over its stores.

use std::sync::Arc;

use async_trait::async_trait;
use auth::{Auth, AuthParts, PasswordPool};
use axum::Router;
use domain::{Clock, IdGenerator};
use event::EventService;
use gateway::{
    AllowedOrigins, ClientAddressRule, Gateway, HttpUpstream, PresentedSession, SessionCheck, SessionLookup,
    SessionsUnavailable, Upstream,
};
use service_kit::{
    access_token::AccessTokenKey,
    health::Dependency,
    identity::{Audience, IdentityKey},
    identity_gate::IdentitySource,
    ratelimit::RateLimits,
};
use store_kit::redis::Redis;

use super::{
    StartError, Topology, api_document, system_clock,
    workers::{Workers, rate_limits},
};
use crate::{
    first_admin::FirstAdmin,
    secret,
    settings::Settings,
    stores::{TokenDb, UserDb, connect_redis, open_event_db},
};

/// What every service of a process shares.
pub(super) struct SharedParts {
    clock: Arc<dyn Clock>,
    ids: IdGenerator,
    tokens: AccessTokenKey,
    identity: IdentityKey,
    /// Where token-db is Redis: access tokens, and limits that replicas share.
    redis: Option<Redis>,
    limits: Arc<dyn RateLimits>,
}

impl SharedParts {
    pub(super) async fn new(
        topology: Topology,
        settings: &Settings,
        workers: &mut Workers,
    ) -> Result<Self, StartError> {
        let secret = secret::load(&settings.stores)?;
        let clock = system_clock();
        let redis = match topology {
            Topology::Event => None,
            Topology::All | Topology::Gateway | Topology::Auth => connect_redis(&settings.stores).await?,
        };
        Ok(Self {
            ids: IdGenerator::new(Arc::clone(&clock)),
            tokens: AccessTokenKey::new(&secret, Arc::clone(&clock)),
            identity: IdentityKey::derive(&secret, Arc::clone(&clock)),
            limits: rate_limits(settings, redis.as_ref(), workers),
            redis,
            clock,
        })
    }
}

impl SharedParts {
    /// How a service learns who calls where its gateway is another process.
    pub(super) fn signed_identity(&self) -> IdentitySource {
        self.identity.clone().into()
    }
}

/// A service's routes with what it depends on.
pub(super) struct BuiltService {
    pub(super) router: Router,
    pub(super) dependencies: Vec<Arc<dyn Dependency>>,
}

/// Auth, and what only it can offer.
pub(super) struct AuthService {
    pub(super) service: BuiltService,
    pub(super) first_admin: Option<FirstAdmin>,
    sessions: SessionLookup,
}

impl AuthService {
    pub(super) async fn open(
        shared: &SharedParts,
        settings: &Settings,
        identity: IdentitySource,
    ) -> Result<Self, StartError> {
        let UserDb { users, refresh_tokens, dependency, .. } = UserDb::open(&settings.stores).await?;
        let tokens = TokenDb::over(shared.redis.as_ref(), &shared.clock);
        let embedded = settings.stores.user_db_url.is_none() && settings.stores.mongodb_uri.is_none();
        let first_admin = embedded.then(|| FirstAdmin { users: Arc::clone(&users), ids: shared.ids.clone() });
        let auth = Auth::new(AuthParts {
            users,
            refresh_tokens,
            access_tokens: tokens.access_tokens,
            access_key: shared.tokens.clone(),
            ids: shared.ids.clone(),
            limits: Arc::clone(&shared.limits),
            passwords: PasswordPool::start(),
            cookie_secure: settings.cookie_secure,
        });
        let (router, _) = auth::router(auth.clone(), identity);
        let service = BuiltService { router, dependencies: vec![dependency, tokens.dependency] };
        let check = Arc::new(InProcessSessions(auth));
        // A look into memory is cheaper than waiting for others to join in; a round trip to Redis is not.
        let sessions =
            if tokens.in_memory { SessionLookup::Direct(check) } else { SessionLookup::batched(check) };
        Ok(Self { service, first_admin, sessions })
    }
}

pub(super) async fn open_event(
    shared: &SharedParts,
    settings: &Settings,
    identity: IdentitySource,
) -> Result<BuiltService, StartError> {
    let stores = open_event_db(&settings.stores).await?;
    let dependency = Arc::clone(&stores.readiness);
    let service = EventService::start(stores, shared.ids.clone());
    let (router, _) = event::router(service, identity);
    Ok(BuiltService { router, dependencies: vec![dependency] })
}

/// The services as the gateway reaches them.
pub(super) struct GatewayUpstreams {
    auth: Upstream,
    event: Upstream,
    sessions: SessionLookup,
    dependencies: Vec<Arc<dyn Dependency>>,
}

impl GatewayUpstreams {
    /// Services of this process.
    pub(super) fn in_process(auth: AuthService, event: BuiltService) -> Self {
        let AuthService { service: auth, sessions, .. } = auth;
        Self {
            auth: Upstream::InProcess(auth.router),
            event: Upstream::InProcess(event.router),
            sessions,
            dependencies: auth.dependencies.into_iter().chain(event.dependencies).collect(),
        }
    }

    /// Services of other processes, over HTTP.
    pub(super) fn remote(shared: &SharedParts, settings: &Settings) -> Result<Self, StartError> {
        let connect = |audience, variable, host: &str, port| {
            let upstream = HttpUpstream::new(audience, host, port, shared.identity.clone());
            upstream.map(Arc::new).map_err(|_| StartError::Host { variable, host: host.to_owned() })
        };
        let (host, port) = (&settings.auth_service_host, settings.auth_service_port);
        let auth = connect(Audience::Auth, "AUTH_SERVICE_HOST", host, port)?;
        let (host, port) = (&settings.event_service_host, settings.event_service_port);
        let event = connect(Audience::Event, "EVENT_SERVICE_HOST", host, port)?;
        Ok(Self {
            auth: Upstream::Http(Arc::clone(&auth)),
            event: Upstream::Http(Arc::clone(&event)),
            sessions: SessionLookup::batched(Arc::<HttpUpstream>::clone(&auth)),
            dependencies: vec![auth, event],
        })
    }
}

pub(super) fn build_gateway(
    shared: &SharedParts,
    settings: &Settings,
    upstreams: GatewayUpstreams,
) -> BuiltService {
    let GatewayUpstreams { auth, event, sessions, dependencies } = upstreams;
    let gateway = Gateway {
        auth,
        event,
        tokens: shared.tokens.clone(),
        sessions,
        limits: Arc::clone(&shared.limits),
        clients: ClientAddressRule::new(settings.trusted_proxies),
        origins: AllowedOrigins::default(),
    };
    BuiltService { router: gateway::router(gateway, &api_document()), dependencies }
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
