//! Claims are stored in batches: few statements, whatever their number.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use domain::{ClaimId, ClaimWork, EventId, ObjectId, UserId};
use serde_json::json;
use sqlx::{FromRow, SqliteConnection, sqlite::SqliteRow};
use store_kit::{audit::sqlite::append_draft, error::StoreError, sqlite::Sqlite};

use super::{
    claims::{ClaimRow, EARLIER, seats_text},
    corrupt_row, id_list,
    multi_row::MultiRowInsert,
    read_row, read_text, stock,
};
use crate::{ClaimOutcome, NewClaim, STORE, audit::claim_created, claims::EarlierClaims};

static INSERT: LazyLock<MultiRowInsert> = LazyLock::new(|| {
    MultiRowInsert::new(
        "INSERT INTO reward_requests (id, event_id, user_id, status, event_revision, idempotency_key, facts, \
         evaluation, created_at, updated_at, work, seats) VALUES",
        "(?, ?, ?, 'PENDING', ?, ?, ?, ?, ?, ?, ?, ?)",
        "ON CONFLICT (user_id, event_id) DO NOTHING RETURNING id",
    )
});

/// Which of these events there are.
pub(super) const EVENTS: &str = "SELECT id FROM events WHERE id IN (SELECT value FROM json_each($1))";

/// For which of these pairs of a user and an event there is a claim.
pub(super) const TAKEN: &str = "SELECT user_id, event_id FROM json_each($1) AS claim JOIN reward_requests \
    ON user_id = claim.value ->> 0 AND event_id = claim.value ->> 1";

type ClaimPair = (UserId, EventId);

struct NewRow {
    new: NewClaim,
    facts: String,
    evaluation: String,
}

/// What became of a batch. Of all other claims there was one before.
#[derive(Default)]
struct BatchOutcome {
    stored: HashSet<ClaimId>,
    sold_out: HashSet<ClaimId>,
    without_event: HashSet<ClaimId>,
}

/// One answer for each claim, in order. If the insert fails none of them is stored.
pub(super) async fn store_batch(db: Sqlite, batch: Vec<NewClaim>) -> Vec<Result<ClaimOutcome, StoreError>> {
    let claims: Vec<_> =
        batch.iter().map(|new| (new.request.id, new.request.user_id, new.request.event_id)).collect();
    let outcome = match store_new(&db, batch).await {
        Ok(outcome) => outcome,
        Err(error) => return vec![Err(error); claims.len()],
    };
    let known = |id: &ClaimId| {
        let BatchOutcome { stored, sold_out, without_event } = &outcome;
        let stored = stored.contains(id).then_some(ClaimOutcome::Stored);
        let sold_out = || sold_out.contains(id).then_some(ClaimOutcome::SoldOut);
        stored.or_else(sold_out).or_else(|| without_event.contains(id).then_some(ClaimOutcome::UnknownEvent))
    };
    let refused = claims.iter().filter(|(id, ..)| known(id).is_none());
    // What is stored is answered so, whatever becomes of this.
    let earlier = find_earlier(&db, refused.map(|(_, user, event)| (*user, *event)).collect()).await;
    let answer = |(id, user, event): &(ClaimId, UserId, EventId)| {
        if let Some(known) = known(id) {
            return Ok(known);
        }
        match earlier.as_ref().map_err(Clone::clone)?.get(&(*user, *event)) {
            Some(found) => found.clone().map(|stored| ClaimOutcome::Already(Box::new(stored))),
            None => Err(StoreError::unavailable(STORE, "the earlier claim is gone")),
        }
    };
    claims.iter().map(answer).collect()
}

/// Those are stored whose user had no claim on the event, and for which there is a seat wherever they need one.
async fn store_new(db: &Sqlite, batch: Vec<NewClaim>) -> Result<BatchOutcome, StoreError> {
    let (batch, hopeless) = set_hopeless_apart(db, batch).await?;
    if batch.is_empty() {
        return Ok(BatchOutcome { sold_out: hopeless, ..BatchOutcome::default() });
    }
    let rows: Vec<_> = batch.into_iter().map(NewRow::from).collect();
    let mut outcome = db.write(move |connection| Box::pin(store_rows(connection, rows))).await?;
    outcome.sold_out.extend(hopeless);
    Ok(outcome)
}

/// Claims on what is sold out are refused without a write, so that a crowd does not queue for the writer in vain.
async fn set_hopeless_apart(
    db: &Sqlite,
    batch: Vec<NewClaim>,
) -> Result<(Vec<NewClaim>, HashSet<ClaimId>), StoreError> {
    let limited = batch.iter().filter(|new| !new.request.seats.is_empty());
    let pairs: Vec<_> = limited.clone().map(pair_of).collect();
    if pairs.is_empty() {
        return Ok((batch, HashSet::new()));
    }
    let counters: HashSet<_> = limited.flat_map(|new| new.request.seats.iter().copied()).collect();
    let read = db.look_up(|connection| {
        Box::pin(async move {
            let left = stock::remaining_seats(&mut *connection, counters.into_iter()).await?;
            let is_any_sold_out = left.values().any(|left| *left <= 0);
            let taken = if is_any_sold_out { find_taken(connection, &pairs).await? } else { HashSet::new() };
            Ok((left, taken))
        })
    });
    let (left, taken) = read.await?;
    let is_hopeless = |new: &NewClaim| {
        let is_sold_out = |counter| left.get(counter).is_some_and(|left| *left <= 0);
        new.request.seats.iter().any(is_sold_out) && !taken.contains(&pair_of(new))
    };
    let (hopeless, batch): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_hopeless);
    Ok((batch, hopeless.iter().map(|new| new.request.id).collect()))
}

fn pair_of(new: &NewClaim) -> ClaimPair {
    (new.request.user_id, new.request.event_id)
}

impl From<NewClaim> for NewRow {
    fn from(new: NewClaim) -> Self {
        Self { facts: new.decision.facts.to_string(), evaluation: new.decision.evaluation.to_string(), new }
    }
}

/// One transaction: nobody else changes events, claims or stock meanwhile.
async fn store_rows(
    connection: &mut SqliteConnection,
    rows: Vec<NewRow>,
) -> Result<BatchOutcome, sqlx::Error> {
    let mut outcome = BatchOutcome::default();
    let rows = keep_with_event(&mut *connection, rows, &mut outcome).await?;
    let rows = take_seats(&mut *connection, rows, &mut outcome).await?;
    for id in insert_rows(&mut *connection, &rows).await? {
        outcome
            .stored
            .insert(id.parse().map_err(|_| sqlx::Error::Decode("an id that was just written".into()))?);
    }
    for NewClaim { request, stamp, .. } in rows.into_iter().map(|row| row.new) {
        if let Some(stamp) = stamp.filter(|_| outcome.stored.contains(&request.id)) {
            append_draft(&mut *connection, claim_created(stamp, &request)).await?;
        }
    }
    Ok(outcome)
}

/// An event may have been deleted since its claims were decided.
async fn keep_with_event(
    connection: &mut SqliteConnection,
    mut rows: Vec<NewRow>,
    outcome: &mut BatchOutcome,
) -> Result<Vec<NewRow>, sqlx::Error> {
    let wanted: HashSet<_> = rows.iter().map(|row| row.new.request.event_id).collect();
    let there = sqlx::query_scalar::<_, String>(EVENTS).bind(id_list(wanted.iter()));
    let there: HashSet<String> = there.fetch_all(connection).await?.into_iter().collect();
    let gone: HashSet<_> = wanted.into_iter().filter(|event| !there.contains(&event.to_string())).collect();
    if !gone.is_empty() {
        let is_gone = |row: &NewRow| gone.contains(&row.new.request.event_id);
        outcome.without_event.extend(rows.iter().filter(|row| is_gone(row)).map(|row| row.new.request.id));
        rows.retain(|row| !is_gone(row));
    }
    Ok(rows)
}

/// Gives seats to the claims that need some, in order. Those for which nothing is left are set apart, unless their user has a
/// claim: then that is the answer.
async fn take_seats(
    connection: &mut SqliteConnection,
    mut rows: Vec<NewRow>,
    outcome: &mut BatchOutcome,
) -> Result<Vec<NewRow>, sqlx::Error> {
    let limited = rows.iter().filter(|row| !row.new.request.seats.is_empty());
    let pairs: Vec<_> = limited.clone().map(|row| pair_of(&row.new)).collect();
    if pairs.is_empty() {
        return Ok(rows);
    }
    let counters: HashSet<_> = limited.flat_map(|row| row.new.request.seats.iter().copied()).collect();
    let mut served = find_taken(&mut *connection, &pairs).await?;
    let mut left = stock::remaining_seats(&mut *connection, counters.into_iter()).await?;
    let mut taken: HashMap<ObjectId, i64> = HashMap::new();
    rows.retain(|row| {
        let request = &row.new.request;
        // Of several claims of one user the first takes the seats it needs; the insert leaves the others out.
        if request.seats.is_empty() {
            served.insert(pair_of(&row.new));
            return true;
        }
        if served.contains(&pair_of(&row.new)) {
            return true;
        }
        let has_seat = |counter| left.get(counter).is_some_and(|left| *left > 0);
        if !request.seats.iter().all(has_seat) {
            outcome.sold_out.insert(request.id);
            return false;
        }
        for counter in &request.seats {
            *left.entry(*counter).or_default() -= 1;
            *taken.entry(*counter).or_default() += 1;
        }
        served.insert(pair_of(&row.new))
    });
    for (counter, seats) in taken {
        stock::add_seats(&mut *connection, counter, -seats).await?;
    }
    Ok(rows)
}

/// For which of these pairs there is a claim, readable or not.
async fn find_taken(
    connection: &mut SqliteConnection,
    pairs: &[ClaimPair],
) -> Result<HashSet<ClaimPair>, sqlx::Error> {
    let found = sqlx::query(TAKEN).bind(pair_list(pairs.iter())).fetch_all(connection).await?;
    Ok(found.iter().filter_map(|row| read_pair(row).ok()).collect())
}

/// The ids that were stored.
async fn insert_rows(connection: &mut SqliteConnection, rows: &[NewRow]) -> Result<Vec<String>, sqlx::Error> {
    let mut stored = Vec::with_capacity(rows.len());
    for (statement, portion) in INSERT.portions(rows) {
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
async fn find_earlier(db: &Sqlite, claims: HashSet<ClaimPair>) -> Result<EarlierClaims, StoreError> {
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let query = sqlx::query(EARLIER).bind(pair_list(claims.iter()));
    let found = db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
    found.iter().map(|row| Ok((read_pair(row)?, read_row::<ClaimRow, _>(row).value))).collect()
}

/// As the JSON array that `json_each` takes.
fn pair_list<'a>(pairs: impl Iterator<Item = &'a ClaimPair>) -> String {
    pairs.map(|(user, event)| json!([user, event])).collect::<serde_json::Value>().to_string()
}

#[derive(sqlx_macros::FromRow)]
struct PairRow {
    user_id: String,
    event_id: String,
}

fn read_pair(row: &SqliteRow) -> Result<ClaimPair, StoreError> {
    let pair = PairRow::from_row(row).map_err(corrupt_row)?;
    Ok((read_text(&pair.user_id)?, read_text(&pair.event_id)?))
}
