//! API keys as servers present them, and the hash that everything but their owner knows them by.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{RandomSource, Secret};
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

/// How every key begins: a bearer token with this beginning is a key, and whoever finds one in a log or a
/// repository sees what it is.
pub const API_KEY_PREFIX: &str = "gdn_";

/// Random bytes of a key.
const RANDOM_BYTES: usize = 32;

/// An API key: `gdn_` and 256 random bits in base64url. A secret: it has no readable Debug form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyToken(Secret<String>);

/// The text was no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct InvalidApiKey;

impl ApiKeyToken {
    /// A new key.
    pub fn from_random(random: &RandomSource) -> Self {
        let bytes = random.bytes::<RANDOM_BYTES>();
        Self(Secret::new(format!("{API_KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// Whether a bearer token means to be a key.
    pub fn is_meant_by(token: &str) -> bool {
        token.starts_with(API_KEY_PREFIX)
    }

    /// The text its owner holds: 47 characters.
    pub fn reveal(&self) -> &str {
        self.0.expose()
    }

    /// What the key is known by.
    pub fn hash(&self) -> ApiKeyHash {
        ApiKeyHash(Sha256::digest(self.0.expose().as_bytes()).into())
    }
}

impl FromStr for ApiKeyToken {
    type Err = InvalidApiKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; RANDOM_BYTES];
        let encoded = text.strip_prefix(API_KEY_PREFIX).ok_or(InvalidApiKey)?;
        match URL_SAFE_NO_PAD.decode_slice(encoded, &mut bytes) {
            Ok(RANDOM_BYTES) => Ok(Self(Secret::new(text.to_owned()))),
            _ => Err(InvalidApiKey),
        }
    }
}

/// SHA-256 of a key's text; written in hex.
///
/// Neither salt nor a slow function: those make guessing dear where a secret is one that people choose.
/// Nobody guesses 256 random bits at any speed, two keys are never alike, and a key is looked up by its hash
/// on every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiKeyHash([u8; 32]);

impl fmt::Display for ApiKeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The text was no SHA-256 hash in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a hash of 64 hexadecimal digits")]
pub struct InvalidHash;

impl FromStr for ApiKeyHash {
    type Err = InvalidHash;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidHash)?;
        Ok(Self(bytes))
    }
}

impl Serialize for ApiKeyHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl deserr::Deserr<domain::Faults> for ApiKeyHash {
    fn deserialize_from_value<V: deserr::IntoValue>(
        value: deserr::Value<V>,
        location: deserr::ValuePointerRef,
    ) -> Result<Self, domain::Faults> {
        domain::read_text(value, location)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_key() -> ApiKeyToken {
        ApiKeyToken::from_random(&RandomSource::new())
    }

    #[test]
    fn a_key_reads_back_and_does_not_show_in_debug_output() {
        let key = new_key();
        assert_eq!(key.reveal().len(), 47);
        assert!(ApiKeyToken::is_meant_by(key.reveal()));
        assert_eq!(key.reveal().parse(), Ok(key.clone()));
        assert_eq!(format!("{key:?}"), "ApiKeyToken(Secret(…))");
        assert_ne!(new_key(), key);
    }

    #[test]
    fn whatever_was_never_handed_out_is_no_key() {
        let key = new_key().reveal().to_owned();
        let unpadded_rest = format!("{}/", &key[..46]);
        for text in ["", "gdn_", "gdn_x", &key[4..], &key[..46], &format!("{key}A"), &unpadded_rest] {
            assert_eq!(text.parse::<ApiKeyToken>(), Err(InvalidApiKey), "{text}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_whole_text_and_reads_back() {
        let text = format!("gdn_{}", "A".repeat(43));
        let hash = text.parse::<ApiKeyToken>().unwrap().hash();
        assert_eq!(hash.to_string(), hex::encode(Sha256::digest(text.as_bytes())));
        assert_eq!(hash.to_string().parse(), Ok(hash));
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(63)] {
            assert_eq!(text.parse::<ApiKeyHash>(), Err(InvalidHash));
        }
    }
}
