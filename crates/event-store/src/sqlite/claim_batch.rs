//! Claims are stored in batches: few statements, whatever their number.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use domain::{ClaimId, ClaimWork, EventId, UserId};
use serde_json::json;
use sqlx::{FromRow, SqliteConnection, sqlite::SqliteRow};
use store_kit::{error::StoreError, sqlite::Sqlite};

use super::{
    claims::{ClaimRow, EARLIER, seats_text},
    corrupt_row,
    multi_row::MultiRowInsert,
    read_row, read_text,
};
use crate::{ClaimOutcome, NewClaim, STORE, claims::EarlierClaims};

static INSERT: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO reward_requests (id, event_id, user_id, status, event_revision, idempotency_key, facts, \
         evaluation, created_at, updated_at, work, seats) VALUES",
        "(?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT (user_id, event_id) DO NOTHING RETURNING id",
    )
});

struct NewRow {
    new: NewClaim,
    facts: String,
    evaluation: String,
}

/// One answer for each claim, in order. If the insert fails none of them is stored.
pub(super) async fn store_batch(db: Sqlite, batch: Vec<NewClaim>) -> Vec<Result<ClaimOutcome, StoreError>> {
    let claims: Vec<_> =
        batch.iter().map(|new| (new.request.id, new.request.user_id, new.request.event_id)).collect();
    let stored = match store_new(&db, batch).await {
        Ok(stored) => stored,
        Err(error) => return vec![Err(error); claims.len()],
    };
    let refused = claims.iter().filter(|(id, ..)| !stored.contains(id));
    // What is stored is answered so, whatever becomes of this.
    let earlier = find_earlier(&db, refused.map(|(_, user, event)| (*user, *event)).collect()).await;
    let answer = |(id, user, event)| {
        if stored.contains(&id) {
            return Ok(ClaimOutcome::Stored);
        }
        match earlier.as_ref().map_err(Clone::clone)?.get(&(user, event)) {
            Some(found) => found.clone().map(ClaimOutcome::Already),
            None => Err(StoreError::unavailable(STORE, "the earlier claim is gone")),
        }
    };
    claims.into_iter().map(answer).collect()
}

/// The ids of the claims that were stored: those whose user had none for the event.
async fn store_new(db: &Sqlite, batch: Vec<NewClaim>) -> Result<HashSet<ClaimId>, StoreError> {
    let rows: Vec<_> = batch.into_iter().map(NewRow::from).collect();
    let stored = db.write(move |connection| Box::pin(insert_rows(connection, rows))).await?;
    stored.iter().map(|id| read_text(id)).collect()
}

impl From<NewClaim> for NewRow {
    fn from(new: NewClaim) -> Self {
        Self { facts: new.decision.facts.to_string(), evaluation: new.decision.evaluation.to_string(), new }
    }
}

/// The ids that were stored.
async fn insert_rows(
    connection: &mut SqliteConnection,
    rows: Vec<NewRow>,
) -> Result<Vec<String>, sqlx::Error> {
    let mut stored = Vec::with_capacity(rows.len());
    for (statement, portion) in INSERT.portions(&rows) {
        let mut query = sqlx::query_scalar::<_, String>(statement);
        for row in portion {
            let request = &row.new.request;
            query = query
                .bind(request.id.to_string())
                .bind(request.event_id.to_string())
                .bind(request.user_id.to_string())
                .bind(request.event_revision)
                .bind(row.new.idempotency_key.as_deref())
                .bind(row.facts.as_str())
                .bind(row.evaluation.as_str())
                .bind(request.created_at.as_millis())
                .bind(request.updated_at.as_millis())
                .bind(request.work.map(ClaimWork::name))
                .bind(seats_text(&request.seats)?);
        }
        stored.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(stored)
}

/// The claims that stood in the way of others.
async fn find_earlier(db: &Sqlite, claims: HashSet<(UserId, EventId)>) -> Result<EarlierClaims, StoreError> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let claims: Vec<_> = claims.iter().map(|(user, event)| json!([user, event])).collect();
    let query = sqlx::query(EARLIER).bind(json!(claims).to_string());
    let found = db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
    found.iter().map(|row| Ok((read_pair(row)?, read_row::<ClaimRow, _>(row).value))).collect()
}

#[derive(sqlx_macros::FromRow)]
struct PairRow {
    user_id: String,
    event_id: String,
}

fn read_pair(row: &SqliteRow) -> Result<(UserId, EventId), StoreError> {
    let pair = PairRow::from_row(row).map_err(corrupt_row)?;
    Ok((read_text(&pair.user_id)?, read_text(&pair.event_id)?))
}
