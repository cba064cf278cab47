use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, ValuePointerRef};
use domain::{
    AttributeMap, AttributeName, AttributeValue, Fault, Faults, MOST_ATTRIBUTES, UserId, json_pointer,
};
use serde_json::Value;
use service_kit::{
    extract::{ChangedBy, JsonBody, OperatorOrKey, PathId, scope::AttributesWrite},
    problem::Problem,
};

use super::view::{AttributesView, attribute_map_schema};
use crate::service::EventService;

/// What the game says about a user, all of it.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = PutUserAttributes)]
pub(crate) struct PutAttributesBody {
    /// At most 100. A name begins with a letter and has letters, digits and _; a value is a text, a number, a boolean or
    /// null.
    #[schema(schema_with = attribute_map_schema)]
    attributes: CheckedAttributes,
}

/// Attributes that obey the rules.
#[derive(Debug)]
struct CheckedAttributes(AttributeMap);

impl Deserr<Faults> for CheckedAttributes {
    fn deserialize_from_value<V: IntoValue>(
        value: deserr::Value<V>,
        at: ValuePointerRef,
    ) -> Result<Self, Faults> {
        let value = <Value as Deserr<Faults>>::deserialize_from_value(value, at)?;
        let Value::Object(members) = value else {
            return Err(Faults::new(json_pointer(at), "must be an object"));
        };
        if members.len() > MOST_ATTRIBUTES {
            let message = format!("must have at most {MOST_ATTRIBUTES} attributes");
            return Err(Faults::new(json_pointer(at), message));
        }
        let (mut attributes, mut faults) = (AttributeMap::new(), Faults::default());
        for (name, value) in members {
            let here = at.push_key(&name);
            let mut refuse = |message: String| faults.push(Fault { pointer: json_pointer(here), message });
            match (name.parse::<AttributeName>(), AttributeValue::try_from(&value)) {
                (Ok(name), Ok(value)) => {
                    attributes.insert(name, value);
                }
                (Err(error), _) => refuse(error.to_string()),
                (_, Err(error)) => refuse(error.to_string()),
            }
        }
        if faults.is_empty() { Ok(Self(attributes)) } else { Err(faults) }
    }
}

/// Set a user's attributes
///
/// The attributes take the place of all there were: one that is left out is no longer set.
#[utoipa::path(
    put,
    path = "/users/{id}/attributes",
    operation_id = "putUserAttributes",
    tag = "Activities",
    params(("id" = UserId, Path, description = "The user's id")),
    request_body = PutAttributesBody,
    responses((status = 200, description = "What the game says about the user", body = AttributesView))
)]
pub(crate) async fn put_attributes(
    State(service): State<EventService>,
    _: OperatorOrKey<AttributesWrite>,
    ChangedBy(author): ChangedBy,
    PathId(user): PathId<UserId>,
    JsonBody(body): JsonBody<PutAttributesBody>,
) -> Result<Json<AttributesView>, Problem> {
    Ok(Json(service.put_attributes(user, body.attributes.0, author).await?.into()))
}
