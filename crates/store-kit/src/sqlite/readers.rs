use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use service_kit::budget::STORE_OPERATION;
use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::{sync::Semaphore, time::timeout_at};

use super::file::DatabaseFile;
use crate::{
    error::StoreError,
    sql::{WorkFuture, store_error},
    store_figures::{StoreFigures, engine},
};

/// SQLite's instructions between two looks at the clock: some ten microseconds.
const INSTRUCTIONS: i32 = 4096;
/// After so long a read is interrupted: before its time limit, so that its connection is usable again when that ends.
const READ_TIME: Duration = STORE_OPERATION.saturating_sub(Duration::from_millis(100));

/// Connections for reading. Whatever is read ends within [`STORE_OPERATION`], waiting for a connection included: SQLite
/// itself is interrupted, so that nothing goes on that nobody waits for.
pub(crate) struct ReaderPool {
    store: &'static str,
    file: Arc<DatabaseFile>,
    options: SqliteConnectOptions,
    slots: Semaphore,
    idle: Mutex<Vec<BoundedReader>>,
    figures: StoreFigures,
}

impl ReaderPool {
    /// A pool of at most `size` connections, which are opened as they are needed.
    pub(crate) fn new(
        store: &'static str,
        file: Arc<DatabaseFile>,
        options: SqliteConnectOptions,
        size: usize,
    ) -> Self {
        Self {
            store,
            file,
            options,
            slots: Semaphore::new(size),
            idle: Mutex::default(),
            figures: StoreFigures::new(store, engine::SQLITE),
        }
    }

    /// Reads within the time limit.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send,
    {
        let started = Instant::now();
        let (limit, interrupt_at) = (started + STORE_OPERATION, started + READ_TIME);
        let read = async {
            let _slot = self.slots.acquire().await.map_err(|_| sqlx::Error::PoolClosed)?;
            let mut lease = ReaderLease { reader: Some(self.take_reader().await?) };
            let result = lease.run(interrupt_at, work).await;
            if !matches!(result, Err(sqlx::Error::WorkerCrashed)) {
                self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(lease.reader.take());
            }
            result
        };
        let read = timeout_at(limit.into(), read);
        match self.figures.measure("read", read, |read| matches!(read, Ok(Ok(_)))).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.file.note_failure(&error);
                Err(store_error(self.store, error.into()))
            }
            Err(late) => Err(StoreError::unavailable(self.store, late)),
        }
    }

    /// Closes the connections that nobody uses. Later reads fail.
    pub(crate) async fn close(&self) {
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for reader in idle {
            super::close_quietly(self.store, reader.connection).await;
        }
    }

    async fn take_reader(&self) -> Result<BoundedReader, sqlx::Error> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(reader) => Ok(reader),
            None => BoundedReader::open(&self.options).await,
        }
    }
}

impl fmt::Debug for ReaderPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderPool").field("store", &self.store).finish_non_exhaustive()
    }
}

/// A connection that interrupts what runs too long.
struct BoundedReader {
    connection: SqliteConnection,
    interrupt: Arc<InterruptTime>,
}

impl BoundedReader {
    async fn open(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let mut connection = options.connect().await?;
        let interrupt = Arc::new(InterruptTime { opened: Instant::now(), after: AtomicU64::new(u64::MAX) });
        let time = Arc::clone(&interrupt);
        connection.lock_handle().await?.set_progress_handler(INSTRUCTIONS, move || !time.has_come());
        Ok(Self { connection, interrupt })
    }
}

/// When SQLite is to stop what a connection does.
struct InterruptTime {
    opened: Instant,
    /// In milliseconds after the connection was opened.
    after: AtomicU64,
}

impl InterruptTime {
    fn set(&self, at: Instant) {
        let after = at.saturating_duration_since(self.opened).as_millis();
        self.after.store(u64::try_from(after).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn set_now(&self) {
        self.after.store(0, Ordering::Relaxed);
    }

    fn has_come(&self) -> bool {
        self.opened.elapsed().as_millis() >= u128::from(self.after.load(Ordering::Relaxed))
    }
}

/// A reader in use. Where its user goes away before the answer, what it does is interrupted and its connection closed:
/// the next user could not tell the former one's work from its own.
struct ReaderLease {
    reader: Option<BoundedReader>,
}

impl ReaderLease {
    async fn run<T, F>(&mut self, interrupt_at: Instant, work: F) -> Result<T, sqlx::Error>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> WorkFuture<'c, T> + Send,
    {
        let reader = self.reader.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        reader.interrupt.set(interrupt_at);
        work(&mut reader.connection).await
    }
}

impl Drop for ReaderLease {
    fn drop(&mut self) {
        if let Some(reader) = &self.reader {
            reader.interrupt.set_now();
        }
    }
}
