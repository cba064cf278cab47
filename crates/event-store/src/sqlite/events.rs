use async_trait::async_trait;
use domain::{Event, EventId, Phase, Timestamp};
use service_kit::page::{Page, PageRequest};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use store_kit::{row::readable_page, sql::WorkFuture, sqlite::Sqlite};

use super::{id_list, read_json, read_row, read_text, revisions, transfer::SqliteTable, upper_id_bound};
use crate::{EventFilter, EventRevision, EventStore, FoundByEvent, StoreError, TransferRecord};

/// The events in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteEvents {
    pub(super) db: Sqlite,
}

macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT id, name, description, condition, period_start, period_end, timezone, status, approval, \
             revision, created_by, created_at, updated_at FROM events WHERE ",
            $($rest),+
        )
    };
}

/// `$3`: starts at or before; `$4`: starts after; `$5`: ends at or before; `$6`: ends after or never; `$7`: part of the
/// name, folded.
macro_rules! list {
    ($by:literal) => {
        select!(
            $by,
            "id < $1 AND ($3 IS NULL OR period_start <= $3) AND ($4 IS NULL OR period_start > $4) \
             AND ($5 IS NULL OR period_end <= $5) AND ($6 IS NULL OR period_end IS NULL OR period_end > $6) \
             AND ($7 IS NULL OR instr(name_folded, $7) > 0) ORDER BY id DESC LIMIT $2"
        )
    };
}

pub(super) const FIND_MANY: &str = select!("id IN (SELECT value FROM json_each($1))");
const EXPORT: &str = select!("id > $1 ORDER BY id LIMIT $3");
pub(super) const LIST: &str = list!("");
pub(super) const LIST_BY_STATUS: &str = list!("status = $8 AND ");

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "events",
    export: EXPORT,
    key: super::transfer::read_id_key,
    read: |row| read_row::<EventRow, _>(row).value.map(TransferRecord::Event),
    insert: insert_record,
};

const INSERT: &str = "INSERT INTO events (id, name, name_folded, description, condition, period_start, period_end, \
    timezone, status, approval, revision, created_by, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";

#[derive(sqlx_macros::FromRow)]
struct EventRow {
    id: String,
    name: String,
    description: Option<String>,
    condition: String,
    period_start: i64,
    period_end: Option<i64>,
    timezone: String,
    status: String,
    approval: String,
    revision: i64,
    created_by: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<EventRow> for Event {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        Ok(Event {
            id: read_text(&row.id)?,
            name: row.name,
            description: row.description,
            condition: read_json(&row.condition)?,
            period_start: Timestamp::from_millis(row.period_start),
            period_end: row.period_end.map(Timestamp::from_millis),
            timezone: row.timezone,
            status: read_text(&row.status)?,
            approval: read_text(&row.approval)?,
            revision: row.revision,
            created_by: read_text(&row.created_by)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

async fn insert_event(connection: &mut SqliteConnection, event: Event) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(event.id.to_string())
        .bind(&event.name)
        .bind(domain::fold_text(&event.name))
        .bind(event.description)
        .bind(event.condition.to_string())
        .bind(event.period_start.as_millis())
        .bind(event.period_end.map(Timestamp::as_millis))
        .bind(event.timezone)
        .bind(event.status.name())
        .bind(event.approval.name())
        .bind(event.revision)
        .bind(event.created_by.to_string())
        .bind(event.created_at.as_millis())
        .bind(event.updated_at.as_millis())
        .execute(connection)
        .await
        .map(drop)
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Event(event) = record else { return Err(super::wrong_table("events")) };
        insert_event(connection, event).await
    })
}

/// The bounds a phase sets on an event's period, in the order of the statement's parameters.
fn phase_bounds(phase: Option<(Phase, Timestamp)>) -> [Option<i64>; 4] {
    let Some((phase, now)) = phase else { return [None; 4] };
    let now = Some(now.as_millis());
    match phase {
        Phase::Upcoming => [None, now, None, None],
        Phase::Ongoing => [now, None, None, now],
        Phase::Ended => [None, None, now, None],
    }
}

#[async_trait]
impl EventStore for SqliteEvents {
    /// One transaction.
    async fn create(&self, event: Event) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                revisions::insert_revision(&mut *connection, EventRevision::from_event(&event)).await?;
                insert_event(connection, event).await
            })
        });
        write.await
    }

    async fn find_many(&self, ids: &[EventId]) -> Result<FoundByEvent<Event>, StoreError> {
        let query = sqlx::query(FIND_MANY).bind(id_list(ids.iter()));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found.iter().map(read_row::<EventRow, Event>).map(|row| Ok((EventId(row.id?), row.value))).collect()
    }

    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let statement = if filter.status.is_some() { LIST_BY_STATUS } else { LIST };
        let mut query = sqlx::query(statement).bind(upper_id_bound(page)).bind(page.overfull());
        for bound in phase_bounds(filter.phase) {
            query = query.bind(bound);
        }
        query = query.bind(filter.name.as_deref().map(domain::fold_text));
        if let Some(status) = filter.status {
            query = query.bind(status.name());
        }
        let is_search = filter.name.is_some() || filter.phase.is_some();
        let found: Vec<SqliteRow> = if is_search {
            self.db.search(|connection| Box::pin(query.fetch_all(connection))).await?
        } else {
            self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?
        };
        Ok(readable_page("events", found.iter().map(read_row::<EventRow, Event>).collect(), page.limit))
    }
}

/// Which way of folding names a file has, in its `user_version`.
const FOLDING: i64 = 1;
const SET_FOLDING: &str = "PRAGMA user_version = 1";
/// Rows in one write while names are folded anew.
const REFOLD_STEP: i64 = 1000;

/// Folds the names anew that an earlier version, which knew lower case only, has stored. Does nothing the next time.
pub(super) async fn refold_names(db: &Sqlite) -> Result<(), StoreError> {
    let version = "PRAGMA user_version";
    let (version,): (i64,) =
        db.look_up(|connection| Box::pin(sqlx::query_as(version).fetch_one(connection))).await?;
    if version >= FOLDING {
        return Ok(());
    }
    let mut after = Some(String::new());
    while let Some(id) = after {
        after = db.write(move |connection| Box::pin(refold_step(connection, id))).await?;
    }
    let write = db.write(|connection| {
        Box::pin(async move { sqlx::raw_sql(SET_FOLDING).execute(connection).await.map(drop) })
    });
    write.await
}

/// The id to go on after, unless that was all.
async fn refold_step(
    connection: &mut SqliteConnection,
    after: String,
) -> Result<Option<String>, sqlx::Error> {
    let names: Vec<(String, String, String)> =
        sqlx::query_as("SELECT id, name, name_folded FROM events WHERE id > $1 ORDER BY id LIMIT $2")
            .bind(after)
            .bind(REFOLD_STEP)
            .fetch_all(&mut *connection)
            .await?;
    for (id, name, stored) in &names {
        let folded = domain::fold_text(name);
        if folded != *stored {
            let update = sqlx::query("UPDATE events SET name_folded = $2 WHERE id = $1");
            update.bind(id).bind(folded).execute(&mut *connection).await?;
        }
    }
    Ok(names.into_iter().last().map(|(id, ..)| id))
}
