use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Event, EventId, Phase, Timestamp};
use service_kit::page::{Page, PageRequest};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use store_kit::{
    audit::sqlite::append_draft,
    row::{StoredRow, readable_page},
    sql::WorkFuture,
    sqlite::Sqlite,
};

use super::{
    id_list, read_json, read_row, read_text, revisions, rewards, transfer::SqliteTable, upper_id_bound,
};
use crate::{
    ChangeOutcome, DeleteOutcome, EventChange, EventFilter, EventRevision, EventStore, FoundByEvent,
    NewEvent, RewardChange, StoreError, TransferRecord,
    audit::{event_changed, event_created, event_deleted},
};

/// The events in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteEvents {
    pub(super) db: Sqlite,
}

macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT id, name, description, condition, period_start, period_end, timezone, status, approval, \
             rewards, revision, created_by, created_at, updated_at FROM events WHERE ",
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
    timezone, status, approval, rewards, revision, created_by, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING";

/// Takes the same as the insert.
const REPLACE: &str = "UPDATE events SET name = $2, name_folded = $3, description = $4, condition = $5, \
    period_start = $6, period_end = $7, timezone = $8, status = $9, approval = $10, rewards = $11, revision = $12, \
    created_by = $13, created_at = $14, updated_at = $15 WHERE id = $1 AND revision = $12 - 1";

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
    rewards: String,
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
            rewards: read_json(&row.rewards)?,
            revision: row.revision,
            created_by: read_text(&row.created_by)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

/// Whether there was a row to write: [`INSERT`] or [`REPLACE`].
async fn write_event(
    connection: &mut SqliteConnection,
    statement: &'static str,
    event: Event,
) -> Result<bool, sqlx::Error> {
    let rewards = serde_json::to_string(&event.rewards).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let written = sqlx::query(statement)
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
        .bind(rewards)
        .bind(event.revision)
        .bind(event.created_by.to_string())
        .bind(event.created_at.as_millis())
        .bind(event.updated_at.as_millis())
        .execute(connection)
        .await?;
    Ok(written.rows_affected() == 1)
}

fn insert_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Event(event) = record else { return Err(super::wrong_table("events")) };
        write_event(connection, INSERT, event).await.map(drop)
    })
}

async fn carry_out(
    connection: &mut SqliteConnection,
    change: EventChange,
) -> Result<Result<ChangeOutcome, StoreError>, sqlx::Error> {
    let before = match find_row(&mut *connection, change.event.id).await? {
        None => return Ok(Ok(ChangeOutcome::UnknownEvent)),
        Some(StoredRow { value: Err(error), .. }) => return Ok(Err(error)),
        Some(StoredRow { value: Ok(before), .. }) => before,
    };
    if before.revision != change.event.revision - 1 {
        return Ok(Ok(ChangeOutcome::Outdated));
    }
    append_draft(&mut *connection, event_changed(&change, &before)).await?;
    let EventChange { event, changed_by, rewards, .. } = change;
    let revision = EventRevision::from_event(&event, changed_by);
    write_event(&mut *connection, REPLACE, event).await?;
    revisions::insert_revision(&mut *connection, revision).await?;
    match rewards {
        RewardChange::Same | RewardChange::Limit { .. } => {}
        RewardChange::Attach { new, attachment, .. } => {
            if let Some(reward) = new {
                rewards::insert_reward(&mut *connection, reward).await?;
            }
            rewards::insert_attachment(connection, attachment).await?;
        }
        RewardChange::Detach(attachment) => rewards::delete_attachment(connection, attachment).await?,
    }
    Ok(Ok(ChangeOutcome::Changed))
}

async fn find_row(
    connection: &mut SqliteConnection,
    id: EventId,
) -> Result<Option<StoredRow<Event>>, sqlx::Error> {
    let query = sqlx::query(FIND_MANY).bind(id_list([id].iter()));
    let found = query.fetch_optional(connection).await?;
    Ok(found.as_ref().map(read_row::<EventRow, Event>))
}

async fn delete_unclaimed(
    connection: &mut SqliteConnection,
    id: EventId,
    at_revision: Option<i64>,
    stamp: ChangeStamp,
) -> Result<DeleteOutcome, sqlx::Error> {
    let revision =
        sqlx::query_scalar::<_, i64>("SELECT revision FROM events WHERE id = $1").bind(id.to_string());
    match revision.fetch_optional(&mut *connection).await? {
        None => return Ok(DeleteOutcome::UnknownEvent),
        Some(revision) if at_revision.is_some_and(|expected| expected != revision) => {
            return Ok(DeleteOutcome::Outdated);
        }
        Some(_) => {}
    }
    let has_claims = "SELECT EXISTS (SELECT 1 FROM reward_requests WHERE event_id = $1)";
    if exists(&mut *connection, has_claims, id).await? {
        return Ok(DeleteOutcome::HasClaims);
    }
    let event = find_row(&mut *connection, id).await?.and_then(|row| row.into_readable("events"));
    append_draft(&mut *connection, event_deleted(stamp, id, event.as_ref())).await?;
    for part in [
        "DELETE FROM event_rewards WHERE event_id = $1",
        "DELETE FROM event_revisions WHERE event_id = $1",
        "DELETE FROM events WHERE id = $1",
    ] {
        sqlx::query(part).bind(id.to_string()).execute(&mut *connection).await?;
    }
    Ok(DeleteOutcome::Deleted)
}

async fn exists(
    connection: &mut SqliteConnection,
    question: &'static str,
    event: EventId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(question).bind(event.to_string()).fetch_one(connection).await
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
    async fn create(&self, new: NewEvent) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                append_draft(&mut *connection, event_created(&new)).await?;
                let event = new.event;
                let revision = EventRevision::from_event(&event, event.created_by);
                revisions::insert_revision(&mut *connection, revision).await?;
                let attachments = rewards::attachments_of(&event);
                write_event(&mut *connection, INSERT, event).await?;
                for attachment in attachments {
                    rewards::insert_attachment(&mut *connection, attachment).await?;
                }
                Ok(())
            })
        });
        write.await
    }

    /// One transaction.
    async fn change(&self, change: EventChange) -> Result<ChangeOutcome, StoreError> {
        self.db.write(move |connection| Box::pin(carry_out(connection, change))).await?
    }

    /// One transaction.
    async fn delete(
        &self,
        id: EventId,
        at_revision: Option<i64>,
        stamp: ChangeStamp,
    ) -> Result<DeleteOutcome, StoreError> {
        let delete =
            self.db.write(move |connection| Box::pin(delete_unclaimed(connection, id, at_revision, stamp)));
        delete.await
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
