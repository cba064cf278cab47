//! Builds each service over its stores.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use auth::{AuthParts, PasswordPool, RefreshTokenKey, store::UserStores};
use axum::Router;
use domain::{Clock, IdGenerator, RandomSource, RoleSet, UserId};
use event::{ActivityTidier, ClaimApprover, ClaimSettler, EventService, InvariantChecker, StockReconciler};
use gateway::{
    ClientAddressRule, CredentialsAnswer, CredentialsQuestion, Gateway, HttpUpstream, LoginReporter,
    SessionCheck, SessionLookup, SessionsUnavailable, SubjectLookup, SubjectsUnavailable, UploadTurns,
    Upstream, UserRoles, login_activities,
};
use service_kit::{
    access_token::AccessTokenKey,
    health::Dependency,
    identity::{Audience, IdentityKey},
    identity_gate::IdentitySource,
    internal_api::CHECK_SESSIONS_PATH,
    ratelimit::{MemoryRateLimits, NoRateLimits, RateLimits},
    traces::{CallKind, CallSpan, mark_failed},
    worker::WakeUp,
};
use store_kit::{audit::AuditChainer, connection::StoreConnection, ratelimit::RedisRateLimits, redis::Redis};
use tracing::Instrument;

use super::{StartError, Topology, api_document, system_clock, workers::PendingWorkers};
use crate::{
    first_admin::FirstAdmin,
    secret::load_secrets,
    settings::{HostName, Settings},
    stores::{TokenDb, connect_redis, open_event_db, open_user_db},
};

/// What every service of a process shares.
pub(super) struct SharedParts {
    pub(super) clock: Arc<dyn Clock>,
    ids: IdGenerator,
    tokens: AccessTokenKey,
    refresh_key: RefreshTokenKey,
    identity: IdentityKey,
    /// How services learn who calls.
    identity_source: IdentitySource,
    /// Where token-db is Redis: access tokens, and limits that replicas share.
    redis: Option<Redis>,
    pub(super) limits: Arc<dyn RateLimits>,
}

impl SharedParts {
    pub(super) async fn new(topology: Topology, settings: &Settings) -> Result<Self, StartError> {
        let secrets = load_secrets(&settings.stores, &settings.secrets)?;
        let clock = system_clock();
        let redis = match topology {
            Topology::Event => None,
            Topology::All | Topology::Gateway | Topology::Auth => connect_redis(&settings.stores).await?,
        };
        let mut tokens = AccessTokenKey::new(&secrets.current, Arc::clone(&clock));
        let mut refresh_key = RefreshTokenKey::derive(&secrets.current);
        if let Some(previous) = &secrets.previous {
            tokens = tokens.accepting_previous(previous);
            refresh_key = refresh_key.accepting_previous(previous);
        }
        let identity = IdentityKey::derive(&secrets.current, Arc::clone(&clock));
        Ok(Self {
            ids: IdGenerator::new(Arc::clone(&clock)),
            tokens,
            identity_source: match topology {
                Topology::All => IdentitySource::InProcess,
                Topology::Gateway | Topology::Auth | Topology::Event => identity.clone().into(),
            },
            refresh_key,
            identity,
            limits: rate_limits(settings, redis.as_ref()),
            redis,
            clock,
        })
    }
}

/// The limits that the settings ask for.
fn rate_limits(settings: &Settings, redis: Option<&Redis>) -> Arc<dyn RateLimits> {
    match (settings.limits.quotas(), redis) {
        (None, _) => Arc::new(NoRateLimits),
        (Some(quotas), Some(redis)) => Arc::new(RedisRateLimits::new(redis.clone(), &quotas)),
        (Some(quotas), None) => Arc::new(MemoryRateLimits::new(&quotas)),
    }
}

/// A service's routes, what it depends on, and what is to be closed after its last request.
pub(super) struct BuiltService {
    pub(super) router: Router,
    pub(super) dependencies: Vec<Arc<dyn Dependency>>,
    pub(super) stores: Vec<Arc<dyn StoreConnection>>,
}

/// Auth, and what only it can offer.
pub(super) struct AuthService {
    pub(super) service: BuiltService,
    pub(super) first_admin: Option<FirstAdmin>,
    pub(super) audit_chainer: (WakeUp, AuditChainer),
    sessions: SessionLookup,
    subjects: SubjectLookup,
}

impl AuthService {
    pub(super) async fn open(shared: &SharedParts, settings: &Settings) -> Result<Self, StartError> {
        let UserStores { users, refresh_tokens, api_keys, audit, readiness, connection, .. } =
            open_user_db(&settings.stores).await?;
        let tokens = TokenDb::over(shared.redis.as_ref(), &shared.clock);
        let embedded = settings.stores.user_db_url.is_none() && settings.stores.mongodb_uri.is_none();
        let first_admin = embedded.then(|| FirstAdmin { users: Arc::clone(&users), ids: shared.ids.clone() });
        let random = RandomSource::new();
        let auth = auth::AuthService::new(AuthParts {
            users,
            refresh_tokens,
            access_tokens: tokens.access_tokens,
            api_keys,
            audit,
            access_key: shared.tokens.clone(),
            refresh_key: shared.refresh_key.clone(),
            refresh_grace: Duration::from_secs(settings.refresh_grace_seconds),
            ids: shared.ids.clone(),
            passwords: PasswordPool::start(&random),
            random,
            limits: Arc::clone(&shared.limits),
            cookie_secure: settings.cookie_secure,
        });
        let (router, _) = auth::router(auth.clone(), shared.identity_source.clone());
        let service = BuiltService {
            router,
            dependencies: vec![readiness, tokens.dependency],
            stores: vec![connection],
        };
        let audit_chainer = (auth.audit_wake_up(), auth.audit_chainer());
        let check = Arc::new(InProcessAuth(auth));
        let subjects = SubjectLookup::direct(Arc::<InProcessAuth>::clone(&check));
        // A look into memory is cheaper than waiting for others to join in; a round trip to Redis is not.
        let sessions =
            if tokens.in_memory { SessionLookup::direct(check) } else { SessionLookup::batched(check) };
        Ok(Self { service, first_admin, audit_chainer, sessions, subjects })
    }
}

/// Event, and the workers that it brings along.
pub(super) struct BuiltEvent {
    pub(super) service: BuiltService,
    pub(super) workers: EventWorkers,
}

/// Event's background work.
pub(super) struct EventWorkers {
    activity_tidier: ActivityTidier,
    claim_approver: (WakeUp, ClaimApprover),
    claim_settler: (WakeUp, ClaimSettler),
    audit_chainer: (WakeUp, AuditChainer),
    invariant_checker: InvariantChecker,
    stock_reconciler: StockReconciler,
}

impl EventWorkers {
    /// Has them run with the process.
    pub(super) fn add_to(self, workers: &mut PendingWorkers) {
        workers.add(self.activity_tidier);
        let (wake_up, approver) = self.claim_approver;
        workers.add_woken_by(wake_up, approver);
        let (wake_up, settler) = self.claim_settler;
        workers.add_woken_by(wake_up, settler);
        let (wake_up, chainer) = self.audit_chainer;
        workers.add_woken_by(wake_up, chainer);
        workers.add(self.invariant_checker);
        workers.add(self.stock_reconciler);
    }
}

pub(super) async fn open_event(shared: &SharedParts, settings: &Settings) -> Result<BuiltEvent, StartError> {
    let stores = open_event_db(&settings.stores).await?;
    let (dependency, connection) = (Arc::clone(&stores.readiness), Arc::clone(&stores.connection));
    let service = EventService::start(stores, shared.ids.clone());
    let workers = EventWorkers {
        activity_tidier: service.activity_tidier(),
        claim_approver: service.claim_approver(),
        claim_settler: service.claim_settler(),
        audit_chainer: service.audit_chainer(),
        invariant_checker: service.invariant_checker(),
        stock_reconciler: service.stock_reconciler(),
    };
    let (router, _) = event::router(service, shared.identity_source.clone());
    let service = BuiltService { router, dependencies: vec![dependency], stores: vec![connection] };
    Ok(BuiltEvent { service, workers })
}

/// The services as the gateway reaches them.
pub(super) struct GatewayUpstreams {
    auth: Upstream,
    event: Upstream,
    sessions: SessionLookup,
    subjects: SubjectLookup,
    dependencies: Vec<Arc<dyn Dependency>>,
    stores: Vec<Arc<dyn StoreConnection>>,
}

impl GatewayUpstreams {
    /// Services of this process.
    pub(super) fn in_process(auth: AuthService, event: BuiltService) -> Self {
        let AuthService { service: auth, sessions, subjects, .. } = auth;
        Self {
            auth: Upstream::InProcess(auth.router),
            event: Upstream::InProcess(event.router),
            sessions,
            subjects,
            dependencies: auth.dependencies.into_iter().chain(event.dependencies).collect(),
            stores: auth.stores.into_iter().chain(event.stores).collect(),
        }
    }

    /// Services of other processes, over HTTP.
    pub(super) fn remote(shared: &SharedParts, settings: &Settings) -> Result<Self, StartError> {
        let connect = |audience, variable, host: &HostName, port| {
            let upstream = HttpUpstream::new(audience, &host.url_host(), port, shared.identity.clone());
            upstream.map(Arc::new).map_err(|_| StartError::Host { variable })
        };
        let (host, port) = (&settings.auth_service_host, settings.ports.auth_service_port);
        let auth = connect(Audience::Auth, "AUTH_SERVICE_HOST", host, port)?;
        let (host, port) = (&settings.event_service_host, settings.ports.event_service_port);
        let event = connect(Audience::Event, "EVENT_SERVICE_HOST", host, port)?;
        Ok(Self {
            auth: Upstream::Http(Arc::clone(&auth)),
            event: Upstream::Http(Arc::clone(&event)),
            sessions: SessionLookup::batched(Arc::<HttpUpstream>::clone(&auth)),
            subjects: SubjectLookup::batched(Arc::<HttpUpstream>::clone(&auth)),
            dependencies: vec![auth, event],
            stores: Vec::new(),
        })
    }
}

/// The gateway, and the worker that it brings along.
pub(super) struct BuiltGateway {
    pub(super) service: BuiltService,
    pub(super) login_reporter: LoginReporter,
}

pub(super) fn build_gateway(
    shared: &SharedParts,
    settings: &Settings,
    upstreams: GatewayUpstreams,
) -> BuiltGateway {
    let GatewayUpstreams { auth, event, sessions, subjects, dependencies, stores } = upstreams;
    let (logins, login_reporter) = login_activities(event.clone(), shared.ids.clone());
    let gateway = Gateway {
        auth,
        event,
        tokens: shared.tokens.clone(),
        sessions,
        subjects,
        limits: Arc::clone(&shared.limits),
        clients: ClientAddressRule::new(settings.trusted_proxies.into()),
        origins: settings.cors_origins.clone(),
        logins,
        uploads: UploadTurns::new(),
    };
    let service = BuiltService { router: gateway::router(gateway, &api_document()), dependencies, stores };
    BuiltGateway { service, login_reporter }
}

/// Asks auth in the same process.
struct InProcessAuth(auth::AuthService);

#[async_trait]
impl SessionCheck for InProcessAuth {
    async fn check(&self, question: CredentialsQuestion) -> Result<CredentialsAnswer, SessionsUnavailable> {
        let asked = question.sessions.into_iter().map(|session| (session.user, session.token));
        let sessions: Vec<_> = asked.collect();
        // In a trace it looks as between processes.
        let (kind, service) = (CallKind::InProcess, Audience::Auth.name());
        let span = CallSpan { kind, service, method: "POST", route: CHECK_SESSIONS_PATH }.start();
        let checks = async {
            tokio::try_join!(self.0.check_sessions(&sessions), self.0.check_api_keys(&question.keys))
        };
        let (sessions, keys) = checks.instrument(span.clone()).await.map_err(|error| {
            mark_failed(&span);
            tracing::warn!(%error, "sessions and API keys cannot be checked");
            SessionsUnavailable
        })?;
        Ok(CredentialsAnswer { sessions, keys })
    }
}

#[async_trait]
impl UserRoles for InProcessAuth {
    async fn roles_of(&self, users: Vec<UserId>) -> Result<Vec<Option<RoleSet>>, SubjectsUnavailable> {
        self.0.users.find_roles(&users).await.map_err(|error| {
            tracing::warn!(%error, "users cannot be looked up");
            SubjectsUnavailable
        })
    }
}
