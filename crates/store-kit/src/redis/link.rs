//! A connection to one server that is looked after: lost ones are noticed and replaced in the background, and while
//! there is none, requests fail at once instead of each waiting for its own attempt.
//!
//! The client's own `ConnectionManager` does not ask Sentinels again, keeps a connection that is silently cut off, and
//! stays broken after a server that refused it once.

use std::{sync::Arc, time::Duration};

use redis::{
    Client, ConnectionAddr, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
    aio::MultiplexedConnection, sentinel::SentinelClient,
};
use tokio::{
    sync::{mpsc, watch},
    time::{Instant, sleep, timeout, timeout_at},
};

use service_kit::budget::{REDIS_REQUEST, START_CONTACT};

use super::{connection_config, error_reason, ping_command, request::RedisConnection, request::RedisRequest};

/// How often an idle connection is looked after, and Sentinels are asked whether the master is still the same.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long to wait between attempts to connect.
const PAUSE: Duration = Duration::from_millis(200);
/// How long to wait before asking a server again that is still loading its data.
const LOADING_PAUSE: Duration = Duration::from_millis(20);
/// Reports of trouble waiting for the keeper. One is enough; what does not fit says nothing new.
const DOUBTS: usize = 16;

/// Where a connection comes from.
pub(super) enum ConnectionSource {
    Server(Client),
    /// Asked each time: the master may be another one now.
    Sentinels {
        client: SentinelClient,
        /// The master connected to.
        master: Option<ConnectionAddr>,
    },
}

impl ConnectionSource {
    /// A connection that has answered.
    async fn connect(&mut self) -> RedisResult<MultiplexedConnection> {
        let config = connection_config();
        let mut connection = match self {
            Self::Server(server) => server.get_multiplexed_async_connection_with_config(&config).await?,
            Self::Sentinels { client, master } => {
                let server = client.async_get_client().await?;
                *master = Some(server.get_connection_info().addr().clone());
                server.get_multiplexed_async_connection_with_config(&config).await?
            }
        };
        ping_command().query_async::<()>(&mut connection).await?;
        Ok(connection)
    }

    /// Whether the Sentinels have made another server the master. The former one may not know for a while, and what it
    /// acknowledges is lost. Sentinels that do not answer say nothing.
    async fn has_moved(&mut self) -> bool {
        let Self::Sentinels { client, master } = self else { return false };
        match timeout(REDIS_REQUEST, client.async_get_client()).await {
            Ok(Ok(server)) => master.as_ref() != Some(server.get_connection_info().addr()),
            _ => false,
        }
    }
}

#[derive(Clone)]
struct NumberedConnection {
    /// Counts up, to tell a connection from the one before.
    number: u64,
    connection: MultiplexedConnection,
}

#[derive(Clone)]
enum LinkState {
    Connected(NumberedConnection),
    /// The last connection has just been lost.
    Connecting,
    /// And could not be replaced, so far.
    Failed(Arc<str>),
}

/// What a request noticed about its connection.
struct LinkDoubt {
    number: u64,
    /// It is of no use, for certain: closed, or to a server that is no master any more. Otherwise it was slow.
    broken: bool,
}

/// The way to one server. Cheap to clone; its keeper ends with the last clone.
#[derive(Clone)]
pub(super) struct ServerLink {
    state: watch::Receiver<LinkState>,
    doubts: mpsc::Sender<LinkDoubt>,
}

impl ServerLink {
    pub(super) async fn open(mut source: ConnectionSource, store: &'static str) -> RedisResult<Self> {
        let line = NumberedConnection { number: 1, connection: source.connect().await? };
        let (state, watched) = watch::channel(LinkState::Connected(line.clone()));
        let (doubts, reported) = mpsc::channel(DOUBTS);
        tokio::spawn(LinkKeeper { store, source, line, state, doubts: reported }.run());
        Ok(Self { state: watched, doubts })
    }

    /// Sends a request, and once more if its connection turns out to be closed, all within the limit.
    pub(super) async fn send<T: FromRedisValue + Send>(
        &self,
        limit: Duration,
        request: &impl RedisRequest,
    ) -> Result<T, String> {
        let deadline = Instant::now() + limit;
        match self.attempt(0, deadline, request).await? {
            SendAttempt::Done(answer) => answer,
            SendAttempt::Broken(number, _) => match self.attempt(number, deadline, request).await? {
                SendAttempt::Done(answer) => answer,
                SendAttempt::Broken(_, reason) => Err(reason),
            },
        }
    }

    async fn attempt<T: FromRedisValue + Send>(
        &self,
        after: u64,
        deadline: Instant,
        request: &impl RedisRequest,
    ) -> Result<SendAttempt<T>, String> {
        let line = timeout_at(deadline, self.line(after)).await.map_err(|late| late.to_string())??;
        let number = line.number;
        let mut connection = RedisConnection::Server(line.connection);
        let answer = timeout_at(deadline, request.send(&mut connection)).await;
        Ok(match answer {
            Ok(Ok(answer)) => SendAttempt::Done(Ok(answer)),
            Ok(Err(error)) if is_broken(&error) => {
                self.report(LinkDoubt { number, broken: true });
                SendAttempt::Broken(number, error_reason(&error))
            }
            Ok(Err(error)) => {
                if error.is_io_error() {
                    self.report(LinkDoubt { number, broken: false });
                }
                SendAttempt::Done(Err(error_reason(&error)))
            }
            Err(late) => {
                self.report(LinkDoubt { number, broken: false });
                SendAttempt::Done(Err(late.to_string()))
            }
        })
    }

    /// The connection of now, later than the one with this number.
    async fn line(&self, after: u64) -> Result<NumberedConnection, String> {
        let settled = |state: &LinkState| match state {
            LinkState::Connected(line) => line.number > after,
            LinkState::Connecting => false,
            LinkState::Failed(_) => true,
        };
        let mut state = self.state.clone();
        let state = state.wait_for(settled).await.map_err(|gone| gone.to_string())?;
        match &*state {
            LinkState::Connected(line) => Ok(line.clone()),
            LinkState::Failed(reason) => Err(reason.to_string()),
            LinkState::Connecting => Err("there is no connection".to_owned()),
        }
    }

    fn report(&self, doubt: LinkDoubt) {
        // A full queue holds enough of them.
        let _ = self.doubts.try_send(doubt);
    }
}

enum SendAttempt<T> {
    Done(Result<T, String>),
    Broken(u64, String),
}

fn is_broken(error: &RedisError) -> bool {
    // A master that has become a replica answers READONLY.
    error.is_connection_dropped() || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// Replaces lost connections for as long as somebody uses the link.
struct LinkKeeper {
    store: &'static str,
    source: ConnectionSource,
    line: NumberedConnection,
    state: watch::Sender<LinkState>,
    doubts: mpsc::Receiver<LinkDoubt>,
}

impl LinkKeeper {
    async fn run(mut self) {
        while let Some(reason) = self.loss().await {
            tracing::warn!(store = self.store, reason, "the connection to Redis is lost");
            self.state.send_replace(LinkState::Connecting);
            if !self.reconnect().await {
                return;
            }
            tracing::info!(store = self.store, "connected to Redis again");
        }
    }

    /// Waits until the connection is of no use, and says why; nothing when nobody uses the link any more.
    async fn loss(&mut self) -> Option<String> {
        loop {
            let doubt = tokio::select! {
                doubt = self.doubts.recv() => Some(doubt?),
                () = sleep(HEARTBEAT) => None,
            };
            match doubt {
                Some(doubt) if doubt.number != self.line.number => {}
                Some(doubt) if doubt.broken => return Some("it is closed, or to a replica".to_owned()),
                _ => {
                    match timeout(REDIS_REQUEST, ping_command().query_async::<()>(&mut self.line.connection))
                        .await
                    {
                        Ok(Ok(())) if self.source.has_moved().await => {
                            return Some("another server is the master now".to_owned());
                        }
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => return Some(error_reason(&error)),
                        Err(late) => return Some(late.to_string()),
                    }
                }
            }
        }
    }

    /// Tries until there is a connection; false when nobody wants one any more.
    async fn reconnect(&mut self) -> bool {
        while !self.state.is_closed() {
            let failed = match timeout(START_CONTACT, self.source.connect()).await {
                Ok(Ok(connection)) => {
                    self.line = NumberedConnection { number: self.line.number + 1, connection };
                    self.state.send_replace(LinkState::Connected(self.line.clone()));
                    return true;
                }
                // It has just started and is there in a moment: whoever waits may go on waiting.
                Ok(Err(error)) if error.kind() == ErrorKind::Server(ServerErrorKind::BusyLoading) => {
                    sleep(LOADING_PAUSE).await;
                    continue;
                }
                Ok(Err(error)) => error_reason(&error),
                Err(late) => late.to_string(),
            };
            self.state.send_replace(LinkState::Failed(failed.into()));
            sleep(PAUSE).await;
        }
        false
    }
}
