use domain::{AttributeMap, Timestamp, UserId};
use event_store::UserAttributes;
use serde::Serialize;

/// What the game says about a user.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserAttributes)]
pub(crate) struct AttributesView {
    /// Whose.
    user_id: UserId,
    /// By name: text, number, boolean or null.
    #[schema(value_type = Object, example = json!({"level": 30, "vip": true}))]
    attributes: AttributeMap,
    /// Since when; null if nothing was ever said.
    #[schema(required)]
    updated_at: Option<Timestamp>,
}

impl AttributesView {
    /// Of a user of whom nothing was ever said.
    pub(super) fn unset(user_id: UserId) -> Self {
        Self { user_id, attributes: AttributeMap::new(), updated_at: None }
    }
}

impl From<UserAttributes> for AttributesView {
    fn from(found: UserAttributes) -> Self {
        Self { user_id: found.user_id, attributes: found.attributes, updated_at: Some(found.updated_at) }
    }
}
