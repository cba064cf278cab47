//! SQLite's one writer, which groups waiting writes into a transaction: each commit waits for the disk. It works on any
//! type of connection to SQLite, so that adapters may use the driver itself or the one of several databases.

use std::{future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc};

use async_trait::async_trait;
use futures::FutureExt;
use sqlx::Connection;
use tokio::{
    sync::{mpsc, oneshot},
    time::{error::Elapsed, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, Span};

use service_kit::{
    budget::QUEUE_WAIT,
    queue_figures::QueueFigures,
    traces::{TracePlace, mark_failed, refer_to_group, start_group_span},
};

use super::{close_quietly, file::DatabaseFile};
use crate::{
    error::StoreError,
    sql::{WorkFuture, store_error},
    store_figures::{StoreFigures, engine},
};

/// Most writes in one transaction.
const GROUP: usize = 256;
/// Most writes waiting; more are refused as unavailable rather than kept waiting for long.
const WAITING: usize = 8192;

/// Opens a connection that may write to the file.
pub(crate) type ConnectionOpener<C> =
    Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<C, sqlx::Error>> + Send>> + Send + Sync>;

/// The way to the writer. Cheap to clone; the writer ends, after what waits, when it is closed or the last clone dropped.
#[derive(Debug)]
pub(crate) struct WriteQueue<C> {
    store: &'static str,
    queue: mpsc::Sender<Box<dyn QueuedWrite<C>>>,
    closing: CancellationToken,
    closed: CancellationToken,
    waiting: QueueFigures,
    figures: StoreFigures,
}

impl<C> Clone for WriteQueue<C> {
    fn clone(&self) -> Self {
        Self {
            store: self.store,
            queue: self.queue.clone(),
            closing: self.closing.clone(),
            closed: self.closed.clone(),
            waiting: self.waiting.clone(),
            figures: self.figures.clone(),
        }
    }
}

impl<C: Connection + Send + 'static> WriteQueue<C> {
    /// Starts the writer's task on this connection, which `open` replaces when it has failed.
    pub(crate) fn start(
        store: &'static str,
        file: Arc<DatabaseFile>,
        connection: C,
        open: ConnectionOpener<C>,
    ) -> Self {
        let (queue, waiting) = mpsc::channel(WAITING);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let writer = GroupWriter { store, file, connection: Some(connection), open };
        // Also if the task panics: nobody waits for it in vain.
        let ends = closed.clone().drop_guard();
        let task = writer.run(waiting, closing.clone());
        tokio::spawn(async move {
            let _ends = ends;
            task.await;
        });
        let figures = StoreFigures::new(store, engine::SQLITE);
        Self { store, waiting: QueueFigures::watch(store, &queue), queue, closing, closed, figures }
    }

    /// Refuses later writes, waits until those that wait are stored and answered, and closes the connection.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        self.closed.cancelled().await;
    }

    /// Runs a write as part of the next group and returns once that group is durable. All of it is stored or nothing.
    /// It is carried out even if the caller stops waiting.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> WorkFuture<'c, T> + Send + 'static,
    {
        self.figures.measure("write", self.write_in_turn(work), Result::is_ok).await
    }

    async fn write_in_turn<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut C) -> WorkFuture<'c, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let asker = TracePlace::here();
        let write = Box::new(PendingWrite { work: Some(work), result: None, asker, reply });
        self.queue.try_send(write).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => self.refuse("too many writes are waiting"),
            mpsc::error::TrySendError::Closed(_) => {
                StoreError::unavailable(self.store, "the store is closed")
            }
        })?;
        let (answer, group) = timeout(QUEUE_WAIT, answer)
            .await
            .map_err(|late: Elapsed| self.refuse(late))?
            .map_err(|_| StoreError::unavailable(self.store, "the writer has failed"))?;
        refer_to_group(&Span::current(), &group);
        answer.map_err(|error| store_error(self.store, error))
    }

    fn refuse(&self, reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
        self.waiting.note_refusal();
        StoreError::unavailable(self.store, reason)
    }
}

/// A write whose result type is its own business.
#[async_trait]
trait QueuedWrite<C>: Send {
    /// Runs it; the result stays inside until it is durable.
    async fn run(&mut self, connection: &mut C) -> Result<(), sqlx::Error>;
    /// The span that waits for it.
    fn asker(&self) -> &TracePlace;
    /// Hands the result, or what went wrong, to whoever waits, with the span of the group.
    fn finish(self: Box<Self>, outcome: Result<(), Arc<sqlx::Error>>, group: &TracePlace);
}

struct PendingWrite<F, T> {
    work: Option<F>,
    result: Option<T>,
    asker: TracePlace,
    reply: oneshot::Sender<(Result<T, Arc<sqlx::Error>>, TracePlace)>,
}

#[async_trait]
impl<C, T, F> QueuedWrite<C> for PendingWrite<F, T>
where
    C: Send + 'static,
    T: Send + 'static,
    F: for<'c> FnOnce(&'c mut C) -> WorkFuture<'c, T> + Send + 'static,
{
    async fn run(&mut self, connection: &mut C) -> Result<(), sqlx::Error> {
        if let Some(work) = self.work.take() {
            self.result = Some(work(connection).await?);
        }
        Ok(())
    }

    fn asker(&self) -> &TracePlace {
        &self.asker
    }

    fn finish(self: Box<Self>, outcome: Result<(), Arc<sqlx::Error>>, group: &TracePlace) {
        let Self { result, reply, .. } = *self;
        let answer = outcome.and_then(|()| result.ok_or_else(|| Arc::new(sqlx::Error::WorkerCrashed)));
        // Whoever asked may have gone: the write stands all the same.
        let _ = reply.send((answer, group.clone()));
    }
}

/// The writer's task.
struct GroupWriter<C> {
    store: &'static str,
    file: Arc<DatabaseFile>,
    /// None after a failure, until the next group.
    connection: Option<C>,
    open: ConnectionOpener<C>,
}

impl<C: Connection + Send + 'static> GroupWriter<C> {
    async fn run(mut self, mut waiting: mpsc::Receiver<Box<dyn QueuedWrite<C>>>, closing: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            let received = tokio::select! {
                biased;
                received = waiting.recv_many(&mut group, GROUP) => received,
                () = closing.cancelled(), if !waiting.is_closed() => {
                    // What waits already is still received.
                    waiting.close();
                    continue;
                }
            };
            if received == 0 {
                break;
            }
            let span = start_group_span("commit", self.store, group.iter().map(|write| write.asker()));
            self.write(std::mem::take(&mut group)).instrument(span).await;
        }
        if let Some(connection) = self.connection {
            close_quietly(self.store, connection).await;
        }
    }

    /// A connection whose transaction failed is given up: SQLite may have rolled back by itself (a full disk), which the
    /// driver does not learn, and then it would refuse every later transaction.
    async fn write(&mut self, group: Vec<Box<dyn QueuedWrite<C>>>) {
        let mut connection = match self.connect().await {
            Ok(connection) => connection,
            Err(error) => return self.fail(group, error),
        };
        // Whoever waits for a write that panics, or for one beside it, learns that it was not stored.
        let written = AssertUnwindSafe(write_group(&mut connection, &self.file, group)).catch_unwind().await;
        if let Ok(Ok(())) = written {
            self.connection = Some(connection);
            return;
        }
        mark_failed(&Span::current());
        if let Ok(Err(error)) = written {
            self.file.note_failure(&error);
            tracing::error!(store = self.store, %error, "a group of writes was not stored");
        } else {
            tracing::error!(store = self.store, "a write panicked: its group was not stored");
        }
        // It has failed already; whatever else goes wrong with it changes nothing.
        let _ = connection.close_hard().await;
    }

    /// The connection there is, or another to the same file: a new one must not be created in its place.
    async fn connect(&mut self) -> Result<C, sqlx::Error> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        self.file.verify_identity()?;
        (self.open)().await
    }

    fn fail(&self, group: Vec<Box<dyn QueuedWrite<C>>>, error: sqlx::Error) {
        self.file.note_failure(&error);
        tracing::error!(store = self.store, %error, "the writer cannot be opened");
        let error = Arc::new(error);
        for write in group {
            write.finish(Err(Arc::clone(&error)), &TracePlace::here());
        }
    }
}

/// One transaction. Each write stands behind a savepoint, so that one that fails takes no other with it.
async fn write_group<C: Connection>(
    connection: &mut C,
    file: &DatabaseFile,
    mut group: Vec<Box<dyn QueuedWrite<C>>>,
) -> Result<(), Arc<sqlx::Error>> {
    let mut results = Vec::with_capacity(group.len());
    let outcome = async {
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in &mut group {
            let mut savepoint = transaction.begin().await?;
            let result = write.run(&mut savepoint).await;
            match result {
                Ok(()) => savepoint.commit().await?,
                Err(_) => savepoint.rollback().await?,
            }
            results.push(result.inspect_err(|error| file.note_failure(error)).map_err(Arc::new));
        }
        transaction.commit().await?;
        // After the commit, so that whatever happened to the files before it is seen.
        file.verify_commit().map_err(sqlx::Error::Io)
    }
    .await;
    let outcome = outcome.map_err(Arc::new);
    // Where the transaction itself failed, the writes it did not come to share that failure.
    let results = results.into_iter().chain(std::iter::repeat(Ok(())));
    let place = TracePlace::here();
    for (write, result) in group.into_iter().zip(results) {
        write.finish(outcome.clone().and(result), &place);
    }
    outcome
}
