use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ApiKey, Faults};
use service_kit::{
    extract::{Auditor, ListQuery, PageParams},
    page::Page,
    problem::Problem,
};

use crate::AuthService;

/// All keys are listed: there is nothing to choose by.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
pub(crate) struct ApiKeyQuery {}

/// List API keys
///
/// Newest first. The keys themselves are not shown: nobody has them.
#[utoipa::path(
    get,
    path = "/api-keys",
    operation_id = "listApiKeys",
    tag = "API keys",
    params(PageParams),
    responses((status = 200, description = "A page of keys", body = Page<ApiKey>))
)]
pub(crate) async fn list_api_keys(
    State(auth): State<AuthService>,
    _auditor: Auditor,
    ListQuery(ApiKeyQuery {}, page): ListQuery<ApiKeyQuery>,
) -> Result<Json<Page<ApiKey>>, Problem> {
    Ok(Json(auth.api_keys.list_keys(page).await?))
}

#[cfg(test)]
mod tests;
