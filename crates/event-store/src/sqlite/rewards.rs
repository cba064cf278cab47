use async_trait::async_trait;
use domain::{Event, EventId, ObjectId, Reward, RewardId, RewardPlace, Timestamp};
use service_kit::page::{Page, PageRequest};
use sqlx::{FromRow, SqliteConnection, sqlite::SqliteRow};
use store_kit::{row::readable_page, sql::WorkFuture, sqlite::Sqlite};

use super::{corrupt_row, id_list, read_json, read_row, read_text, transfer::SqliteTable, upper_id_bound};
use crate::{
    Attachment, FoundByEvent, FoundByReward, RewardFilter, RewardStore, StoreError, TransferRecord,
    rewards::add_reward,
};

/// The rewards and which events have them, in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteRewards {
    pub(super) db: Sqlite,
}

pub(super) const OF_EVENTS: &str = "SELECT event_id, rewards.id, name, gives, rewards.created_at, updated_at \
    FROM event_rewards JOIN rewards ON rewards.id = reward_id \
    WHERE event_id IN (SELECT value FROM json_each($1)) ORDER BY event_id, event_rewards.id";

const EXPORT: &str = "SELECT id, name, gives, created_at, updated_at FROM rewards \
    WHERE id > $1 ORDER BY id LIMIT $3";

const EXPORT_ATTACHMENTS: &str =
    "SELECT id, event_id, reward_id, created_at FROM event_rewards WHERE id > $1 ORDER BY id LIMIT $3";

pub(super) const FIND_MANY: &str = "SELECT id, name, gives, created_at, updated_at FROM rewards \
    WHERE id IN (SELECT value FROM json_each($1))";

/// `$3`: part of the name, folded.
pub(super) const LIST: &str = "SELECT id, name, gives, created_at, updated_at FROM rewards \
    WHERE id < $1 AND ($3 IS NULL OR instr(name_folded, $3) > 0) ORDER BY id DESC LIMIT $2";

pub(super) const LIST_BY_TYPE: &str = "SELECT id, name, gives, created_at, updated_at FROM rewards \
    WHERE type = $4 AND id < $1 AND ($3 IS NULL OR instr(name_folded, $3) > 0) ORDER BY id DESC LIMIT $2";

pub(super) const TABLE: SqliteTable = SqliteTable {
    name: "rewards",
    export: EXPORT,
    key: super::transfer::read_id_key,
    read: |row| read_row::<RewardRow, _>(row).value.map(TransferRecord::Reward),
    insert: insert_reward_record,
};

pub(super) const ATTACHMENT_TABLE: SqliteTable = SqliteTable {
    name: "event_rewards",
    export: EXPORT_ATTACHMENTS,
    key: super::transfer::read_id_key,
    read: |row| read_row::<AttachmentRow, _>(row).value.map(TransferRecord::Attachment),
    insert: insert_attachment_record,
};

#[derive(sqlx_macros::FromRow)]
struct RewardRow {
    id: String,
    name: String,
    gives: String,
    created_at: i64,
    updated_at: i64,
}

#[derive(sqlx_macros::FromRow)]
struct AttachmentRow {
    id: String,
    event_id: String,
    reward_id: String,
    created_at: i64,
}

impl TryFrom<RewardRow> for Reward {
    type Error = StoreError;

    fn try_from(row: RewardRow) -> Result<Self, StoreError> {
        Ok(Reward {
            id: read_text(&row.id)?,
            name: row.name,
            kind: read_json(&row.gives)?,
            created_at: Timestamp::from_millis(row.created_at),
            updated_at: Timestamp::from_millis(row.updated_at),
        })
    }
}

impl TryFrom<AttachmentRow> for Attachment {
    type Error = StoreError;

    fn try_from(row: AttachmentRow) -> Result<Self, StoreError> {
        Ok(Attachment {
            id: read_text(&row.id)?,
            event: read_text(&row.event_id)?,
            reward: read_text(&row.reward_id)?,
            at: Timestamp::from_millis(row.created_at),
        })
    }
}

#[async_trait]
impl RewardStore for SqliteRewards {
    async fn find_many(&self, ids: &[RewardId]) -> Result<FoundByReward, StoreError> {
        let query = sqlx::query(FIND_MANY).bind(id_list(ids.iter()));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found
            .iter()
            .map(read_row::<RewardRow, Reward>)
            .map(|row| Ok((RewardId(row.id?), row.value)))
            .collect()
    }

    async fn list(&self, filter: &RewardFilter, page: PageRequest) -> Result<Page<Reward>, StoreError> {
        let statement = if filter.reward_type.is_some() { LIST_BY_TYPE } else { LIST };
        let mut query = sqlx::query(statement)
            .bind(upper_id_bound(page))
            .bind(page.overfull())
            .bind(filter.name.as_deref().map(domain::fold_text));
        if let Some(reward_type) = filter.reward_type {
            query = query.bind(reward_type.name());
        }
        let found = if filter.name.is_some() {
            self.db.search(|connection| Box::pin(query.fetch_all(connection))).await?
        } else {
            self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?
        };
        Ok(readable_page("rewards", found.iter().map(read_row::<RewardRow, Reward>).collect(), page.limit))
    }

    async fn of_events(&self, events: &[EventId]) -> Result<FoundByEvent<Vec<Reward>>, StoreError> {
        let query = sqlx::query(OF_EVENTS).bind(id_list(events.iter()));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let mut rewards = FoundByEvent::new();
        for row in &found {
            add_reward(&mut rewards, read_event(row)?, read_row::<RewardRow, _>(row).value);
        }
        Ok(rewards)
    }
}

fn read_event(row: &SqliteRow) -> Result<EventId, StoreError> {
    let (event,) = <(String,)>::from_row(row).map_err(corrupt_row)?;
    read_text(&event)
}

pub(super) async fn insert_reward(
    connection: &mut SqliteConnection,
    reward: Reward,
) -> Result<(), sqlx::Error> {
    let gives = serde_json::to_string(&reward.kind).map_err(|error| sqlx::Error::Encode(error.into()))?;
    sqlx::query(
        "INSERT INTO rewards (id, type, name, name_folded, gives, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(reward.id.to_string())
    .bind(reward.kind.reward_type().name())
    .bind(&reward.name)
    .bind(domain::fold_text(&reward.name))
    .bind(gives)
    .bind(reward.created_at.as_millis())
    .bind(reward.updated_at.as_millis())
    .execute(connection)
    .await
    .map(drop)
}

pub(super) async fn insert_attachment(
    connection: &mut SqliteConnection,
    attachment: Attachment,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO event_rewards (id, event_id, reward_id, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING",
    )
    .bind(attachment.id.to_string())
    .bind(attachment.event.to_string())
    .bind(attachment.reward.to_string())
    .bind(attachment.at.as_millis())
    .execute(connection)
    .await
    .map(drop)
}

/// As a new event has them.
pub(super) fn attachments_of(event: &Event) -> Vec<Attachment> {
    let attachment = |place: &RewardPlace| Attachment {
        id: place.attachment,
        event: event.id,
        reward: place.reward,
        at: event.created_at,
    };
    event.rewards.iter().map(attachment).collect()
}

pub(super) async fn delete_attachment(
    connection: &mut SqliteConnection,
    id: ObjectId,
) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM event_rewards WHERE id = $1").bind(id.to_string());
    delete.execute(connection).await.map(drop)
}

fn insert_reward_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Reward(reward) = record else { return Err(super::wrong_table("rewards")) };
        insert_reward(connection, reward).await
    })
}

fn insert_attachment_record(connection: &mut SqliteConnection, record: TransferRecord) -> WorkFuture<'_, ()> {
    Box::pin(async move {
        let TransferRecord::Attachment(attachment) = record else {
            return Err(super::wrong_table("event_rewards"));
        };
        insert_attachment(connection, attachment).await
    })
}
