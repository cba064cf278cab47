use axum::{Json, extract::State};
use deserr::{Deserr, IntoValue, Value, ValuePointerRef};
use domain::{EventId, Faults, RewardId};
use service_kit::{
    extract::{ChangedBy, IfMatch, JsonBody, Operator, PathIds},
    problem::Refused,
};

use super::{body::StockTotal, view::RewardView};
use crate::{
    app::{audit::Editor, event_changes::ChangeEventError, stock::SetStockError},
    service::EventService,
};

/// How many there are to be of a reward in an event.
#[derive(Debug, Deserr, utoipa::ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
#[schema(as = SetStock)]
pub(crate) struct SetStockBody {
    /// In all, those that are taken included; null: as many as anybody claims.
    #[schema(value_type = Option<i64>, required, minimum = 1, maximum = 1_000_000_000_i64)]
    stock: StockLimit,
}

/// A number or null; it has to be given.
#[derive(Debug)]
struct StockLimit(Option<StockTotal>);

impl Deserr<Faults> for StockLimit {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        <Option<StockTotal> as Deserr<Faults>>::deserialize_from_value(value, at).map(Self)
    }
}

service_kit::refusals! {
    /// Why the stock of a reward is not set.
    pub(crate) enum SetStockRefusal {
        /// There is no such event.
        UnknownEvent = NotFound,
        /// The event does not have this reward.
        NotAttached = NotFound,
        /// More than that are taken: taken tells how many.
        StockTaken { taken: i64 },
        /// The event is no longer at the revision that `If-Match` names. Read it again.
        PreconditionFailed,
    }
}

impl From<ChangeEventError<SetStockError>> for Refused<SetStockRefusal> {
    fn from(error: ChangeEventError<SetStockError>) -> Self {
        match error {
            ChangeEventError::UnknownEvent => SetStockRefusal::UnknownEvent.into(),
            ChangeEventError::Outdated => SetStockRefusal::PreconditionFailed.into(),
            ChangeEventError::Refused(SetStockError::NotAttached(_)) => SetStockRefusal::NotAttached.into(),
            ChangeEventError::Refused(SetStockError::BelowTaken(taken)) => {
                SetStockRefusal::StockTaken { taken }.into()
            }
            ChangeEventError::Store(error) => error.into(),
        }
    }
}

/// Limit a reward of an event
///
/// Sets how many there are in all, or lifts the limit. First come, first served: a request takes one when it is stored and gives
/// it back when it is rejected or revoked. Requests made while there was no limit take nothing. The event gets a new revision
/// where a limit is set or lifted.
#[utoipa::path(
    patch,
    path = "/events/{eventId}/rewards/{rewardId}",
    operation_id = "setRewardStock",
    tag = "Rewards",
    params(
        ("eventId" = EventId, Path, description = "The event's id"),
        ("rewardId" = RewardId, Path, description = "The reward's id"),
        IfMatch,
    ),
    request_body = SetStockBody,
    responses((status = 200, description = "The reward as the event has it now", body = RewardView), SetStockRefusal)
)]
pub(crate) async fn set_stock(
    State(service): State<EventService>,
    Operator(caller): Operator,
    ChangedBy(author): ChangedBy,
    PathIds((event, reward)): PathIds<(EventId, RewardId)>,
    IfMatch(expected): IfMatch,
    JsonBody(SetStockBody { stock: StockLimit(stock) }): JsonBody<SetStockBody>,
) -> Result<Json<RewardView>, Refused<SetStockRefusal>> {
    let total = stock.map(|StockTotal(total)| total);
    let attached =
        service.set_stock(&Editor { user: caller.id, author }, event, &expected, reward, total).await?;
    Ok(Json(RewardView::attached_for_staff(&attached)))
}

#[cfg(test)]
mod tests;
