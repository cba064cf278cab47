//! The service over throw-away stores, called as the gateway calls it.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use axum::{Router, body::Body};
use domain::{IdGenerator, ManualClock, RandomSource, Role, RoleSet, User, UserId};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use service_kit::{
    access_token::AccessTokenKey,
    identity::{Audience, Caller, IDENTITY_HEADER, Identity, IdentityKey},
    ratelimit::NoRateLimits,
};
use tempfile::TempDir;
use tower::ServiceExt;

use crate::{
    AuthParts, AuthService, PasswordPool, RefreshToken, RefreshTokenKey,
    password::{Hasher, Password},
    store::{MemoryTokenDb, NewUser, RegistrationOutcome, SqlUserDb},
    test_stores::{FaultPlan, FaultyStores, StoreFault},
};

pub(crate) const PASSWORD: &str = "correct horse battery";
const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(crate) struct TestApp {
    pub(crate) auth: AuthService,
    pub(crate) router: Router,
    pub(crate) clock: ManualClock,
    pub(crate) faults: Arc<FaultPlan>,
    pub(crate) user_db: SqlUserDb,
    pub(crate) access_key: AccessTokenKey,
    identity: IdentityKey,
    _folder: TempDir,
}

pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) body: Value,
}

impl HttpAnswer {
    /// Status and code: what a client switches on.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    pub(crate) fn str(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no {field} in {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(|fault| fault["pointer"].as_str()).collect()
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(adjust: impl FnOnce(&mut AuthParts)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user_db = SqlUserDb::open(&folder.path().join("user.db")).await.unwrap();
        let clock = ManualClock::new("2026-05-01T09:00:00.000Z".parse().unwrap());
        let faults = Arc::new(FaultPlan::default());
        let stores = FaultyStores {
            plan: Arc::clone(&faults),
            users: Arc::new(user_db.clone()),
            refresh_tokens: Arc::new(user_db.clone()),
            access_tokens: Arc::new(MemoryTokenDb::new(Arc::new(clock.clone()))),
        };
        let stores = Arc::new(stores);
        let access_key = AccessTokenKey::new(SECRET, Arc::new(clock.clone()));
        let mut parts = AuthParts {
            users: Arc::<FaultyStores>::clone(&stores),
            refresh_tokens: Arc::<FaultyStores>::clone(&stores),
            access_tokens: stores,
            api_keys: Arc::new(user_db.clone()),
            audit: user_db.audit_log(),
            access_key: access_key.clone(),
            refresh_key: RefreshTokenKey::derive(SECRET),
            refresh_grace: Duration::from_secs(10),
            random: RandomSource::new(),
            ids: IdGenerator::new(Arc::new(clock.clone())),
            limits: Arc::new(NoRateLimits),
            passwords: PasswordPool::with(2, 128),
            cookie_secure: false,
        };
        adjust(&mut parts);
        let auth = AuthService::new(parts);
        let identity = IdentityKey::derive(SECRET, Arc::new(clock.clone()));
        let (router, _) = crate::router(auth.clone(), identity.clone());
        Self { auth, router, clock, faults, user_db, access_key, identity, _folder: folder }
    }

    /// A registered user whose password is [`PASSWORD`].
    pub(crate) async fn user(&self, email: &str, roles: &[Role]) -> User {
        static HASH: OnceLock<String> = OnceLock::new();
        let hash = HASH.get_or_init(|| {
            Hasher::default().hash(&Password::try_from(PASSWORD.to_owned()).unwrap()).unwrap()
        });
        let minted = self.auth.ids.mint();
        let user = NewUser {
            id: UserId(minted.id),
            email: email.parse().unwrap(),
            password_hash: hash.clone().into(),
            roles: RoleSet::from_roles(roles),
            at: minted.at,
        };
        match self.auth.users.create(user).await.unwrap() {
            RegistrationOutcome::Registered(user) => user,
            RegistrationOutcome::EmailTaken => panic!("{email} is taken"),
        }
    }

    /// An identity as the gateway signs it.
    pub(crate) fn signed(&self, audience: Audience, who: Identity) -> String {
        self.identity.sign(audience, who).unwrap()
    }

    pub(crate) fn request(
        &self,
        who: Identity,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Body> {
        let signed = self.signed(Audience::Auth, who);
        let request = Request::builder().method(method).uri(path).header(IDENTITY_HEADER, signed);
        match body {
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Body::from(body.to_string()))
                .unwrap(),
            None => request.body(Body::empty()).unwrap(),
        }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> HttpAnswer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let body = serde_json::from_str(&text).unwrap_or_default();
        HttpAnswer { status: parts.status, headers: parts.headers, text, body }
    }

    pub(crate) async fn post(&self, who: Identity, path: &str, body: &Value) -> HttpAnswer {
        self.send(self.request(who, Method::POST, path, Some(body))).await
    }

    pub(crate) async fn get(&self, who: Identity, path: &str) -> HttpAnswer {
        self.send(self.request(who, Method::GET, path, None)).await
    }

    pub(crate) async fn put(&self, who: Identity, path: &str, body: &Value) -> HttpAnswer {
        self.send(self.request(who, Method::PUT, path, Some(body))).await
    }

    /// Logs this user in who has [`PASSWORD`].
    pub(crate) async fn log_in(&self, user: &User) -> HttpAnswer {
        let body = json!({ "email": user.email, "password": PASSWORD });
        self.post(Identity::Anonymous, "/auth/login", &body).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> HttpAnswer {
        let body = json!({ "refreshToken": refresh_token });
        self.post(Identity::Anonymous, "/auth/refresh", &body).await
    }

    /// Sends a body as it is, declared as this media type.
    pub(crate) async fn send_text(
        &self,
        who: Identity,
        method: Method,
        path: &str,
        media_type: &'static str,
        body: &'static str,
    ) -> HttpAnswer {
        let mut request = self.request(who, method, path, None);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        *request.body_mut() = Body::from(body);
        self.send(request).await
    }

    /// Switches token-db off, or on again.
    pub(crate) fn set_token_db_down(&self, down: bool) {
        self.faults.set(down.then_some(StoreFault::TOKEN_DB_DOWN));
    }

    /// Whether the gateway would let this access token through.
    pub(crate) async fn lets_in(&self, user: UserId, token: &str) -> bool {
        self.auth.check_sessions(&[(user, token.to_owned())]).await.unwrap()[0]
    }
}

/// A refresh token as a login draws it.
pub(crate) fn new_token(user: UserId) -> RefreshToken {
    RefreshToken::new(user, &RandomSource::new())
}

/// What a refresh rotates a token to.
pub(crate) fn successor_of(token: &RefreshToken) -> RefreshToken {
    RefreshTokenKey::derive(SECRET).successor(token)
}

/// On behalf of this user, as they were when they were read.
pub(crate) fn identity_of(user: &User) -> Identity {
    Identity::User(Caller { id: user.id, roles: user.roles })
}

/// Takes the thread and all places of a pool of one thread. It is full for as long as the guard is kept.
pub(crate) async fn fill_pool(pool: &PasswordPool) -> impl Sized {
    pool.fill_queue().await
}
