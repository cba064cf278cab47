use std::collections::HashMap;

use async_trait::async_trait;
use domain::{EventId, ObjectId, Timestamp};
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use store_kit::{audit::sqlite::append_draft, error::StoreError, row::StoredRow, sqlite::Sqlite};

use super::{id_list, read_row, read_text};
use crate::{SetTotalOutcome, StockAuthor, StockCounter, StockRepairs, StockStore, audit::stock_changed};

/// The stock in a SQLite file. Claims and counters change in one transaction, so they never differ.
#[derive(Debug, Clone)]
pub(super) struct SqliteStock {
    pub(super) db: Sqlite,
}

pub(super) const FIND_MANY: &str = "SELECT id, total, remaining FROM stock_counters \
    WHERE id IN (SELECT value FROM json_each($1))";
const FIND: &str = "SELECT id, total, remaining FROM stock_counters WHERE id = $1";
const EXPORT: &str = "SELECT id, total, remaining FROM stock_counters WHERE id > $1 ORDER BY id LIMIT $2";
const INSERT: &str =
    "INSERT INTO stock_counters (id, total, remaining) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
const SET_TOTAL: &str = "INSERT INTO stock_counters (id, total, remaining) VALUES ($1, $2, $2) \
    ON CONFLICT (id) DO UPDATE SET remaining = remaining + excluded.total - total, total = excluded.total \
    WHERE remaining + excluded.total - total >= 0";
const RAISE_TOTAL: &str = "INSERT INTO stock_counters (id, total, remaining) VALUES ($1, $2, $2) \
    ON CONFLICT (id) DO UPDATE SET remaining = remaining + excluded.total - total, total = excluded.total \
    WHERE excluded.total > total";
/// Walks the claims on the event that hold a seat.
pub(super) const COUNT_HELD: &str = "SELECT count(*) FROM reward_requests \
    WHERE event_id = $1 AND seats IS NOT NULL AND instr(seats, $2) > 0";
/// Walks all claims that hold a seat, in an index that has all it needs.
const COUNT_ALL_HELD: &str =
    "SELECT count(*) FROM reward_requests WHERE seats IS NOT NULL AND instr(seats, $1) > 0";
const ADD_SEATS: &str = "UPDATE stock_counters SET remaining = remaining + $2 WHERE id = $1";

#[derive(sqlx_macros::FromRow)]
struct CounterRow {
    id: String,
    total: i64,
    remaining: i64,
}

impl TryFrom<CounterRow> for StockCounter {
    type Error = StoreError;

    fn try_from(row: CounterRow) -> Result<Self, StoreError> {
        Ok(Self { id: read_text(&row.id)?, total: row.total, remaining: row.remaining })
    }
}

fn read_counter(row: &SqliteRow) -> StoredRow<StockCounter> {
    read_row::<CounterRow, StockCounter>(row)
}

/// Gives seats back, or takes them where the number is negative.
pub(super) async fn add_seats(
    connection: &mut SqliteConnection,
    counter: ObjectId,
    seats: i64,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query(ADD_SEATS).bind(counter.to_string()).bind(seats);
    update.execute(connection).await.map(drop)
}

/// How many are left of each.
pub(super) async fn remaining_seats(
    connection: &mut SqliteConnection,
    counters: impl Iterator<Item = ObjectId>,
) -> Result<HashMap<ObjectId, i64>, sqlx::Error> {
    let found = sqlx::query(FIND_MANY).bind(id_list(counters)).fetch_all(connection).await?;
    let readable = found.iter().filter_map(|row| read_counter(row).into_readable("stock_counters"));
    Ok(readable.map(|counter| (counter.id, counter.remaining)).collect())
}

#[async_trait]
impl StockStore for SqliteStock {
    async fn find_many(&self, ids: &[ObjectId]) -> Result<HashMap<ObjectId, StockCounter>, StoreError> {
        let query = sqlx::query(FIND_MANY).bind(id_list(ids.iter()));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        let readable = found.iter().filter_map(|row| read_counter(row).into_readable("stock_counters"));
        Ok(readable.map(|counter| (counter.id, counter)).collect())
    }

    async fn set_total(
        &self,
        id: ObjectId,
        total: i64,
        author: Option<StockAuthor>,
    ) -> Result<SetTotalOutcome, StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let before = sqlx::query(FIND).bind(id.to_string()).fetch_optional(&mut *connection).await?;
                let before = before.and_then(|row| read_counter(&row).into_readable("stock_counters"));
                let set = sqlx::query(SET_TOTAL).bind(id.to_string()).bind(total);
                let is_set = set.execute(&mut *connection).await?.rows_affected() == 1;
                if let Some(author) = author.filter(|_| is_set) {
                    let draft = stock_changed(author, before.map(|counter| counter.total), total);
                    append_draft(&mut *connection, draft).await?;
                }
                let row = sqlx::query(FIND).bind(id.to_string()).fetch_one(&mut *connection).await?;
                Ok((is_set, row))
            })
        });
        let (is_set, row) = write.await?;
        let counter = read_counter(&row).value?;
        Ok(if is_set { SetTotalOutcome::Set(counter) } else { SetTotalOutcome::BelowTaken(counter) })
    }

    async fn raise_total(&self, id: ObjectId, total: i64) -> Result<StockCounter, StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                let raise = sqlx::query(RAISE_TOTAL).bind(id.to_string()).bind(total);
                raise.execute(&mut *connection).await?;
                sqlx::query(FIND).bind(id.to_string()).fetch_one(&mut *connection).await
            })
        });
        read_counter(&write.await?).value
    }

    async fn count_held(&self, event: Option<EventId>, id: ObjectId) -> Result<i64, StoreError> {
        let Some(event) = event else {
            let query = sqlx::query_scalar(COUNT_ALL_HELD).bind(id.to_string());
            return self.db.search(|connection| Box::pin(query.fetch_one(connection))).await;
        };
        let query = sqlx::query_scalar(COUNT_HELD).bind(event.to_string()).bind(id.to_string());
        self.db.look_up(|connection| Box::pin(query.fetch_one(connection))).await
    }

    async fn repair(&self, _: Timestamp) -> Result<StockRepairs, StoreError> {
        Ok(StockRepairs::default())
    }

    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<StockCounter>>, StoreError> {
        let query = sqlx::query(EXPORT)
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.db.look_up(|connection| Box::pin(query.fetch_all(connection))).await?;
        Ok(found.iter().map(read_counter).collect())
    }

    async fn import(&self, counters: Vec<StockCounter>) -> Result<(), StoreError> {
        let write = self.db.write(move |connection| {
            Box::pin(async move {
                for counter in &counters {
                    let insert = sqlx::query(INSERT).bind(counter.id.to_string());
                    let insert = insert.bind(counter.total).bind(counter.remaining);
                    insert.execute(&mut *connection).await?;
                }
                Ok(())
            })
        });
        write.await
    }
}
