//! Decisions on claims, how many claims there are, and which wait for a worker.

use domain::{Claim, ClaimId, ClaimStatus, ClaimWork, EventId, Timestamp, UserId};
use sqlx::{FromRow, SqliteConnection};
use store_kit::{
    audit::sqlite::append_draft,
    error::StoreError,
    row::{StoredRow, log_unreadable},
    sqlite::Sqlite,
};

use super::{
    claims::{ClaimRow, FIND_REQUEST, LIST_WORK, seats_text},
    corrupt_row, read_row, read_text, stock, to_json,
};
use crate::{ClaimCounts, DecideOutcome, Decision, OldestClaim, StoredClaim, audit::claim_decided};

const DECIDE: &str = "UPDATE reward_requests SET status = $2, verdict = $3, work = $4, seats = $5, updated_at = $6 \
    WHERE id = $1 AND status = 'PENDING'";

/// One transaction.
pub(super) async fn decide_many(
    db: &Sqlite,
    decisions: Vec<Decision>,
) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError> {
    let write = db.write(move |connection| {
        Box::pin(async move {
            let mut outcomes = Vec::with_capacity(decisions.len());
            for decision in &decisions {
                outcomes.push(decide_one(&mut *connection, decision).await?);
            }
            Ok(outcomes)
        })
    });
    write.await
}

/// Nobody else writes while this runs, so what was read still holds when it is changed.
async fn decide_one(
    connection: &mut SqliteConnection,
    decision: &Decision,
) -> Result<Result<DecideOutcome, StoreError>, sqlx::Error> {
    let find = sqlx::query(FIND_REQUEST).bind(decision.claim.to_string());
    let Some(row) = find.fetch_optional(&mut *connection).await? else {
        return Ok(Ok(DecideOutcome::Unknown));
    };
    let before = match read_row::<ClaimRow, StoredClaim>(&row).value {
        Ok(stored) => stored.request,
        Err(error) => {
            log_unreadable("reward_requests", &decision.claim.to_string(), &error);
            return Ok(Err(error));
        }
    };
    if before.status != ClaimStatus::Pending {
        return Ok(Ok(DecideOutcome::AlreadyDecided(before)));
    }
    let seats = before.seats.clone();
    let after = decision.apply_to(before);
    if after.seats.is_empty() {
        for counter in seats {
            stock::add_seats(&mut *connection, counter, 1).await?;
        }
    }
    sqlx::query(DECIDE)
        .bind(after.id.to_string())
        .bind(after.status.name())
        .bind(to_json(&decision.verdict)?)
        .bind(after.work.map(ClaimWork::name))
        .bind(seats_text(&after.seats)?)
        .bind(after.updated_at.as_millis())
        .execute(&mut *connection)
        .await?;
    if let Some(stamp) = decision.stamp.clone() {
        let reason = decision.verdict.reason.as_deref();
        append_draft(&mut *connection, claim_decided(stamp, after.id, decision.ruling, reason)).await?;
    }
    Ok(Ok(DecideOutcome::Decided(after)))
}

/// The oldest first. Where nothing on a page can be read, it goes on behind it.
pub(super) async fn list_work(db: &Sqlite, work: ClaimWork, limit: usize) -> Result<Vec<Claim>, StoreError> {
    let mut after = String::new();
    loop {
        let query = sqlx::query(LIST_WORK)
            .bind(work.name())
            .bind(after)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let rows: Vec<_> = found.iter().map(read_row::<ClaimRow, StoredClaim>).collect();
        let is_last = rows.len() < limit;
        let last = rows.last().and_then(|row| row.id.as_ref().ok()).map(ToString::to_string);
        let readable = rows.into_iter().filter_map(|row| row.into_readable("reward_requests"));
        let claims: Vec<_> = readable.map(|stored| stored.request).collect();
        match last {
            Some(last) if claims.is_empty() && !is_last => after = last,
            _ => return Ok(claims),
        }
    }
}

macro_rules! oldest {
    ($by:literal) => {
        concat!("SELECT id, created_at FROM reward_requests WHERE ", $by, " ORDER BY id LIMIT 1")
    };
}

pub(super) const COUNT: &str = "SELECT status, sum(count) AS count FROM request_counts GROUP BY status";
pub(super) const COUNT_BY_EVENT: &str = "SELECT status, count FROM request_counts WHERE event_id = $1";
/// A user has one request for an event at most, so these are few.
pub(super) const COUNT_BY_USER: &str = "SELECT status, count(*) AS count FROM reward_requests \
    WHERE user_id = $1 AND ($2 IS NULL OR event_id = $2) GROUP BY status";
pub(super) const OLDEST: &str = oldest!("status = 'PENDING'");
pub(super) const OLDEST_BY_EVENT: &str = oldest!("event_id = $1 AND status = 'PENDING'");
pub(super) const OLDEST_BY_USER: &str =
    oldest!("user_id = $1 AND ($2 IS NULL OR event_id = $2) AND +status = 'PENDING'");

#[derive(sqlx_macros::FromRow)]
struct CountRow {
    status: String,
    count: i64,
}

#[derive(sqlx_macros::FromRow)]
struct OldestRow {
    id: String,
    created_at: i64,
}

impl TryFrom<OldestRow> for OldestClaim {
    type Error = StoreError;

    fn try_from(row: OldestRow) -> Result<Self, StoreError> {
        let id: ClaimId = read_text(&row.id)?;
        Ok(Self { id, created_at: Timestamp::from_millis(row.created_at) })
    }
}

/// An event's from the table that keeps them; a user's, which are few, by looking.
pub(super) async fn count_claims(
    db: &Sqlite,
    user: Option<UserId>,
    event: Option<EventId>,
) -> Result<ClaimCounts, StoreError> {
    let (count, oldest) = match (user, event) {
        (Some(_), _) => (COUNT_BY_USER, OLDEST_BY_USER),
        (None, Some(_)) => (COUNT_BY_EVENT, OLDEST_BY_EVENT),
        (None, None) => (COUNT, OLDEST),
    };
    let user = user.map(|id| vec![Some(id.to_string()), event.map(|id| id.to_string())]);
    let given = user.or_else(|| event.map(|id| vec![Some(id.to_string())])).unwrap_or_default();
    let (counts, oldest) = db
        .look_up(|connection| {
            Box::pin(async move {
                let bind =
                    |statement| given.iter().fold(sqlx::query(statement), |query, id| query.bind(id.clone()));
                let counts = bind(count).fetch_all(&mut *connection).await?;
                Ok((counts, bind(oldest).fetch_optional(&mut *connection).await?))
            })
        })
        .await?;
    let mut counted = ClaimCounts::default();
    for row in &counts {
        let row = CountRow::from_row(row).map_err(corrupt_row)?;
        counted.add(read_text(&row.status)?, u64::try_from(row.count).unwrap_or_default());
    }
    let oldest = oldest.as_ref().map(read_row::<OldestRow, OldestClaim>);
    counted.oldest_pending = oldest.and_then(|row: StoredRow<_>| row.into_readable("reward_requests"));
    Ok(counted)
}
