use async_trait::async_trait;
use domain::{Claim, ClaimId, DecisionTrace, EventId, ObjectId, Timestamp, UserId};
use service_kit::page::{Page, PageRequest};
use store_kit::error::StoreError;

use super::{ABOVE_ALL_IDS, STORE, SqliteEventDb, above, read, read_json};
use crate::{ClaimFilter, ClaimStore, Claimed, NewClaim, Stored};

macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT id, event_id, user_id, status, event_revision, idempotency_key, created_at, updated_at \
             FROM reward_requests WHERE ",
            $($rest),+
        )
    };
}

/// With what it was decided on.
macro_rules! whole {
    ($rest:literal) => {
        concat!(
            "SELECT id, event_id, user_id, status, event_revision, idempotency_key, created_at, updated_at, \
             condition, facts, evaluation FROM reward_requests WHERE ",
            $rest
        )
    };
}

/// `$3` is the least id that can have been made from `$4` on; ids know seconds, the times decide.
macro_rules! list {
    ($by:literal) => {
        select!(
            $by,
            "id < $1 AND id >= $3 AND created_at >= $4 AND created_at < $5 ORDER BY id DESC LIMIT $2"
        )
    };
}

pub(super) const LIST: &str = list!("");
pub(super) const LIST_BY_USER: &str = list!("user_id = $6 AND ");
pub(super) const LIST_BY_USER_STATUS: &str = list!("user_id = $6 AND +status = $7 AND ");
pub(super) const LIST_BY_EVENT: &str = list!("event_id = $6 AND ");
pub(super) const LIST_BY_EVENT_STATUS: &str = list!("event_id = $6 AND status = $7 AND ");
pub(super) const LIST_BY_STATUS: &str = list!("status = $6 AND ");
pub(super) const FIND_CLAIM: &str = select!("user_id = $1 AND event_id = $2");
const FIND: &str = whole!("id = $1");
pub(super) const EXPORT: &str = whole!("id > $1 ORDER BY id");

#[derive(sqlx::FromRow)]
pub(super) struct ClaimRow {
    id: String,
    event_id: String,
    user_id: String,
    status: String,
    event_revision: i64,
    idempotency_key: Option<String>,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx::FromRow)]
pub(super) struct DecisionRow {
    #[sqlx(flatten)]
    request: ClaimRow,
    condition: String,
    facts: String,
    evaluation: String,
}

impl TryFrom<ClaimRow> for Stored {
    type Error = StoreError;

    fn try_from(row: ClaimRow) -> Result<Self, StoreError> {
        let request = Claim {
            id: read(&row.id)?,
            event_id: read(&row.event_id)?,
            user_id: read(&row.user_id)?,
            status: read(&row.status)?,
            event_revision: row.event_revision,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        };
        Ok(Stored { request, idempotency_key: row.idempotency_key })
    }
}

impl TryFrom<DecisionRow> for NewClaim {
    type Error = StoreError;

    fn try_from(row: DecisionRow) -> Result<Self, StoreError> {
        let Stored { request, idempotency_key } = row.request.try_into()?;
        let decision = DecisionTrace {
            event_revision: request.event_revision,
            condition: read_json(&row.condition)?,
            facts: read_json(&row.facts)?,
            evaluation: read_json(&row.evaluation)?,
        };
        Ok(NewClaim { request, decision, idempotency_key })
    }
}

/// Less than this are the ids that come after the cursor and can have been made before `to`.
fn upper_bound(page: PageRequest, to: Option<Timestamp>) -> String {
    let cursor = above(page);
    match to.map(|to| format!("{}{ABOVE_ALL_IDS}", ObjectId::ceiling(to))) {
        Some(latest) if latest < cursor => latest,
        _ => cursor,
    }
}

#[async_trait]
impl ClaimStore for SqliteEventDb {
    async fn claim_once(&self, new: NewClaim) -> Result<Claimed, StoreError> {
        self.claims.ask(new).await.unwrap_or_else(|error| Err(StoreError::unavailable(STORE, error)))
    }

    async fn find_claim(&self, user: UserId, event: EventId) -> Result<Option<Stored>, StoreError> {
        let found: Option<ClaimRow> = sqlx::query_as(FIND_CLAIM)
            .bind(user.to_string())
            .bind(event.to_string())
            .fetch_optional(self.db.readers())
            .await
            .map_err(|error| self.db.failed(error))?;
        found.map(Stored::try_from).transpose()
    }

    async fn find(&self, id: ClaimId) -> Result<Option<(Claim, DecisionTrace)>, StoreError> {
        let found: Option<DecisionRow> = sqlx::query_as(FIND)
            .bind(id.to_string())
            .fetch_optional(self.db.readers())
            .await
            .map_err(|error| self.db.failed(error))?;
        let found = found.map(NewClaim::try_from).transpose()?;
        Ok(found.map(|whole| (whole.request, whole.decision)))
    }

    async fn list(&self, filter: &ClaimFilter, page: PageRequest) -> Result<Page<Claim>, StoreError> {
        if let (Some(user), Some(event)) = (filter.user, filter.event) {
            let found = self.find_claim(user, event).await?.map(|stored| stored.request);
            let items = found.into_iter().filter(|request| filter.admits(request, page)).collect();
            return Ok(Page { items, next_cursor: None });
        }
        let user = filter.user.map(|id| id.to_string());
        let event = filter.event.map(|id| id.to_string());
        let status = filter.status.map(|status| status.name().to_owned());
        let statement = match (&user, &event, &status) {
            (Some(_), _, Some(_)) => LIST_BY_USER_STATUS,
            (Some(_), _, None) => LIST_BY_USER,
            (None, Some(_), Some(_)) => LIST_BY_EVENT_STATUS,
            (None, Some(_), None) => LIST_BY_EVENT,
            (None, None, Some(_)) => LIST_BY_STATUS,
            (None, None, None) => LIST,
        };
        let from = filter.from.unwrap_or(Timestamp::from_millis(0));
        let mut query = sqlx::query_as::<_, ClaimRow>(statement)
            .bind(upper_bound(page, filter.to))
            .bind(page.overfull())
            .bind(ObjectId::floor(from).to_string())
            .bind(from.as_millis())
            .bind(filter.to.map_or(i64::MAX, Timestamp::as_millis));
        for given in [user, event, status].into_iter().flatten() {
            query = query.bind(given);
        }
        let found = query.fetch_all(self.db.readers()).await.map_err(|error| self.db.failed(error))?;
        let requests: Result<_, _> =
            found.into_iter().map(|row| Stored::try_from(row).map(|stored| stored.request)).collect();
        Ok(Page::from_overfull(requests?, page.limit, |request: &Claim| request.id.0))
    }
}
