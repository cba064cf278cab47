use async_trait::async_trait;
use domain::ObjectId;
use sqlx::{AnyConnection, AssertSqlSafe};
use store_kit::row::StoredRow;

use super::{
    SqlUserDb,
    users::{UserRecordRow, read_row, role_bits},
};
use crate::store::{StoreError, UserRecord, UserTransfer};

const EXPORT: &str = "SELECT id, email, roles, created_at, updated_at, password_hash FROM users \
    WHERE id > $1 ORDER BY id LIMIT $2";

/// Users in one statement, each with six of the 32,766 parameters SQLite takes. One at a time would be as many round
/// trips, and all of them have to be over within the time limit of a write.
const AT_ONCE: usize = 1000;

#[async_trait]
impl UserTransfer for SqlUserDb {
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserRecord>>, StoreError> {
        let page = sqlx::query(EXPORT)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.read(|connection| Box::pin(page.fetch_all(connection))).await?;
        Ok(found.iter().map(read_row::<UserRecordRow, _>).collect())
    }

    async fn import(&self, mut users: Vec<UserRecord>) -> Result<(), StoreError> {
        while !users.is_empty() {
            let rest = users.split_off(users.len().min(AT_ONCE));
            self.db.write(move |connection| Box::pin(insert_users(connection, users))).await?;
            users = rest;
        }
        Ok(())
    }
}

async fn insert_users(connection: &mut AnyConnection, users: Vec<UserRecord>) -> Result<(), sqlx::Error> {
    let row = |row: usize| {
        let parameters: Vec<_> = (1..=6).map(|column| format!("${}", row * 6 + column)).collect();
        format!("({})", parameters.join(", "))
    };
    let rows: Vec<_> = (0..users.len()).map(row).collect();
    let statement = format!(
        "INSERT INTO users (id, email, password_hash, roles, created_at, updated_at) VALUES {} ON CONFLICT DO NOTHING",
        rows.join(", ")
    );
    let mut insert = sqlx::query(AssertSqlSafe(statement)).persistent(false);
    for UserRecord { user, password_hash } in users {
        insert = insert
            .bind(user.id.to_string())
            .bind(user.email.as_str().to_owned())
            .bind(password_hash.into_inner())
            .bind(role_bits(user.roles))
            .bind(user.created_at.as_millis())
            .bind(user.updated_at.as_millis());
    }
    insert.execute(connection).await.map(drop)
}
