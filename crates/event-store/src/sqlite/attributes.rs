use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{AttributeName, ObjectId, Timestamp, UserId};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use store_kit::{audit::sqlite::append_draft, error::StoreError, row::StoredRow, sqlite::Sqlite};

use super::{corrupt_row, read_json, read_text};
use crate::{AttributeStore, UserAttributes, audit::attributes_replaced};

/// The attributes in a SQLite file.
#[derive(Debug, Clone)]
pub(super) struct SqliteAttributes {
    pub(super) db: Sqlite,
}

const PUT: &str = "INSERT INTO user_attributes (user_id, attributes, updated_at) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO UPDATE SET attributes = excluded.attributes, updated_at = excluded.updated_at";
const IMPORT: &str = "INSERT INTO user_attributes (user_id, attributes, updated_at) VALUES ($1, $2, $3) \
    ON CONFLICT (user_id) DO NOTHING";
const FIND: &str = "SELECT user_id, attributes, updated_at FROM user_attributes WHERE user_id = $1";
const NAME: &str = "INSERT INTO attribute_names (name) VALUES ($1) ON CONFLICT DO NOTHING";

async fn store(
    connection: &mut SqliteConnection,
    statement: &'static str,
    new: &UserAttributes,
) -> Result<(), sqlx::Error> {
    let attributes =
        serde_json::to_string(&new.attributes).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let query = sqlx::query(statement).bind(new.user_id.to_string()).bind(attributes);
    query.bind(new.updated_at.as_millis()).execute(&mut *connection).await?;
    for name in new.attributes.keys() {
        sqlx::query(NAME).bind(name.as_str()).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn replace(
    connection: &mut SqliteConnection,
    new: UserAttributes,
    stamp: ChangeStamp,
) -> Result<(), sqlx::Error> {
    let before = sqlx::query(FIND).bind(new.user_id.to_string()).fetch_optional(&mut *connection).await?;
    let before = before.and_then(|row| read_attributes(&row).into_readable("user_attributes"));
    store(&mut *connection, PUT, &new).await?;
    let before = before.as_ref().map(|before| &before.attributes);
    append_draft(connection, attributes_replaced(stamp, new.user_id, before, &new.attributes)).await
}

fn read_attributes(row: &SqliteRow) -> StoredRow<UserAttributes> {
    let id = row.try_get("user_id").map_err(corrupt_row).and_then(read_text::<ObjectId>);
    let value = id.clone().and_then(|id| {
        Ok(UserAttributes {
            user_id: UserId(id),
            attributes: read_json(row.try_get("attributes").map_err(corrupt_row)?)?,
            updated_at: row.try_get("updated_at").map(Timestamp::from_millis).map_err(corrupt_row)?,
        })
    });
    StoredRow { id, value }
}

#[async_trait]
impl AttributeStore for SqliteAttributes {
    /// One transaction.
    async fn put(&self, attributes: UserAttributes, stamp: ChangeStamp) -> Result<(), StoreError> {
        self.db.write(move |connection| Box::pin(replace(connection, attributes, stamp))).await
    }

    async fn find(&self, user: UserId) -> Result<Option<UserAttributes>, StoreError> {
        let query = sqlx::query(FIND).bind(user.to_string());
        let found = self.db.look_up(|connection| Box::pin(query.fetch_optional(connection))).await?;
        found.map(|row| read_attributes(&row).value).transpose()
    }

    async fn names(&self, limit: usize) -> Result<Vec<AttributeName>, StoreError> {
        let query =
            sqlx::query_scalar::<_, String>("SELECT name FROM attribute_names ORDER BY name LIMIT $1")
                .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        found.iter().map(|name| read_text(name)).collect()
    }

    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserAttributes>>, StoreError> {
        let query = sqlx::query(
            "SELECT user_id, attributes, updated_at FROM user_attributes WHERE user_id > $1 ORDER BY user_id LIMIT $2",
        );
        let query = query.bind(after.map_or_else(String::new, |user| user.to_string()));
        let query = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        Ok(found.iter().map(read_attributes).collect())
    }

    async fn import(&self, attributes: Vec<UserAttributes>) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for one in &attributes {
                    store(connection, IMPORT, one).await?;
                }
                Ok(())
            })
        });
        write.await
    }
}
