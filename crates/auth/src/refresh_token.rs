//! Refresh tokens: good for 7 days and one use, stored only as hashes.
//!
//! A token is base64url(user id ‖ family ‖ secret). The family is drawn at login and kept by every rotation, so that a
//! token that was rotated away can be told from one of an earlier login.
//!
//! The first secret is drawn at random. Each later one is derived from the token before it by a key of this installation.
//! So whoever presents the same token twice within the grace can be given the very same successor, though nothing but
//! hashes is stored; and without the key nobody can tell the successor of a token.

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ObjectId, RandomSource, Secret, UserId};
use hkdf::Hkdf;
use sha2::{Digest, Sha256};

/// How long a refresh token is good for, in seconds.
pub const REFRESH_TOKEN_SECONDS: i64 = 7 * 24 * 60 * 60;
/// For how long the token that was rotated last gets the same successor again, in seconds, if nothing else is configured.
pub const REFRESH_GRACE_SECONDS: i64 = 10;

const USER: usize = 12;
const FAMILY: usize = 16;
const SECRET: usize = 32;
const LENGTH: usize = USER + FAMILY + SECRET;

/// SHA-256 in hex. Unsalted and fast is enough: what it hides is 256 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    fn new(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// As a store gave it back.
    pub(crate) fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a store keeps of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFingerprint {
    /// The hash of the whole token.
    pub hash: TokenHash,
    /// The hash of its family.
    pub family: TokenHash,
}

/// A refresh token. A secret: it has no readable Debug form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken(Secret<[u8; LENGTH]>);

/// The text was no refresh token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token")]
pub struct InvalidRefreshToken;

impl RefreshToken {
    /// The first token of a new family: a login.
    pub(crate) fn new(user: UserId, random: &RandomSource) -> Self {
        Self::from_parts(user, random.bytes(), random.bytes())
    }

    fn from_parts(user: UserId, family: [u8; FAMILY], secret: [u8; SECRET]) -> Self {
        let mut bytes = [0; LENGTH];
        bytes[..USER].copy_from_slice(&user.0.bytes());
        bytes[USER..USER + FAMILY].copy_from_slice(&family);
        bytes[USER + FAMILY..].copy_from_slice(&secret);
        Self(Secret::new(bytes))
    }

    fn part<const COUNT: usize>(&self, from: usize) -> [u8; COUNT] {
        std::array::from_fn(|index| self.0.expose()[from + index])
    }

    /// Whose token it says it is. Only a store can tell whether that is true.
    pub fn user(&self) -> UserId {
        UserId(ObjectId::from_bytes(self.part(0)))
    }

    /// What a store keeps of it.
    pub fn fingerprint(&self) -> TokenFingerprint {
        let bytes = self.0.expose();
        TokenFingerprint { hash: TokenHash::new(bytes), family: TokenHash::new(&bytes[USER..USER + FAMILY]) }
    }

    /// The text clients hold: 80 characters that are safe in cookies.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.expose())
    }
}

impl FromStr for RefreshToken {
    type Err = InvalidRefreshToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; LENGTH];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(length) if length == bytes.len() => Ok(Self(Secret::new(bytes))),
            _ => Err(InvalidRefreshToken),
        }
    }
}

/// Derives the successors of refresh tokens. Cheap to clone.
#[derive(Debug, Clone)]
pub struct RefreshTokenKey {
    current: Secret<[u8; 32]>,
    /// From before the shared secret was changed: what was derived then can still be derived again.
    previous: Option<Secret<[u8; 32]>>,
}

impl RefreshTokenKey {
    /// A key of its own, derived from the shared secret (HKDF-SHA256, RFC 5869).
    pub fn derive(secret: &[u8]) -> Self {
        Self { current: derive_key(secret), previous: None }
    }

    /// The same key, which also recognises what was derived from the secret before this one.
    #[must_use]
    pub fn accepting_previous(mut self, secret: &[u8]) -> Self {
        self.previous = Some(derive_key(secret));
        self
    }

    /// The token that follows this one: same user, same family, another secret.
    pub(crate) fn successor(&self, token: &RefreshToken) -> RefreshToken {
        successor_by(&self.current, token)
    }

    /// The token that follows this one and has this hash, if there is one.
    pub(crate) fn successor_with(&self, token: &RefreshToken, hash: &TokenHash) -> Option<RefreshToken> {
        let keys = [Some(&self.current), self.previous.as_ref()];
        let mut successors = keys.into_iter().flatten().map(|key| successor_by(key, token));
        successors.find(|successor| successor.fingerprint().hash == *hash)
    }
}

fn derive_key(secret: &[u8]) -> Secret<[u8; 32]> {
    Secret::new(expand_key(&Hkdf::new(None, secret), b"guerdon refresh token v1"))
}

fn successor_by(key: &Secret<[u8; 32]>, token: &RefreshToken) -> RefreshToken {
    // The token is input key material too: 256 bits of it nobody knows who does not hold it.
    let derived = Hkdf::new(Some(key.expose()), token.0.expose());
    RefreshToken::from_parts(token.user(), token.part(USER), expand_key(&derived, b"successor"))
}

fn expand_key(key: &Hkdf<Sha256>, purpose: &[u8]) -> [u8; 32] {
    let mut output = [0; 32];
    // 32 bytes are far below HKDF's limit of 8160, so this cannot fail; an all-zero key must not follow if it did.
    if key.expand(purpose, &mut output).is_err() {
        unreachable!("HKDF-SHA256 expands to 32 bytes");
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_ID: UserId = UserId(ObjectId::from_bytes([7; 12]));

    fn new_token() -> RefreshToken {
        RefreshToken::new(USER_ID, &RandomSource::new())
    }

    fn test_key() -> RefreshTokenKey {
        RefreshTokenKey::derive(b"0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn a_token_reads_back_and_names_its_user() {
        let token = new_token();
        let text = token.reveal();
        assert_eq!(text.len(), 80);
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(token.user(), USER_ID);
        assert_eq!(format!("{token:?}"), "RefreshToken(Secret(…))");
    }

    #[test]
    fn a_successor_keeps_user_and_family_and_is_the_same_each_time() {
        let token = new_token();
        let next = test_key().successor(&token);
        let (first, second) = (token.fingerprint(), next.fingerprint());
        assert_eq!(first.family, second.family);
        assert_ne!(first.hash, second.hash);
        assert_eq!(next.user(), USER_ID);
        assert_eq!(test_key().successor(&token), next);
        assert_ne!(test_key().successor(&next), next);
    }

    #[test]
    fn another_secret_or_token_gives_another_successor_and_a_new_login_another_family() {
        let (token, other) = (new_token(), new_token());
        let next = test_key().successor(&token);
        assert_ne!(RefreshTokenKey::derive(b"another secret of at least 32 bytes!").successor(&token), next);
        assert_ne!(other.fingerprint().family, token.fingerprint().family);
        // Not even the holder of the same family and another secret derives the same.
        let sibling = RefreshToken::from_parts(USER_ID, token.part(USER), [0; SECRET]);
        assert_ne!(test_key().successor(&sibling), next);
    }

    #[test]
    fn what_was_derived_before_the_secret_was_changed_is_recognised() {
        let token = new_token();
        let before = test_key().successor(&token);
        let changed = RefreshTokenKey::derive(b"another secret of at least 32 bytes!");
        let hash = before.fingerprint().hash;
        assert_eq!(changed.successor_with(&token, &hash), None);
        let changed = changed.accepting_previous(b"0123456789abcdef0123456789abcdef");
        assert_eq!(changed.successor_with(&token, &hash), Some(before.clone()));
        let now = changed.successor(&token);
        assert_ne!(now, before);
        assert_eq!(changed.successor_with(&token, &now.fingerprint().hash), Some(now));
    }

    #[test]
    fn what_is_not_sixty_bytes_of_base64url_is_refused() {
        let text = new_token().reveal();
        for bad in ["", "x", &text[1..], &format!("{text}AAAA"), &format!("{}=", &text[1..]), &"é".repeat(40)]
        {
            assert_eq!(bad.parse::<RefreshToken>(), Err(InvalidRefreshToken), "{bad}");
        }
    }
}
