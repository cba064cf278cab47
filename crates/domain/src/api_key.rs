//! API keys: how servers call the API, and what each of them may do.

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, Timestamp, UserId};

crate::named_values::named_values! {
    /// What an API key may do. A key has one or more.
    pub enum ApiKeyScope {
        /// Reports what users do.
        ActivitiesWrite = "activities:write",
        /// Sets what is known of users.
        AttributesWrite = "attributes:write",
        /// Reads events and their rewards.
        EventsRead = "events:read",
        /// Reads reward requests, as staff does.
        RequestsRead = "requests:read",
        /// Claims for users.
        RequestsWrite = "requests:write",
        /// Decides reward requests.
        RequestsDecide = "requests:decide",
        /// Reads what users were granted.
        GrantsRead = "grants:read",
        /// Reads users.
        UsersRead = "users:read",
    }
}

/// The scopes of one key: a set, kept in a fixed order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ApiKeyScopeSet(u16);

impl ApiKeyScopeSet {
    /// No scope at all.
    pub const EMPTY: ApiKeyScopeSet = ApiKeyScopeSet(0);

    /// The set of these scopes.
    pub const fn from_scopes(scopes: &[ApiKeyScope]) -> Self {
        let mut bits = 0;
        let mut index = 0;
        while index < scopes.len() {
            bits |= 1 << scopes[index] as u16;
            index += 1;
        }
        Self(bits)
    }

    /// Whether this scope is in the set.
    pub const fn contains(self, scope: ApiKeyScope) -> bool {
        self.0 & (1 << scope as u16) != 0
    }

    /// Whether there is no scope in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a scope; whether it was not there before.
    pub fn insert(&mut self, scope: ApiKeyScope) -> bool {
        let is_new = !self.contains(scope);
        self.0 |= 1 << scope as u16;
        is_new
    }

    /// The scopes in their fixed order.
    pub fn iter(self) -> impl Iterator<Item = ApiKeyScope> {
        ApiKeyScope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<ApiKeyScope> for ApiKeyScopeSet {
    fn from_iter<I: IntoIterator<Item = ApiKeyScope>>(scopes: I) -> Self {
        let mut set = Self::EMPTY;
        for scope in scopes {
            set.insert(scope);
        }
        set
    }
}

impl Serialize for ApiKeyScopeSet {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for ApiKeyScopeSet {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<ApiKeyScope>::deserialize(deserializer)?.into_iter().collect())
    }
}

impl utoipa::PartialSchema for ApiKeyScopeSet {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        let scope = utoipa::openapi::Ref::from_schema_name("ApiKeyScope");
        utoipa::openapi::ArrayBuilder::new().items(scope).into()
    }
}

impl utoipa::ToSchema for ApiKeyScopeSet {
    fn name() -> std::borrow::Cow<'static, str> {
        "ApiKeyScopeSet".into()
    }

    fn schemas(schemas: &mut Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::schema::Schema>)>) {
        schemas.push(("ApiKeyScope".to_owned(), <ApiKeyScope as utoipa::PartialSchema>::schema()));
    }
}

/// An API key, as the API shows it. The key itself is not part of it: nobody can show it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// What people call it.
    #[schema(example = "Shop backend")]
    pub name: String,
    /// What it may do: one or more.
    pub scopes: ApiKeyScopeSet,
    /// The administrator who made it.
    pub created_by: UserId,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is refused; null: never.
    #[schema(required)]
    pub expires_at: Option<Timestamp>,
    /// The minute in which it was last used; null: it never was.
    #[schema(required)]
    pub last_used_at: Option<Timestamp>,
}

impl ApiKey {
    /// Whether its time is over at the moment `now`.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_set_is_written_as_names_in_a_fixed_order_without_repeats() {
        use ApiKeyScope::{EventsRead, UsersRead};
        let scopes: ApiKeyScopeSet = [UsersRead, EventsRead, UsersRead].into_iter().collect();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["events:read","users:read"]"#);
        assert_eq!(
            serde_json::from_str::<ApiKeyScopeSet>(r#"["users:read","events:read"]"#).unwrap(),
            scopes
        );
        assert_eq!(scopes, ApiKeyScopeSet::from_scopes(&[EventsRead, UsersRead]));
    }

    #[test]
    fn each_scope_is_a_member_of_its_own() {
        for scope in ApiKeyScope::ALL {
            let mut set = ApiKeyScopeSet::EMPTY;
            assert!(set.is_empty() && set.insert(scope) && !set.insert(scope));
            assert_eq!(set.iter().collect::<Vec<_>>(), [scope]);
        }
    }

    #[test]
    fn a_key_is_refused_from_the_moment_it_expires_on() {
        let end: Timestamp = "2026-05-01T09:00:00Z".parse().unwrap();
        let key = ApiKey {
            id: ApiKeyId(crate::ObjectId::from_bytes([1; 12])),
            name: "Shop".into(),
            scopes: ApiKeyScopeSet::from_scopes(&[ApiKeyScope::EventsRead]),
            created_by: UserId(crate::ObjectId::from_bytes([2; 12])),
            created_at: end.plus_seconds(-60),
            expires_at: Some(end),
            last_used_at: None,
        };
        assert!(!key.has_expired(Timestamp::from_millis(end.as_millis() - 1)));
        assert!(key.has_expired(end));
        assert!(!ApiKey { expires_at: None, ..key }.has_expired(Timestamp::MAX));
    }
}
