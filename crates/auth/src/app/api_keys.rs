use std::collections::HashSet;

use domain::{ApiKey, ApiKeyId, ApiKeyScope, ApiKeyScopeSet, ChangeAuthor, Timestamp, UserId};
use parking_lot::Mutex;
use service_kit::{
    api_key::{ApiKeyHash, ApiKeyToken},
    identity::KeyCaller,
    internal_api::KeyStanding,
};

use crate::{
    AuthService,
    store::{ApiKeyRecord, StoreError},
};

const MILLIS_PER_MINUTE: i64 = 60_000;

/// A key to be, each field valid by itself.
#[derive(Debug)]
pub(crate) struct ApiKeyDraft {
    pub(crate) name: String,
    pub(crate) scopes: Vec<ApiKeyScope>,
    pub(crate) expires_at: Option<Timestamp>,
}

/// What is wrong with a key to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ApiKeyFault {
    /// It could do nothing.
    NoScope,
    /// The scope at this place stands further up as well.
    RepeatedScope(usize),
    /// It would be refused from the beginning.
    AlreadyExpired,
}

/// Why a key is not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateApiKeyError {
    /// With everything that is wrong.
    #[error("the key would be of no use: {0:?}")]
    Invalid(Vec<ApiKeyFault>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a key is not deleted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DeleteApiKeyError {
    #[error("there is no such key")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AuthService {
    /// Makes a key. The token is returned this once: only its hash is stored.
    pub(crate) async fn create_api_key(
        &self,
        creator: UserId,
        author: ChangeAuthor,
        draft: ApiKeyDraft,
    ) -> Result<(ApiKey, ApiKeyToken), CreateApiKeyError> {
        let minted = self.ids.mint();
        let scopes = check_draft(&draft, minted.at).map_err(CreateApiKeyError::Invalid)?;
        let token = ApiKeyToken::from_random(&self.random);
        let key = ApiKey {
            id: ApiKeyId(minted.id),
            name: draft.name,
            scopes,
            created_by: creator,
            created_at: minted.at,
            expires_at: draft.expires_at,
            last_used_at: None,
        };
        let record = ApiKeyRecord { key: key.clone(), hash: token.hash() };
        self.api_keys.create_key(record, self.stamp(author)).await?;
        self.audit_wake_up.call();
        Ok((key, token))
    }

    /// Deletes a key, which is refused from then on.
    pub(crate) async fn delete_api_key(
        &self,
        id: ApiKeyId,
        author: ChangeAuthor,
    ) -> Result<(), DeleteApiKeyError> {
        let is_deleted = self.api_keys.delete_key(id, self.stamp(author)).await?;
        self.audit_wake_up.call();
        if is_deleted { Ok(()) } else { Err(DeleteApiKeyError::Unknown) }
    }

    /// What has become of the keys with these hashes: one answer for each, in order, as the store has it now.
    /// Those that count are noted as used.
    pub async fn check_api_keys(&self, hashes: &[ApiKeyHash]) -> Result<Vec<KeyStanding>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.api_keys.find_keys(hashes).await?;
        let now = self.ids.clock().now();
        let valid = found.iter().flatten().filter(|key| !key.has_expired(now));
        self.note_uses(self.key_uses.news(valid, now), now);
        Ok(found.into_iter().map(|key| standing_of(key, now)).collect())
    }

    /// Beside the requests, which do not wait for it. A note that fails is lost: the next minute brings
    /// another.
    fn note_uses(&self, used: Vec<ApiKeyId>, now: Timestamp) {
        if used.is_empty() {
            return;
        }
        let api_keys = std::sync::Arc::clone(&self.api_keys);
        tokio::spawn(async move {
            if let Err(error) = api_keys.note_key_uses(&used, minute_of(now)).await {
                tracing::warn!(%error, "the use of API keys was not noted");
            }
        });
    }
}

fn check_draft(draft: &ApiKeyDraft, now: Timestamp) -> Result<ApiKeyScopeSet, Vec<ApiKeyFault>> {
    let (mut scopes, mut faults) = (ApiKeyScopeSet::EMPTY, Vec::new());
    for (place, scope) in draft.scopes.iter().enumerate() {
        if !scopes.insert(*scope) {
            faults.push(ApiKeyFault::RepeatedScope(place));
        }
    }
    if scopes.is_empty() {
        faults.push(ApiKeyFault::NoScope);
    }
    if draft.expires_at.is_some_and(|end| end <= now) {
        faults.push(ApiKeyFault::AlreadyExpired);
    }
    if faults.is_empty() { Ok(scopes) } else { Err(faults) }
}

fn standing_of(key: Option<ApiKey>, now: Timestamp) -> KeyStanding {
    match key {
        Some(key) if key.has_expired(now) => KeyStanding::Expired,
        Some(key) => KeyStanding::Valid(KeyCaller { id: key.id, scopes: key.scopes }),
        None => KeyStanding::Unknown,
    }
}

fn minute_of(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis().div_euclid(MILLIS_PER_MINUTE) * MILLIS_PER_MINUTE)
}

/// The keys whose use in the current minute this process has noted: each is written down once a minute,
/// however many requests it makes. Holds as many ids as keys are in use.
#[derive(Debug, Default)]
pub(crate) struct NotedKeyUses(Mutex<(Option<Timestamp>, HashSet<ApiKeyId>)>);

impl NotedKeyUses {
    /// Those of the keys whose use is still to be written down.
    fn news<'a>(&self, used: impl Iterator<Item = &'a ApiKey>, now: Timestamp) -> Vec<ApiKeyId> {
        let minute = minute_of(now);
        let mut used = used.filter(|key| key.last_used_at.is_none_or(|at| at < minute)).peekable();
        if used.peek().is_none() {
            return Vec::new();
        }
        let mut noted = self.0.lock();
        if noted.0 != Some(minute) {
            *noted = (Some(minute), HashSet::new());
        }
        used.map(|key| key.id).filter(|id| noted.1.insert(*id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use domain::ObjectId;

    use super::*;

    fn sample_key(number: u8, last_used_at: Option<&str>) -> ApiKey {
        ApiKey {
            id: ApiKeyId(ObjectId::from_bytes([number; 12])),
            name: "Shop".into(),
            scopes: ApiKeyScopeSet::from_scopes(&[ApiKeyScope::EventsRead]),
            created_by: UserId(ObjectId::from_bytes([9; 12])),
            created_at: Timestamp::from_millis(0),
            expires_at: None,
            last_used_at: last_used_at.map(|at| at.parse().unwrap()),
        }
    }

    #[test]
    fn a_keys_use_is_news_once_a_minute() {
        let uses = NotedKeyUses::default();
        let news = |keys: &[ApiKey], now: &str| uses.news(keys.iter(), now.parse().unwrap()).len();
        let (one, two) = (sample_key(1, None), sample_key(2, None));
        assert_eq!(news(&[one.clone(), one.clone()], "2026-05-01T09:00:00Z"), 1);
        assert_eq!(news(&[one.clone(), two.clone()], "2026-05-01T09:00:59.999Z"), 1);
        assert_eq!(news(&[one.clone(), two], "2026-05-01T09:01:00Z"), 2);
        // Another process has noted it.
        assert_eq!(news(&[sample_key(3, Some("2026-05-01T09:01:00Z"))], "2026-05-01T09:01:30Z"), 0);
        assert_eq!(news(&[sample_key(3, Some("2026-05-01T09:01:00Z"))], "2026-05-01T09:02:00Z"), 1);
    }
}
