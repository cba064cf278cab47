use async_trait::async_trait;
use domain::{EventId, Reward, Timestamp};
use sqlx::SqliteConnection;

use super::{SqliteEventDb, json_ids, read, read_json};
use crate::{Attached, Attachment, Readable, RewardStore, StoreError, rewards::add};

pub(super) const OF_EVENTS: &str = "SELECT event_id, rewards.id, name, gives, rewards.created_at, updated_at \
    FROM event_rewards JOIN rewards ON rewards.id = reward_id \
    WHERE event_id IN (SELECT value FROM json_each($1)) ORDER BY event_id, event_rewards.id";

pub(super) const EXPORT: &str = "SELECT '' AS event_id, id, name, gives, created_at, updated_at FROM rewards \
    WHERE id > $1 ORDER BY id";

const FIND: &str =
    "SELECT '' AS event_id, id, name, gives, created_at, updated_at FROM rewards WHERE id = $1";

#[derive(sqlx::FromRow)]
pub(super) struct RewardRow {
    event_id: String,
    id: String,
    name: String,
    gives: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<RewardRow> for Reward {
    type Error = StoreError;

    fn try_from(row: RewardRow) -> Result<Self, StoreError> {
        Ok(Reward {
            id: read(&row.id)?,
            name: row.name,
            kind: read_json(&row.gives)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

#[async_trait]
impl RewardStore for SqliteEventDb {
    async fn create_attached(&self, reward: Reward, attachment: Attachment) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                insert(connection, reward).await?;
                attach(connection, attachment).await
            })
        });
        write.await.map(drop)
    }

    async fn attach(&self, attachment: Attachment) -> Result<Attached, StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let reward: Option<RewardRow> = sqlx::query_as(FIND)
                    .bind(attachment.reward.to_string())
                    .fetch_optional(&mut *connection)
                    .await?;
                let attached = reward.is_some() && attach(connection, attachment).await?;
                Ok((reward, attached))
            })
        });
        Ok(match write.await? {
            (None, _) => Attached::UnknownReward,
            (Some(_), false) => Attached::Already,
            (Some(reward), true) => Attached::Attached(reward.try_into()?),
        })
    }

    async fn of_events(&self, events: &[EventId]) -> Result<Readable<Vec<Reward>>, StoreError> {
        let found: Vec<RewardRow> = sqlx::query_as(OF_EVENTS)
            .bind(json_ids(events.iter()))
            .fetch_all(self.db.readers())
            .await
            .map_err(|error| self.db.failed(error))?;
        let mut rewards = Readable::new();
        for row in found {
            add(&mut rewards, read(&row.event_id)?, row.try_into());
        }
        Ok(rewards)
    }
}

pub(super) async fn insert(connection: &mut SqliteConnection, reward: Reward) -> Result<(), sqlx::Error> {
    let gives = serde_json::to_string(&reward.kind).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO rewards (id, type, name, gives, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
    )
    .bind(reward.id.to_string())
    .bind(reward.kind.reward_type().name())
    .bind(reward.name)
    .bind(gives)
    .bind(reward.created_at.as_millis())
    .bind(reward.updated_at.as_millis())
    .execute(connection)
    .await
    .map(drop)
}

/// Whether it was not attached before.
pub(super) async fn attach(
    connection: &mut SqliteConnection,
    attachment: Attachment,
) -> Result<bool, sqlx::Error> {
    let stored = sqlx::query(
        "INSERT INTO event_rewards (id, event_id, reward_id, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(attachment.id.to_string())
    .bind(attachment.event.to_string())
    .bind(attachment.reward.to_string())
    .bind(attachment.at.as_millis())
    .execute(connection)
    .await?;
    Ok(stored.rows_affected() == 1)
}
