use domain::{AttributeMap, MOST_ATTRIBUTES, Timestamp, UserId};
use event_store::UserAttributes;
use serde::Serialize;
use serde_json::json;
use utoipa::openapi::{
    RefOr,
    schema::{AdditionalProperties, Object, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type},
};

/// Attributes by name, as the OpenAPI document has them.
pub(super) fn attribute_map_schema() -> Object {
    let of_type = |schema_type| ObjectBuilder::new().schema_type(SchemaType::Type(schema_type));
    let value = OneOfBuilder::new()
        .item(of_type(Type::String).min_length(Some(1)).max_length(Some(200)))
        .item(of_type(Type::Number).minimum(Some(-(1_i64 << 53) + 1)).maximum(Some((1_i64 << 53) - 1)))
        .item(of_type(Type::Boolean))
        .item(of_type(Type::Null));
    ObjectBuilder::new()
        .property_names(Some(of_type(Type::String).pattern(Some("^[A-Za-z][A-Za-z0-9_]{0,63}$")).build()))
        .additional_properties(Some(AdditionalProperties::RefOr(RefOr::T(Schema::from(value)))))
        .max_properties(Some(MOST_ATTRIBUTES))
        .examples([json!({"level": 30, "vip": true})])
        .build()
}

/// What the game says about a user.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = UserAttributes)]
pub(crate) struct AttributesView {
    /// Whose.
    user_id: UserId,
    /// By name: text, number, boolean or null.
    #[schema(schema_with = attribute_map_schema)]
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
