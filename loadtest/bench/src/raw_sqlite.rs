//! What SQLite itself can do: rows like those of claims, in groups, each group durable before the next begins. The
//! table and its indexes are copied from Guerdon's own file, and so is what a row holds.

use std::{
    path::Path,
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use rusqlite::{Connection, TransactionBehavior, params_from_iter};

use crate::{
    bench_error::{BenchError, BenchResult},
    contest::Contestant,
    copied_row::{CopiedRow, open_to_read, schema_of},
    load::LoadResult,
    process_figures::cpu_time,
};

/// Rows in a transaction, as many as Guerdon groups at most.
const GROUP: usize = 256;
/// The table of claims.
pub(crate) const CLAIMS: &str = "reward_requests";

/// An open file with the table of claims.
#[derive(Debug)]
pub(crate) struct RawSqlite {
    connection: Connection,
    row: CopiedRow,
    /// Rows inserted so far.
    inserted: usize,
    users: usize,
}

impl RawSqlite {
    /// A new file with the table and the indexes that Guerdon's file has, and its durability.
    pub(crate) fn create(path: &Path, guerdon: &Path, users: usize) -> BenchResult<Self> {
        let row = CopiedRow::read_one(guerdon, CLAIMS)?;
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        for (_, statement) in schema_of(&open_to_read(guerdon)?, CLAIMS, false)? {
            connection.execute_batch(&statement)?;
        }
        Ok(Self { connection, row, inserted: 0, users })
    }

    /// One group, durable when it returns. Users claim in turn, one event after the other, as they do with Guerdon.
    fn insert_group(&mut self) -> BenchResult<()> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut statement = transaction.prepare_cached(&self.row.insert_statement())?;
        for number in self.inserted..self.inserted + GROUP {
            let id = format!("{:024x}", (1_u128 << 94) + number as u128);
            let user = format!("{:024x}", (1_u128 << 94) + (number % self.users) as u128);
            let event = format!("{:024x}", (1_u128 << 94) + (number / self.users) as u128);
            let changed = [("id", id.as_str()), ("user_id", &user), ("event_id", &event)];
            statement.execute(params_from_iter(self.row.with(&changed)))?;
        }
        drop(statement);
        transaction.commit()?;
        self.inserted += GROUP;
        Ok(())
    }
}

#[async_trait(?Send)]
impl Contestant for RawSqlite {
    /// A latency is that of a group: each of its rows waits for all of it.
    async fn work(&mut self, duration: Duration, pace: Option<f64>) -> BenchResult<LoadResult> {
        let mut result = LoadResult::new()?;
        let (started, before) = (Instant::now(), cpu_time(std::process::id())?);
        #[allow(clippy::cast_precision_loss, reason = "a small constant")]
        let interval = pace.map(|pace| Duration::from_secs_f64(GROUP as f64 / pace));
        let mut due = started;
        while started.elapsed() < duration {
            if interval.is_none() {
                due = Instant::now();
            }
            thread::sleep(due.saturating_duration_since(Instant::now()));
            self.insert_group()?;
            result.record_latency(due.elapsed());
            result.done += GROUP as u64;
            due += interval.unwrap_or_default();
        }
        result.elapsed = started.elapsed();
        result.cpu = cpu_time(std::process::id())?.saturating_sub(before);
        Ok(result)
    }
}

/// Where Guerdon's claims are, and how many there are.
pub(crate) fn count_claims(database: &Path) -> BenchResult<u64> {
    let count = open_to_read(database)?
        .query_one(&format!("SELECT count(*) FROM {CLAIMS}"), [], |row| row.get::<_, i64>(0))?;
    u64::try_from(count).map_err(|error| BenchError::Unusable(error.to_string()))
}
