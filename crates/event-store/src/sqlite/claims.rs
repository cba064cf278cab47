use async_trait::async_trait;
use domain::{Claim, ClaimId, ClaimWork, DecisionTrace, EventId, ObjectId, Timestamp, UserId};
use service_kit::batch::Batcher;
use service_kit::page::{Page, PageRequest};
use sqlx::SqliteConnection;
use store_kit::{error::StoreError, row::readable_page, sql::WorkFuture, sqlite::Sqlite};

use super::{
    ABOVE_ALL_IDS, CLAIM_LIMITS, claim_batch::store_batch, decisions, read_json, read_row, read_text,
    revocations, to_json, transfer::SqliteTable, upper_id_bound,
};
use crate::{
    ClaimCounts, ClaimFilter, ClaimOutcome, ClaimStore, DecideOutcome, Decision, NewClaim, Revocation,
    RevokeOutcome, STORE, StoredClaim, TransferRecord,
};

/// The claims in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteClaims {
    db: Sqlite,
    batches: Batcher<NewClaim, Result<ClaimOutcome, StoreError>>,
}

impl SqliteClaims {
    /// Starts the task that stores claims in batches. It ends, after what waits, when the last clone is dropped.
    pub(super) fn start(db: Sqlite) -> Self {
        let writer = db.clone();
        let batches = Batcher::spawn("claims", CLAIM_LIMITS, move |batch| store_batch(writer.clone(), batch));
        Self { db, batches }
    }
}

/// Everything but what it was decided on. `json_each` has a column `id` too.
macro_rules! columns {
    () => {
        "reward_requests.id, event_id, user_id, status, event_revision, idempotency_key, created_at, \
         updated_at, verdict, revocation, work, seats"
    };
}

macro_rules! select {
    ($($rest:literal),+) => {
        concat!("SELECT ", columns!(), " FROM reward_requests WHERE ", $($rest),+)
    };
}

/// With what it was decided on.
macro_rules! whole {
    ($rest:literal) => {
        concat!("SELECT ", columns!(), ", facts, evaluation FROM reward_requests WHERE ", $rest)
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
pub(super) const FIND_REQUEST: &str = select!("id = $1");
pub(super) const LIST_WORK: &str = select!("work = $1 AND id > $2 ORDER BY id LIMIT $3");
/// Those of pairs of a user and an event.
pub(super) const EARLIER: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM json_each($1) AS claim JOIN reward_requests \
     ON user_id = claim.value ->> 0 AND event_id = claim.value ->> 1"
);
const FIND: &str = whole!("id = $1");
const EXPORT: &str = whole!("id > $1 ORDER BY id LIMIT $3");

const INSERT: &str = "INSERT INTO reward_requests (id, event_id, user_id, status, event_revision, \
    idempotency_key, facts, evaluation, created_at, updated_at, verdict, revocation, work, seats) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "reward_requests",
    export: EXPORT,
    key: super::transfer::read_id_key,
    read: |row| read_row::<DecisionRow, _>(row).value.map(TransferRecord::Claim),
    insert: insert_record,
};

#[derive(sqlx_macros::FromRow)]
pub(super) struct ClaimRow {
    id: String,
    event_id: String,
    user_id: String,
    status: String,
    event_revision: i64,
    idempotency_key: Option<String>,
    created_at: i64,
    updated_at: i64,
    verdict: Option<String>,
    revocation: Option<String>,
    work: Option<String>,
    seats: Option<String>,
}

#[derive(sqlx_macros::FromRow)]
struct DecisionRow {
    #[sqlx(flatten)]
    request: ClaimRow,
    facts: String,
    evaluation: String,
}

impl TryFrom<ClaimRow> for StoredClaim {
    type Error = StoreError;

    fn try_from(row: ClaimRow) -> Result<Self, StoreError> {
        let request = Claim {
            id: read_text(&row.id)?,
            event_id: read_text(&row.event_id)?,
            user_id: read_text(&row.user_id)?,
            status: read_text(&row.status)?,
            event_revision: row.event_revision,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
            verdict: row.verdict.as_deref().map(read_json).transpose()?,
            revocation: row.revocation.as_deref().map(read_json).transpose()?,
            work: row.work.as_deref().map(read_text).transpose()?,
            seats: row.seats.as_deref().map(read_json).transpose()?.unwrap_or_default(),
        };
        Ok(StoredClaim { request, idempotency_key: row.idempotency_key })
    }
}

impl TryFrom<DecisionRow> for NewClaim {
    type Error = StoreError;

    fn try_from(row: DecisionRow) -> Result<Self, StoreError> {
        let StoredClaim { request, idempotency_key } = row.request.try_into()?;
        let decision = DecisionTrace {
            event_revision: request.event_revision,
            facts: read_json(&row.facts)?,
            evaluation: read_json(&row.evaluation)?,
        };
        Ok(NewClaim { request, decision, idempotency_key, stamp: None })
    }
}

/// Seats as their column has them: most requests hold none.
pub(super) fn seats_text(seats: &[ObjectId]) -> Result<Option<String>, sqlx::Error> {
    if seats.is_empty() { Ok(None) } else { to_json(&seats).map(Some) }
}

/// Less than this are the ids that come after the cursor and can have been made before `to`.
fn upper_time_bound(page: PageRequest, to: Option<Timestamp>) -> String {
    let cursor = upper_id_bound(page);
    match to.map(|to| format!("{}{ABOVE_ALL_IDS}", ObjectId::ceiling(to))) {
        Some(latest) if latest < cursor => latest,
        _ => cursor,
    }
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Claim(new) = record else { return Err(super::wrong_table("reward_requests")) };
        let NewClaim { request, decision, idempotency_key, .. } = new;
        sqlx::query(INSERT)
            .bind(request.id.to_string())
            .bind(request.event_id.to_string())
            .bind(request.user_id.to_string())
            .bind(request.status.name())
            .bind(request.event_revision)
            .bind(idempotency_key)
            .bind(decision.facts.to_string())
            .bind(decision.evaluation.to_string())
            .bind(request.created_at.as_millis())
            .bind(request.updated_at.as_millis())
            .bind(request.verdict.as_ref().map(to_json).transpose()?)
            .bind(request.revocation.as_ref().map(to_json).transpose()?)
            .bind(request.work.map(ClaimWork::name))
            .bind(seats_text(&request.seats)?)
            .execute(connection)
            .await
            .map(drop)
    })
}

#[async_trait]
impl ClaimStore for SqliteClaims {
    async fn claim_once(&self, new: NewClaim) -> Result<ClaimOutcome, StoreError> {
        self.batches.ask(new).await.unwrap_or_else(|error| Err(StoreError::unavailable(STORE, error)))
    }

    async fn find_claim(&self, user: UserId, event: EventId) -> Result<Option<StoredClaim>, StoreError> {
        let query = sqlx::query(FIND_CLAIM).bind(user.to_string()).bind(event.to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_optional(connection))).await?;
        found.map(|row| read_row::<ClaimRow, _>(&row).value).transpose()
    }

    async fn find(&self, id: ClaimId) -> Result<Option<(Claim, DecisionTrace)>, StoreError> {
        let query = sqlx::query(FIND).bind(id.to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_optional(connection))).await?;
        let found = found.map(|row| read_row::<DecisionRow, NewClaim>(&row).value).transpose()?;
        Ok(found.map(|whole| (whole.request, whole.decision)))
    }

    async fn list(&self, filter: &ClaimFilter, page: PageRequest) -> Result<Page<Claim>, StoreError> {
        if let (Some(user), Some(event)) = (filter.user, filter.event) {
            let found = self.list_pair(user, event).await?;
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
        let mut query = sqlx::query(statement)
            .bind(upper_time_bound(page, filter.to))
            .bind(page.overfull())
            .bind(ObjectId::floor(from).to_string())
            .bind(from.as_millis())
            .bind(filter.to.map_or(i64::MAX, Timestamp::as_millis));
        for given in [user, event, status].into_iter().flatten() {
            query = query.bind(given);
        }
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let rows = found.iter().map(read_row::<ClaimRow, StoredClaim>).collect();
        Ok(readable_page("reward_requests", rows, page.limit).map(|stored| stored.request))
    }

    async fn decide_many(
        &self,
        decisions: Vec<Decision>,
    ) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
        decisions::decide_many(&self.db, decisions).await
    }

    async fn revoke(&self, revocation: Revocation) -> Result<RevokeOutcome, StoreError> {
        revocations::revoke(&self.db, revocation).await
    }

    async fn finish_work(&self, claims: Vec<ClaimId>, work: ClaimWork) -> Result<(), StoreError> {
        revocations::finish_work(&self.db, claims, work).await
    }

    async fn count(&self, user: Option<UserId>, event: Option<EventId>) -> Result<ClaimCounts, StoreError> {
        decisions::count_claims(&self.db, user, event).await
    }

    async fn list_work(&self, work: ClaimWork, limit: usize) -> Result<Vec<Claim>, StoreError> {
        decisions::list_work(&self.db, work, limit).await
    }
}

impl SqliteClaims {
    /// As a list: what cannot be read is left out.
    async fn list_pair(&self, user: UserId, event: EventId) -> Result<Option<Claim>, StoreError> {
        let query = sqlx::query(FIND_CLAIM).bind(user.to_string()).bind(event.to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_optional(connection))).await?;
        let row = found.map(|row| read_row::<ClaimRow, StoredClaim>(&row));
        let stored = row.and_then(|row| row.into_readable("reward_requests"));
        Ok(stored.map(|stored| stored.request))
    }
}
