use axum::{Json, extract::State};
use deserr::Deserr;
use domain::{ClaimId, EventId, Faults, LedgerEntry, LedgerKind, ObjectId, Timestamp, UserId};
use event_store::LedgerFilter;
use serde::Serialize;
use service_kit::{
    extract::{ListQuery, LoggedInOrKey, PageParams, scope::GrantsRead},
    identity::UserOrKey,
    page::Page,
    problem::Refused,
};

use crate::{
    app::grants::ShowLedgerError, handlers::rewards::view::GrantedRewardView, service::EventService,
};

/// Which entries to list: those that match everything that is given.
#[derive(Debug, Deserr, utoipa::IntoParams)]
#[deserr(error = Faults, rename_all = camelCase, deny_unknown_fields)]
#[into_params(rename_all = "camelCase", parameter_in = Query)]
pub(crate) struct GrantQuery {
    /// Only this user's. Others than staff can name themselves alone.
    #[deserr(default)]
    user_id: Option<UserId>,
    /// Only those of this event.
    #[deserr(default)]
    event_id: Option<EventId>,
}

/// An entry of the ledger: a grant, or what takes one back.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = LedgerEntry)]
pub(crate) struct LedgerEntryView {
    id: ObjectId,
    kind: LedgerKind,
    /// The reward request it follows from.
    request_id: ClaimId,
    event_id: EventId,
    user_id: UserId,
    /// The reward as it was granted.
    reward: GrantedRewardView,
    at: Timestamp,
}

impl LedgerEntryView {
    fn new(entry: LedgerEntry, with_code: bool) -> Self {
        Self {
            id: entry.id,
            kind: entry.kind,
            request_id: entry.claim_id,
            event_id: entry.event_id,
            user_id: entry.user_id,
            reward: GrantedRewardView::new(entry.reward, with_code),
            at: entry.at,
        }
    }
}

service_kit::refusals! {
    /// Why the ledger is not listed.
    pub(crate) enum ListGrantsRefusal {
        /// Only staff sees what others have.
        NotForThem = Forbidden,
    }
}

impl From<ShowLedgerError> for Refused<ListGrantsRefusal> {
    fn from(error: ShowLedgerError) -> Self {
        match error {
            ShowLedgerError::Others => ListGrantsRefusal::NotForThem.into(),
            ShowLedgerError::Store(error) => error.into(),
        }
    }
}

/// List the ledger
///
/// What was granted and what was taken back, newest first. Entries are only added. Codes are shown to their owner and to staff,
/// not to servers.
#[utoipa::path(
    get,
    path = "/grants",
    operation_id = "listGrants",
    tag = "Grants",
    params(GrantQuery, PageParams),
    responses((status = 200, description = "A page of entries", body = Page<LedgerEntryView>), ListGrantsRefusal)
)]
pub(crate) async fn list_grants(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<GrantsRead>,
    ListQuery(query, page): ListQuery<GrantQuery>,
) -> Result<Json<Page<LedgerEntryView>>, Refused<ListGrantsRefusal>> {
    let filter = LedgerFilter { user: query.user_id, event: query.event_id };
    let entries = service.list_ledger(&caller, filter, page).await?;
    // Whoever is no staff sees their own entries alone.
    let with_codes = matches!(caller, UserOrKey::User(_));
    Ok(Json(entries.map(|entry| LedgerEntryView::new(entry, with_codes))))
}

#[cfg(test)]
mod tests;
