//! Refresh tokens: random, good for 7 days and one use, stored only as hashes.
//!
//! A token is base64url(user id ‖ family ‖ secret). The family is drawn at login and kept by every rotation, so that a
//! token that was rotated away can be told from one of an earlier login.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{ObjectId, UserId};
use sha2::{Digest, Sha256};

/// How long a refresh token is good for, in seconds.
pub const REFRESH_TOKEN_SECONDS: i64 = 7 * 24 * 60 * 60;

const USER: usize = 12;
const FAMILY: usize = 16;
const SECRET: usize = 32;

/// SHA-256 in hex. Unsalted and fast is enough: what it hides is 256 random bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenHash(String);

impl TokenHash {
    fn of(bytes: &[u8]) -> Self {
        Self(hex::encode(Sha256::digest(bytes)))
    }

    /// As a store gave it back.
    pub(crate) fn stored(hex: String) -> Self {
        Self(hex)
    }

    /// 64 hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a store keeps of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash of the whole token.
    pub hash: TokenHash,
    /// The hash of its family.
    pub family: TokenHash,
}

/// A refresh token. A secret: it has no readable Debug form.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken([u8; USER + FAMILY + SECRET]);

/// The text was no refresh token of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a refresh token")]
pub struct InvalidRefreshToken;

impl RefreshToken {
    /// The first token of a new family: a login.
    pub(crate) fn begin(user: UserId) -> Self {
        Self::assemble(user, rand::random())
    }

    /// The token that follows this one: same user, same family, new secret.
    pub(crate) fn next(&self) -> Self {
        Self::assemble(self.user(), self.part(USER))
    }

    fn assemble(user: UserId, family: [u8; FAMILY]) -> Self {
        let mut bytes = [0; USER + FAMILY + SECRET];
        bytes[..USER].copy_from_slice(&user.0.bytes());
        bytes[USER..USER + FAMILY].copy_from_slice(&family);
        bytes[USER + FAMILY..].copy_from_slice(&rand::random::<[u8; SECRET]>());
        Self(bytes)
    }

    fn part<const LENGTH: usize>(&self, from: usize) -> [u8; LENGTH] {
        std::array::from_fn(|index| self.0[from + index])
    }

    /// Whose token it says it is. Only a store can tell whether that is true.
    pub fn user(&self) -> UserId {
        UserId(ObjectId::from_bytes(self.part(0)))
    }

    /// What a store keeps of it.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint { hash: TokenHash::of(&self.0), family: TokenHash::of(&self.0[USER..USER + FAMILY]) }
    }

    /// The text clients hold: 80 characters that are safe in cookies.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl FromStr for RefreshToken {
    type Err = InvalidRefreshToken;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; USER + FAMILY + SECRET];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(length) if length == bytes.len() => Ok(Self(bytes)),
            _ => Err(InvalidRefreshToken),
        }
    }
}

impl fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RefreshToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USER_ID: UserId = UserId(ObjectId::from_bytes([7; 12]));

    #[test]
    fn a_token_reads_back_and_names_its_user() {
        let token = RefreshToken::begin(USER_ID);
        let text = token.reveal();
        assert_eq!(text.len(), 80);
        assert_eq!(text.parse(), Ok(token.clone()));
        assert_eq!(token.user(), USER_ID);
        assert!(!format!("{token:?}").contains(&text));
    }

    #[test]
    fn rotation_keeps_user_and_family_and_a_new_login_has_its_own() {
        let token = RefreshToken::begin(USER_ID);
        let (first, second) = (token.fingerprint(), token.next().fingerprint());
        assert_eq!(first.family, second.family);
        assert_ne!(first.hash, second.hash);
        assert_eq!(token.next().user(), USER_ID);
        assert_ne!(RefreshToken::begin(USER_ID).fingerprint().family, first.family);
    }

    #[test]
    fn what_is_not_sixty_bytes_of_base64url_is_refused() {
        let text = RefreshToken::begin(USER_ID).reveal();
        for bad in ["", "x", &text[1..], &format!("{text}AAAA"), &format!("{}=", &text[1..]), &"é".repeat(40)]
        {
            assert_eq!(bad.parse::<RefreshToken>(), Err(InvalidRefreshToken), "{bad}");
        }
    }
}
