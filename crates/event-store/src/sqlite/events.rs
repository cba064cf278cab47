use async_trait::async_trait;
use domain::{Event, EventId, Phase, Timestamp};
use service_kit::page::{Page, PageRequest};
use sqlx::SqliteConnection;

use super::{SqliteEventDb, above, json_ids, read, read_json};
use crate::{EventFilter, EventStore, Readable, StoreError};

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
/// name, in lower case.
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
pub(super) const EXPORT: &str = select!("id > $1 ORDER BY id");
pub(super) const LIST: &str = list!("");
pub(super) const LIST_BY_STATUS: &str = list!("status = $8 AND ");

pub(super) const INSERT: &str = "INSERT INTO events (id, name, name_folded, description, condition, period_start, period_end, \
    timezone, status, approval, revision, created_by, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";

#[derive(sqlx::FromRow)]
pub(super) struct EventRow {
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
            id: read(&row.id)?,
            name: row.name,
            description: row.description,
            condition: read_json(&row.condition)?,
            period_start: Timestamp::from_millis(row.period_start),
            period_end: row.period_end.map(Timestamp::from_millis),
            timezone: row.timezone,
            status: read(&row.status)?,
            approval: read(&row.approval)?,
            revision: row.revision,
            created_by: read(&row.created_by)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

pub(super) async fn insert(connection: &mut SqliteConnection, event: Event) -> Result<(), sqlx::Error> {
    sqlx::query(INSERT)
        .bind(event.id.to_string())
        .bind(&event.name)
        .bind(event.name.to_lowercase())
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

/// The bounds a phase sets on an event's period, in the order of the statement's parameters.
fn bounds(phase: Option<(Phase, Timestamp)>) -> [Option<i64>; 4] {
    let Some((phase, now)) = phase else { return [None; 4] };
    let now = Some(now.as_millis());
    match phase {
        Phase::Upcoming => [None, now, None, None],
        Phase::Ongoing => [now, None, None, now],
        Phase::Ended => [None, None, now, None],
    }
}

#[async_trait]
impl EventStore for SqliteEventDb {
    async fn create(&self, event: Event) -> Result<(), StoreError> {
        self.db.write(move |connection| Box::pin(insert(connection, event))).await
    }

    async fn find_many(&self, ids: &[EventId]) -> Result<Readable<Event>, StoreError> {
        let found: Vec<EventRow> = sqlx::query_as(FIND_MANY)
            .bind(json_ids(ids.iter()))
            .fetch_all(self.db.readers())
            .await
            .map_err(|error| self.db.failed(error))?;
        found.into_iter().map(|row| Ok((read(&row.id)?, Event::try_from(row)))).collect()
    }

    async fn list(&self, filter: &EventFilter, page: PageRequest) -> Result<Page<Event>, StoreError> {
        let statement = if filter.status.is_some() { LIST_BY_STATUS } else { LIST };
        let mut query = sqlx::query_as::<_, EventRow>(statement).bind(above(page)).bind(page.overfull());
        for bound in bounds(filter.phase) {
            query = query.bind(bound);
        }
        query = query.bind(filter.name.as_ref().map(|name| name.to_lowercase()));
        if let Some(status) = filter.status {
            query = query.bind(status.name());
        }
        let found = query.fetch_all(self.db.readers()).await.map_err(|error| self.db.failed(error))?;
        let events = found.into_iter().map(Event::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_overfull(events, page.limit, |event: &Event| event.id.0))
    }
}
