use axum::{extract::State, response::Response};
use domain::ApiKeyId;
use service_kit::{
    extract::{Admin, ChangedBy, PathId, no_content},
    problem::Refused,
};

use crate::{AuthService, app::api_keys::DeleteApiKeyError};

service_kit::refusals! {
    /// Why an API key is not deleted.
    pub(crate) enum DeleteApiKeyRefusal {
        /// There is no such key.
        NotFound,
    }
}

impl From<DeleteApiKeyError> for Refused<DeleteApiKeyRefusal> {
    fn from(error: DeleteApiKeyError) -> Self {
        match error {
            DeleteApiKeyError::Unknown => DeleteApiKeyRefusal::NotFound.into(),
            DeleteApiKeyError::Store(error) => error.into(),
        }
    }
}

/// Delete an API key
///
/// Counts at once: the key is refused from when this returns.
#[utoipa::path(
    delete,
    path = "/api-keys/{id}",
    operation_id = "deleteApiKey",
    tag = "API keys",
    params(("id" = ApiKeyId, Path, description = "The key's id")),
    responses((status = 204, description = "Deleted"), DeleteApiKeyRefusal)
)]
pub(crate) async fn delete_api_key(
    State(auth): State<AuthService>,
    _admin: Admin,
    ChangedBy(author): ChangedBy,
    PathId(id): PathId<ApiKeyId>,
) -> Result<Response, Refused<DeleteApiKeyRefusal>> {
    auth.delete_api_key(id, author).await?;
    Ok(no_content())
}

#[cfg(test)]
mod tests;
