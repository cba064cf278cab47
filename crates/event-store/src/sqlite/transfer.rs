use async_trait::async_trait;
use domain::{Event, ObjectId, Reward, Timestamp};
use futures::{StreamExt, stream::BoxStream};
use sqlx::{FromRow, SqliteConnection, sqlite::SqliteRow};

use super::{SqliteEventDb, claims, events, read, rewards};
use crate::{Attachment, EventTransfer, NewClaim, Record, RecordKind, StoreError};

const EXPORT_ATTACHMENTS: &str =
    "SELECT id, event_id, reward_id, created_at FROM event_rewards WHERE id > $1 ORDER BY id";

const INSERT_REQUEST: &str = "INSERT INTO reward_requests (id, event_id, user_id, status, event_revision, \
    idempotency_key, condition, facts, evaluation, created_at, updated_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING";

#[derive(FromRow)]
struct AttachmentRow {
    id: String,
    event_id: String,
    reward_id: String,
    created_at: i64,
}

impl TryFrom<AttachmentRow> for Attachment {
    type Error = StoreError;

    fn try_from(row: AttachmentRow) -> Result<Self, StoreError> {
        Ok(Attachment {
            id: read(&row.id)?,
            event: read(&row.event_id)?,
            reward: read(&row.reward_id)?,
            at: Timestamp::from_millis(row.created_at),
        })
    }
}

#[async_trait]
impl EventTransfer for SqliteEventDb {
    fn export(&self, kind: RecordKind, after: Option<ObjectId>) -> BoxStream<'_, Result<Record, StoreError>> {
        match kind {
            RecordKind::Event => self
                .all(events::EXPORT, after, |row: events::EventRow| Event::try_from(row).map(Record::Event)),
            RecordKind::Reward => self.all(rewards::EXPORT, after, |row: rewards::RewardRow| {
                Reward::try_from(row).map(Record::Reward)
            }),
            RecordKind::Attachment => self.all(EXPORT_ATTACHMENTS, after, |row: AttachmentRow| {
                Attachment::try_from(row).map(Record::Attachment)
            }),
            RecordKind::Request => self.all(claims::EXPORT, after, |row: claims::DecisionRow| {
                NewClaim::try_from(row).map(Record::Request)
            }),
        }
    }

    /// One transaction: all or nothing.
    async fn import(&self, records: Vec<Record>) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for record in records {
                    insert(&mut *connection, record).await?;
                }
                Ok(())
            })
        });
        write.await
    }
}

impl SqliteEventDb {
    fn all<'a, R>(
        &'a self,
        statement: &'static str,
        after: Option<ObjectId>,
        read: impl Fn(R) -> Result<Record, StoreError> + Send + 'a,
    ) -> BoxStream<'a, Result<Record, StoreError>>
    where
        R: for<'r> FromRow<'r, SqliteRow> + Send + Unpin + 'a,
    {
        let rows = sqlx::query_as::<_, R>(statement)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .fetch(self.db.readers());
        rows.map(move |row| row.map_err(|error| self.db.failed(error)).and_then(&read)).boxed()
    }
}

async fn insert(connection: &mut SqliteConnection, record: Record) -> Result<(), sqlx::Error> {
    match record {
        Record::Event(event) => events::insert(connection, event).await,
        Record::Reward(reward) => rewards::insert(connection, reward).await,
        Record::Attachment(attachment) => rewards::attach(connection, attachment).await.map(drop),
        Record::Request(new) => insert_request(connection, new).await,
    }
}

async fn insert_request(connection: &mut SqliteConnection, new: NewClaim) -> Result<(), sqlx::Error> {
    let NewClaim { request, decision, idempotency_key } = new;
    sqlx::query(INSERT_REQUEST)
        .bind(request.id.to_string())
        .bind(request.event_id.to_string())
        .bind(request.user_id.to_string())
        .bind(request.status.name())
        .bind(request.event_revision)
        .bind(idempotency_key)
        .bind(decision.condition.to_string())
        .bind(decision.facts.to_string())
        .bind(decision.evaluation.to_string())
        .bind(request.created_at.as_millis())
        .bind(request.updated_at.as_millis())
        .execute(connection)
        .await
        .map(drop)
}
