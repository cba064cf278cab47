use axum::{extract::State, response::IntoResponse};
use domain::EventId;
use http::header;
use service_kit::{
    extract::{LoggedInOrKey, PathId, scope::EventsRead},
    identity::UserOrKey,
    problem::{Problem, ProblemCode, Refused},
};

use super::view::{RewardView, write_rewards};
use crate::{app::events::FindEventError, service::EventService};

service_kit::refusals! {
    /// Why an event's rewards are not listed.
    pub(crate) enum ListRewardsRefusal {
        /// There is no such event, or only staff may see it.
        UnknownEvent = NotFound,
    }
}

impl From<FindEventError> for Refused<ListRewardsRefusal> {
    fn from(error: FindEventError) -> Self {
        match error {
            FindEventError::Unknown => ListRewardsRefusal::UnknownEvent.into(),
            FindEventError::Store(error) => error.into(),
        }
    }
}

/// List an event's rewards
///
/// All of them, in the order they were attached. A coupon's code is shown to staff only.
#[utoipa::path(
    get,
    path = "/events/{eventId}/rewards",
    operation_id = "listEventRewards",
    tag = "Rewards",
    params(("eventId" = EventId, Path, description = "The event's id")),
    responses((status = 200, description = "The rewards", body = Vec<RewardView>), ListRewardsRefusal)
)]
pub(crate) async fn list_rewards(
    State(service): State<EventService>,
    LoggedInOrKey(caller, ..): LoggedInOrKey<EventsRead>,
    PathId(event): PathId<EventId>,
) -> Result<impl IntoResponse, Refused<ListRewardsRefusal>> {
    // Not to servers, which pass on what they read: a code is for those who have earned it.
    let to_staff = matches!(caller, UserOrKey::User(caller) if caller.roles.is_staff());
    let found = service.list_rewards(&caller, event).await?;
    let written = found
        .written_once(to_staff, |rewards| write_rewards(rewards, to_staff))
        .map_err(|error| Problem::new(ProblemCode::Internal).caused_by(error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], written))
}

#[cfg(test)]
mod tests;
