use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ApiKey, ApiKeyScope, Fault, Faults, TextLine, Timestamp};
use http::StatusCode;
use serde::{Serialize, Serializer};
use service_kit::{
    api_key::ApiKeyToken,
    extract::{Admin, ChangedBy, JsonBody},
    problem::Problem,
};

use crate::{
    AuthService,
    app::api_keys::{ApiKeyDraft, ApiKeyFault, CreateApiKeyError},
};

/// The key to be.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[schema(as = CreateApiKey, rename_all = "camelCase")]
pub(crate) struct CreateApiKeyBody {
    /// 1 to 200 characters.
    #[schema(value_type = String, min_length = 1, max_length = 200, example = "Shop backend")]
    name: TextLine<200>,
    /// What it may do: at least one, none twice.
    #[schema(min_items = 1)]
    scopes: Vec<ApiKeyScope>,
    /// From when on it is refused, in the future; left out or null: never.
    #[deserr(default)]
    expires_at: Option<Timestamp>,
}

impl From<CreateApiKeyBody> for ApiKeyDraft {
    fn from(body: CreateApiKeyBody) -> Self {
        Self { name: body.name.into_string(), scopes: body.scopes, expires_at: body.expires_at }
    }
}

/// A key that has just been made, with what its owner is to hold.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedApiKeyView {
    #[serde(flatten)]
    api_key: ApiKey,
    /// The key itself, to be sent as a bearer token. It is shown this once: only its hash is kept.
    #[serde(serialize_with = "reveal_token")]
    #[schema(value_type = String, pattern = "^gdn_[A-Za-z0-9_-]{43}$")]
    key: ApiKeyToken,
}

fn reveal_token<S: Serializer>(token: &ApiKeyToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.reveal())
}

impl From<CreateApiKeyError> for Problem {
    fn from(error: CreateApiKeyError) -> Self {
        match error {
            CreateApiKeyError::Invalid(faults) => {
                Problem::invalid(faults.into_iter().map(describe_fault).collect())
            }
            CreateApiKeyError::Store(error) => error.into(),
        }
    }
}

fn describe_fault(fault: ApiKeyFault) -> Fault {
    match fault {
        ApiKeyFault::NoScope => Fault::new("/scopes", "must have at least one scope"),
        ApiKeyFault::RepeatedScope(place) => {
            Fault::new(format!("/scopes/{place}"), "stands in the list before")
        }
        ApiKeyFault::AlreadyExpired => Fault::new("/expiresAt", "must be in the future"),
    }
}

/// Make an API key
///
/// For servers, which send it as a bearer token. The answer is the only one that ever shows it.
#[utoipa::path(
    post,
    path = "/api-keys",
    operation_id = "createApiKey",
    tag = "API keys",
    request_body = CreateApiKeyBody,
    responses((status = 201, description = "Made", body = CreatedApiKeyView))
)]
pub(crate) async fn create_api_key(
    State(auth): State<AuthService>,
    Admin(caller): Admin,
    ChangedBy(author): ChangedBy,
    JsonBody(body): JsonBody<CreateApiKeyBody>,
) -> Result<(StatusCode, Json<CreatedApiKeyView>), Problem> {
    let (api_key, key) = auth.create_api_key(caller.id, author, body.into()).await?;
    Ok((StatusCode::CREATED, Json(CreatedApiKeyView { api_key, key })))
}

#[cfg(test)]
mod tests;
