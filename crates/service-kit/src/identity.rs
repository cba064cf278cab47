//! Who is calling, as signed by the gateway.
//!
//! The services trust nobody by position: every call carries a short-lived token (HS256, key derived from the
//! shared secret by HKDF, RFC 5869) that names its audience and its caller. Headers of that name from outside
//! are stripped.

use std::sync::Arc;

use domain::{ApiKeyId, ApiKeyScope, ApiKeyScopeSet, Clock, Role, RoleSet, UserId};
use http::HeaderName;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// The header that carries the signed identity.
pub const IDENTITY_HEADER: HeaderName = HeaderName::from_static("x-guerdon-identity");

/// The client behind a request, as the gateway's rate limits know it: visible ASCII. Only the gateway sets this header.
pub const CLIENT_HEADER: HeaderName = HeaderName::from_static("x-guerdon-client");

/// How long a signed identity is good for, in seconds: one hop, with room for a slow one and a clock that is
/// off a bit.
const LIFETIME_SECONDS: i64 = 30;
/// How many seconds the gateway's clock may be ahead of the service's.
const CLOCK_SKEW_SECONDS: i64 = 5;

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Identity {
    /// Nobody who is logged in.
    Anonymous,
    /// The gateway itself, for its own questions.
    Gateway,
    /// A user with a checked session.
    User(Caller),
    /// A server with a checked API key.
    ApiKey(KeyCaller),
}

/// A logged-in user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The user.
    #[serde(rename = "sub")]
    pub id: UserId,
    /// The roles their session was checked with.
    pub roles: RoleSet,
}

impl Caller {
    /// Whether the caller has this role.
    pub fn is(&self, role: Role) -> bool {
        self.roles.contains(role)
    }
}

/// A server that calls with an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyCaller {
    /// The key.
    #[serde(rename = "key")]
    pub id: ApiKeyId,
    /// The scopes the key was checked with.
    pub scopes: ApiKeyScopeSet,
}

impl KeyCaller {
    /// Whether the key has this scope.
    pub fn may(&self, scope: ApiKeyScope) -> bool {
        self.scopes.contains(scope)
    }
}

/// A logged-in user, or a server with a key: whoever may use a route that admits both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserOrKey {
    /// A user.
    User(Caller),
    /// A server.
    Key(KeyCaller),
}

impl UserOrKey {
    /// Whether what is shown to staff alone may be shown: an administrator gave the key its scope for that.
    pub fn sees_as_staff(&self) -> bool {
        match self {
            Self::User(caller) => caller.roles.is_staff(),
            Self::Key(_) => true,
        }
    }

    /// Whether this is the user with this id.
    pub fn is_user(&self, id: UserId) -> bool {
        matches!(self, Self::User(caller) if caller.id == id)
    }
}

/// The user whom a request is about, where that is not its caller, with the roles that auth has them in. The
/// gateway looks them up, since the services do not talk to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject(pub Caller);

/// What the gateway vouches for: on whose behalf a call is made, and about whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VouchedCall {
    /// On whose behalf.
    pub identity: Identity,
    /// About whom, where the request names somebody.
    pub subject: Option<Subject>,
}

impl From<Identity> for VouchedCall {
    fn from(identity: Identity) -> Self {
        Self { identity, subject: None }
    }
}

/// The service a signed identity is meant for. One service cannot replay it to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Audience {
    /// The auth service.
    Auth,
    /// The event service.
    Event,
}

impl Audience {
    /// What operators call the service.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::Event => "event",
        }
    }
}

/// The identity was not signed by this installation's gateway for this service, or not recently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the identity is not signed by the gateway for this service, or it has expired")]
pub struct NotSigned;

#[derive(Debug, Serialize, Deserialize)]
struct IdentityClaims {
    aud: Audience,
    exp: i64,
    #[serde(flatten)]
    identity: Identity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    subject: Option<Caller>,
}

/// Signs and checks identities. Cheap to clone.
#[derive(Clone)]
pub struct IdentityKey {
    encoding: Arc<EncodingKey>,
    decoding: Arc<DecodingKey>,
    validation: Arc<Validation>,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdentityKey")
    }
}

impl IdentityKey {
    /// Derives the key from the shared secret, so that an access token can never pass as an identity or the
    /// reverse.
    pub fn derive(secret: &[u8], clock: Arc<dyn Clock>) -> Self {
        let mut key = [0; 32];
        // 32 bytes are far below HKDF's limit of 8160, so this cannot fail; an all-zero key must not follow
        // if it did.
        if hkdf::Hkdf::<sha2::Sha256>::new(None, secret).expand(b"guerdon identity v1", &mut key).is_err() {
            unreachable!("HKDF-SHA256 expands to 32 bytes");
        }
        let mut validation = Validation::new(Algorithm::HS256);
        // Audience and expiry are checked below: by type, and against our clock without leeway.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        Self {
            encoding: Arc::new(EncodingKey::from_secret(&key)),
            decoding: Arc::new(DecodingKey::from_secret(&key)),
            validation: Arc::new(validation),
            clock,
        }
    }

    /// Signs an identity, and whom the call is about, for one service; good for 30 seconds.
    pub fn sign(
        &self,
        audience: Audience,
        call: impl Into<VouchedCall>,
    ) -> Result<String, jsonwebtoken::errors::Error> {
        let VouchedCall { identity, subject } = call.into();
        let exp = self.clock.now().as_seconds() + LIFETIME_SECONDS;
        let subject = subject.map(|Subject(user)| user);
        let claims = IdentityClaims { aud: audience, exp, identity, subject };
        jsonwebtoken::encode(&Header::default(), &claims, &self.encoding)
    }

    /// Who a request comes from and whom it is about, if the gateway signed it for this service and it has
    /// not expired.
    ///
    /// However long a token says it is good for, more than 30 seconds ahead is never accepted.
    pub fn verify(&self, audience: Audience, token: &str) -> Result<VouchedCall, NotSigned> {
        let IdentityClaims { aud, exp, identity, subject } =
            jsonwebtoken::decode(token, &self.decoding, &self.validation).map_err(|_| NotSigned)?.claims;
        let seconds_left = exp.saturating_sub(self.clock.now().as_seconds());
        let current = (1..=LIFETIME_SECONDS + CLOCK_SKEW_SECONDS).contains(&seconds_left);
        let call = VouchedCall { identity, subject: subject.map(Subject) };
        if current && aud == audience { Ok(call) } else { Err(NotSigned) }
    }
}

#[cfg(test)]
mod tests {
    use domain::{ManualClock, ObjectId};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn key_and_clock() -> (IdentityKey, ManualClock) {
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        (IdentityKey::derive(SECRET, Arc::new(clock.clone())), clock)
    }

    #[test]
    fn an_identity_comes_back_as_it_was_signed() {
        let (key, _) = key_and_clock();
        let user = Identity::User(Caller {
            id: UserId(ObjectId::from_bytes([7; 12])),
            roles: RoleSet::from_roles(&[Role::User, Role::Admin]),
        });
        let server = Identity::ApiKey(KeyCaller {
            id: ApiKeyId(ObjectId::from_bytes([8; 12])),
            scopes: ApiKeyScopeSet::from_scopes(&ApiKeyScope::ALL),
        });
        let somebody = Caller { id: UserId(ObjectId::from_bytes([9; 12])), roles: RoleSet::STAFF };
        for identity in [Identity::Anonymous, Identity::Gateway, user, server] {
            for subject in [None, Some(Subject(somebody))] {
                let call = VouchedCall { identity, subject };
                let token = key.sign(Audience::Event, call).unwrap();
                assert_eq!(key.verify(Audience::Event, &token), Ok(call));
            }
        }
    }

    #[test]
    fn another_audience_another_secret_or_a_late_replay_is_refused() {
        let (key, clock) = key_and_clock();
        let token = key.sign(Audience::Event, Identity::Gateway).unwrap();
        assert_eq!(key.verify(Audience::Auth, &token), Err(NotSigned));
        let other = IdentityKey::derive(b"another secret of at least 32 bytes", Arc::new(clock.clone()));
        assert_eq!(other.verify(Audience::Event, &token), Err(NotSigned));
        clock.advance_seconds(29);
        assert!(key.verify(Audience::Event, &token).is_ok());
        clock.advance_seconds(1);
        assert_eq!(key.verify(Audience::Event, &token), Err(NotSigned));
    }

    #[test]
    fn a_well_signed_identity_that_would_outlive_its_hop_is_refused() {
        let (key, clock) = key_and_clock();
        let now = clock.now().as_seconds();
        let lasting = |seconds: i64| {
            let exp = now.saturating_add(seconds);
            let claims =
                IdentityClaims { aud: Audience::Event, exp, identity: Identity::Gateway, subject: None };
            let token = jsonwebtoken::encode(&Header::default(), &claims, &key.encoding).unwrap();
            key.verify(Audience::Event, &token)
        };
        assert!(lasting(35).is_ok(), "a clock may be ahead by five seconds");
        for refused in [36, 3600, 100 * 365 * 86_400, i64::MAX, 0, -1, i64::MIN] {
            assert_eq!(lasting(refused), Err(NotSigned), "{refused}");
        }
    }

    #[test]
    fn a_token_signed_with_the_shared_secret_itself_is_no_identity() {
        let (key, clock) = key_and_clock();
        let claims = IdentityClaims {
            aud: Audience::Event,
            exp: clock.now().as_seconds() + 30,
            identity: Identity::Gateway,
            subject: None,
        };
        let forged =
            jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(key.verify(Audience::Event, &forged), Err(NotSigned));
    }
}
