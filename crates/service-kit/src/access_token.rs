//! Access tokens: JWTs (RFC 7519) signed with HS256 and the shared secret, good for 15 minutes.
//!
//! A good signature is not enough: a token counts only while it is the one token-db holds for its user.

use std::sync::Arc;

use domain::{Clock, RandomSource, RoleSet, Timestamp, UserId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use moka::sync::Cache;
use serde::{Deserialize, Serialize};

/// How long an access token is good for, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

/// How many tokens are remembered whose signature was good: some megabytes.
const REMEMBERED_TOKENS: u64 = 10_000;

/// What an access token says. Times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The user.
    pub sub: UserId,
    /// Their roles when it was issued.
    pub roles: RoleSet,
    /// When it was issued.
    pub iat: i64,
    /// From when on it is refused.
    pub exp: i64,
    /// Random, so that two tokens of one second differ.
    pub jti: String,
}

/// A fresh token with the moments token-db stores beside it.
#[derive(Clone)]
pub struct IssuedToken {
    /// The compact JWT. A secret: never log it.
    pub token: String,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("issued_at", &self.issued_at).finish_non_exhaustive()
    }
}

/// Why a token was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token this installation signed with HS256.
    #[error("the access token is not valid")]
    Invalid,
    /// Signed by us, but its time is over.
    #[error("the access token has expired")]
    Expired,
}

/// Issues and checks access tokens. Cheap to clone.
#[derive(Clone)]
pub struct AccessTokenKey {
    encoding: Arc<EncodingKey>,
    decoding: Arc<DecodingKey>,
    /// Verifies tokens from before the secret was changed.
    previous: Option<Arc<DecodingKey>>,
    validation: Arc<Validation>,
    /// What tokens say whose signature was found good: that never changes. Forged ones are not remembered, so
    /// nobody can flood it.
    verified: Cache<String, Arc<AccessClaims>>,
    clock: Arc<dyn Clock>,
    random: RandomSource,
}

impl std::fmt::Debug for AccessTokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AccessTokenKey")
    }
}

impl AccessTokenKey {
    /// The shared secret itself is the key, as the specification has it: at least 32 bytes (RFC 7518, 3.2).
    pub fn new(secret: &[u8], clock: Arc<dyn Clock>) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Checked below against our clock, without leeway.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self {
            encoding: Arc::new(EncodingKey::from_secret(secret)),
            decoding: Arc::new(DecodingKey::from_secret(secret)),
            previous: None,
            validation: Arc::new(validation),
            verified: Cache::new(REMEMBERED_TOKENS),
            clock,
            random: RandomSource::new(),
        }
    }

    /// The same key, which also accepts what was signed with the secret before this one. It never signs with that.
    #[must_use]
    pub fn accepting_previous(mut self, secret: &[u8]) -> Self {
        self.previous = Some(Arc::new(DecodingKey::from_secret(secret)));
        // Clones share what they remember, and the others do not accept this secret.
        self.verified = Cache::new(REMEMBERED_TOKENS);
        self
    }

    /// A new token for this user.
    pub fn issue(&self, user: UserId, roles: RoleSet) -> Result<IssuedToken, jsonwebtoken::errors::Error> {
        let now = self.clock.now();
        let iat = now.as_seconds();
        let claims = AccessClaims {
            sub: user,
            roles,
            iat,
            exp: iat + ACCESS_TOKEN_SECONDS,
            jti: hex::encode(self.random.bytes::<16>()),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)?;
        Ok(IssuedToken { token, issued_at: now, expires_at: Timestamp::from_millis(claims.exp * 1000) })
    }

    /// What a token says, if we signed it and it has not expired.
    pub fn verify(&self, token: &str) -> Result<Arc<AccessClaims>, TokenError> {
        let claims = match self.verified.get(token) {
            Some(claims) => claims,
            None => self.verify_signature(token)?,
        };
        if self.clock.now().as_seconds() < claims.exp { Ok(claims) } else { Err(TokenError::Expired) }
    }

    fn verify_signature(&self, token: &str) -> Result<Arc<AccessClaims>, TokenError> {
        let claims = match (self.decode(token, &self.decoding), &self.previous) {
            (Err(error), Some(previous)) if *error.kind() == ErrorKind::InvalidSignature => {
                self.decode(token, previous)
            }
            (decoded, _) => decoded,
        };
        let claims = claims.map(Arc::new).map_err(|_| TokenError::Invalid)?;
        self.verified.insert(token.to_owned(), Arc::clone(&claims));
        Ok(claims)
    }

    fn decode(&self, token: &str, key: &DecodingKey) -> Result<AccessClaims, jsonwebtoken::errors::Error> {
        jsonwebtoken::decode(token, key, &self.validation).map(|decoded| decoded.claims)
    }
}

#[cfg(test)]
mod tests {
    use domain::{ManualClock, ObjectId, Role};

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const USER: UserId = UserId(ObjectId::from_bytes([7; 12]));

    fn key() -> (AccessTokenKey, ManualClock) {
        let clock = ManualClock::new("2026-05-01T09:00:00.500Z".parse().unwrap());
        (AccessTokenKey::new(SECRET, Arc::new(clock.clone())), clock)
    }

    #[test]
    fn a_token_lasts_fifteen_minutes_and_not_a_second_more() {
        let (key, clock) = key();
        let issued = key.issue(USER, RoleSet::from_roles(&[Role::User])).unwrap();
        let claims = key.verify(&issued.token).unwrap();
        assert_eq!((claims.sub, claims.exp - claims.iat), (USER, 900));
        clock.advance_seconds(899);
        assert!(key.verify(&issued.token).is_ok());
        clock.advance_seconds(1);
        assert_eq!(key.verify(&issued.token), Err(TokenError::Expired));
    }

    #[test]
    fn two_tokens_of_one_moment_differ() {
        let (key, _) = key();
        let token = || key.issue(USER, RoleSet::EMPTY).unwrap().token;
        assert_ne!(token(), token());
    }

    #[test]
    fn another_secret_another_algorithm_or_none_is_refused() {
        let (key, clock) = key();
        let other = AccessTokenKey::new(b"another secret of at least 32 bytes", Arc::new(clock));
        let forged = other.issue(USER, RoleSet::EMPTY).unwrap().token;
        assert_eq!(key.verify(&forged), Err(TokenError::Invalid));
        let claims = key.verify(&key.issue(USER, RoleSet::EMPTY).unwrap().token).unwrap();
        let hs512 = Header::new(Algorithm::HS512);
        let wrong = jsonwebtoken::encode(&hs512, &*claims, &EncodingKey::from_secret(SECRET)).unwrap();
        assert_eq!(key.verify(&wrong), Err(TokenError::Invalid));
        // {"alg":"none"} . {"sub":…} . (no signature)
        let none = format!("eyJhbGciOiJub25lIn0.{}.", wrong.split('.').nth(1).unwrap());
        assert_eq!(key.verify(&none), Err(TokenError::Invalid));
        assert_eq!(key.verify("garbage"), Err(TokenError::Invalid));
    }

    #[test]
    fn the_previous_secret_still_verifies_and_never_signs() {
        let (old, clock) = key();
        let new = AccessTokenKey::new(b"another secret of at least 32 bytes", Arc::new(clock.clone()));
        let both = new.clone().accepting_previous(SECRET);
        let token = old.issue(USER, RoleSet::EMPTY).unwrap().token;
        assert_eq!(both.verify(&token).map(|claims| claims.sub), Ok(USER));
        assert_eq!(new.verify(&token), Err(TokenError::Invalid));
        let fresh = both.issue(USER, RoleSet::EMPTY).unwrap().token;
        assert!(new.verify(&fresh).is_ok());
        assert_eq!(old.verify(&fresh), Err(TokenError::Invalid));
        let third = AccessTokenKey::new(b"a third secret, known to nobody else", Arc::new(clock.clone()));
        assert_eq!(both.verify(&third.issue(USER, RoleSet::EMPTY).unwrap().token), Err(TokenError::Invalid));
        clock.advance_seconds(ACCESS_TOKEN_SECONDS);
        assert_eq!(both.verify(&token), Err(TokenError::Expired));
    }
}
