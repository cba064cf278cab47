use async_trait::async_trait;
use domain::ObjectId;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{
    SqlUserDb,
    users::{UserRecordRow, role_bits},
};
use crate::store::{StoreError, UserRecord, UserTransfer};

const EXPORT: &str = "SELECT id, email, roles, created_at, updated_at, password_hash FROM users \
    WHERE id > $1 ORDER BY id LIMIT $2";

/// Users in one statement, each with six of the 32,766 parameters SQLite takes. One at a time would be as many round
/// trips, and all of them have to be over within the time limit of a write.
const AT_ONCE: usize = 1000;
/// Users in one page of reading.
const PAGE: i64 = 1000;

#[async_trait]
impl UserTransfer for SqlUserDb {
    fn export(&self, after: Option<ObjectId>) -> BoxStream<'_, Result<UserRecord, StoreError>> {
        // By pages, each within the time limit of a read.
        let pages = stream::try_unfold(after, move |after| async move {
            let page = self.page(after).await?;
            let last = page.last().map(|record| record.user.id.0);
            Ok(last.map(|last| (stream::iter(page.into_iter().map(Ok)), Some(last))))
        });
        pages.try_flatten().boxed()
    }

    async fn import(&self, mut users: Vec<UserRecord>) -> Result<(), StoreError> {
        while !users.is_empty() {
            let rest = users.split_off(users.len().min(AT_ONCE));
            self.0.write(move |connection| Box::pin(insert_users(connection, users))).await?;
            users = rest;
        }
        Ok(())
    }
}

impl SqlUserDb {
    async fn page(&self, after: Option<ObjectId>) -> Result<Vec<UserRecord>, StoreError> {
        let page = sqlx::query_as::<_, UserRecordRow>(EXPORT)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(PAGE);
        let found = self.0.read(|connection| Box::pin(page.fetch_all(connection))).await?;
        found.into_iter().map(UserRecord::try_from).collect()
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
