//! Redis as every adapter uses it: one server, a master that Sentinels name, or a cluster, behind one handle with time
//! limits, and its errors as the ports know them.
//!
//! Every request concerns keys that may live apart: nothing here needs two keys on one node.

mod link;
mod request;
#[cfg(test)]
mod tests;
mod url;

use std::{collections::HashMap, fmt, time::Duration};

use async_trait::async_trait;
use futures::future::join_all;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, TlsMode,
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo},
    io::tcp::TcpSettings,
    sentinel::{SentinelClientBuilder, SentinelServerType},
};
use tokio::time::timeout;

use self::{
    link::{ConnectionSource, ServerLink},
    url::{AddressKind, RedisAddress},
};
pub use self::{
    request::{RedisConnection, RedisRequest},
    url::InvalidUrl,
};
use service_kit::{
    budget::{CONNECT, REDIS_REQUEST, START_CONTACT},
    health::Dependency,
};

use crate::{
    error::StoreError,
    store_figures::{StoreFigures, engine},
};

/// Requests waiting to be written to a connection; more wait for their turn.
const QUEUED_REQUESTS: usize = 1024;
/// The key that readiness writes, and how long it lasts, in milliseconds.
const READINESS_KEY: &str = "readiness";
const READINESS_LIFE: u64 = 60_000;
/// Keys that readiness writes in a cluster: so many that every node, but for an unlikely few, gets one.
const CLUSTER_READINESS_KEYS: usize = 16;
/// A cluster's client tries again so often,
const CLUSTER_RETRIES: u32 = 5;
/// and waits this long before it does, in milliseconds, at least and at most.
const CLUSTER_RETRY_WAIT: (u64, u64) = (20, 200);

/// Why Redis could not be used at start-up. The URL is never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum RedisConnectError {
    /// The URL does not read.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// The server refuses the credentials, or wants some.
    #[error("names a Redis server that refuses its credentials: {0}")]
    Credentials(String),
    /// No server answers as it should.
    #[error("names a Redis server that cannot be reached: {0}")]
    Unreachable(String),
}

/// Redis, wherever it runs. Cheap to clone: clones share their connections.
#[derive(Clone)]
pub struct Redis {
    store: &'static str,
    route: RedisRoute,
    figures: StoreFigures,
}

#[derive(Clone)]
enum RedisRoute {
    /// One server at a time: the one there is, or the master of the moment.
    Server(ServerLink),
    /// The client knows which node has which key.
    Cluster(ClusterConnection),
}

impl Redis {
    /// Connects, and makes sure that the server answers. `store` is the name operators know it by: `token-db`.
    ///
    /// | URL | what it names |
    /// |-|-|
    /// | `redis://[user:password@]host[:6379][/db]` | one server |
    /// | `redis+sentinel://[user:password@]host[:26379],host…/service[/db]` | the master of `service`, as its Sentinels say; Sentinels with a password of their own: `?sentinelPassword=` and `sentinelUser=` |
    /// | `redis+cluster://[user:password@]host[:6379],host…` | a cluster, from any of its nodes |
    ///
    /// `rediss` in place of `redis`: the same over TLS. Special characters are percent-encoded.
    pub async fn connect(url: &str, store: &'static str) -> Result<Self, RedisConnectError> {
        let address: RedisAddress = url.parse()?;
        let connected = timeout(START_CONTACT, Self::open(&address, store)).await;
        let redis = connected.map_err(|late| RedisConnectError::Unreachable(late.to_string()))?;
        redis.map_err(|error| connect_error(&error))
    }

    async fn open(address: &RedisAddress, store: &'static str) -> RedisResult<Self> {
        let route = match address.kind {
            AddressKind::Server => {
                RedisRoute::Server(ServerLink::open(server_source(address)?, store).await?)
            }
            AddressKind::Sentinel => {
                RedisRoute::Server(ServerLink::open(sentinel_source(address)?, store).await?)
            }
            AddressKind::Cluster => {
                let mut connection = cluster_client(address)?.get_async_connection().await?;
                ping_command().query_async::<()>(&mut connection).await?;
                RedisRoute::Cluster(connection)
            }
        };
        Ok(Self { store, route, figures: StoreFigures::new(store, engine::REDIS) })
    }

    /// Sends a command, a pipeline or a script, and waits for the answer, for [`REDIS_REQUEST`] at most. What is cut off, or sent
    /// over a connection that breaks, may still have been done; in the latter case it is sent once more.
    pub async fn run<T: FromRedisValue + Send>(&self, request: &impl RedisRequest) -> Result<T, StoreError> {
        self.run_within(REDIS_REQUEST, request).await
    }

    /// The same, for callers with less patience.
    pub async fn run_within<T: FromRedisValue + Send>(
        &self,
        limit: Duration,
        request: &impl RedisRequest,
    ) -> Result<T, StoreError> {
        let answer = self.figures.measure("request", self.send(limit, request), Result::is_ok).await;
        answer.map_err(|reason| StoreError::unavailable(self.store, reason))
    }

    async fn send<T: FromRedisValue + Send>(
        &self,
        limit: Duration,
        request: &impl RedisRequest,
    ) -> Result<T, String> {
        match &self.route {
            RedisRoute::Server(link) => link.send(limit, request).await,
            RedisRoute::Cluster(connection) => {
                let mut connection = RedisConnection::Cluster(connection.clone());
                match timeout(limit, request.send(&mut connection)).await {
                    Ok(answer) => answer.map_err(|error| error_reason(&error)),
                    Err(late) => Err(late.to_string()),
                }
            }
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("store", &self.store).finish_non_exhaustive()
    }
}

#[async_trait]
impl Dependency for Redis {
    fn name(&self) -> &'static str {
        self.store
    }

    /// By writes: a server that is full or a replica reads well enough.
    async fn answers(&self) -> bool {
        let RedisRoute::Cluster(connection) = &self.route else {
            return self.run::<()>(&readiness_command(READINESS_KEY)).await.is_ok();
        };
        let whole = timeout(REDIS_REQUEST, cluster_is_whole(connection.clone())).await;
        let write = async |key| self.run::<()>(&readiness_command(&format!("{READINESS_KEY}:{key}"))).await;
        let writes = join_all((0..CLUSTER_READINESS_KEYS).map(write)).await;
        matches!(whole, Ok(Ok(true))) && writes.iter().all(Result::is_ok)
    }
}

/// Whether every master says that every key has one. A ping would only say that those still reached answer.
async fn cluster_is_whole(mut connection: ClusterConnection) -> RedisResult<bool> {
    let mut info = redis::cmd("CLUSTER");
    info.arg("INFO");
    let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
    let infos = connection.route_command(info, all).await?;
    let infos: HashMap<String, String> = redis::from_redis_value(infos)?;
    Ok(!infos.is_empty() && infos.values().all(|info| info.contains("cluster_state:ok")))
}

fn readiness_command(key: &str) -> Cmd {
    let mut command = redis::cmd("SET");
    command.arg(key).arg(1).arg("PX").arg(READINESS_LIFE);
    command
}

fn ping_command() -> Cmd {
    redis::cmd("PING")
}

fn tcp_settings() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(REDIS_REQUEST))
        .set_pipeline_buffer_size(QUEUED_REQUESTS)
}

fn server_source(address: &RedisAddress) -> RedisResult<ConnectionSource> {
    let info = address.nodes()?.remove(0).set_tcp_settings(tcp_settings());
    Ok(ConnectionSource::Server(Client::open(info)?))
}

fn sentinel_source(address: &RedisAddress) -> RedisResult<ConnectionSource> {
    let mut client =
        SentinelClientBuilder::new(address.hosts(), &address.service, SentinelServerType::Master)?
            .set_client_to_redis_db(address.db)
            .set_client_to_redis_tcp_settings(tcp_settings())
            .set_client_to_sentinel_tcp_settings(tcp_settings());
    if address.tls {
        client = client.set_client_to_redis_tls_mode(TlsMode::Secure);
    }
    if let Some(login) = &address.login {
        client = client.set_client_to_redis_password(&login.password);
        if let Some(user) = &login.user {
            client = client.set_client_to_redis_username(user);
        }
    }
    if let Some(login) = &address.sentinel_login {
        client = client.set_client_to_sentinel_password(&login.password);
        if let Some(user) = &login.user {
            client = client.set_client_to_sentinel_username(user);
        }
    }
    Ok(ConnectionSource::Sentinels { client: client.build()?, master: None })
}

fn cluster_client(address: &RedisAddress) -> RedisResult<ClusterClient> {
    let (shortest, longest) = CLUSTER_RETRY_WAIT;
    let mut client = ClusterClient::builder(address.nodes()?)
        .connection_timeout(CONNECT)
        .response_timeout(REDIS_REQUEST)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(shortest)
        .max_retry_wait(longest)
        .tcp_settings(tcp_settings());
    if address.tls {
        client = client.tls(TlsMode::Secure);
    }
    client.build()
}

fn connect_error(error: &RedisError) -> RedisConnectError {
    const REFUSALS: [&str; 4] = ["NOAUTH", "WRONGPASS", "NOPERM", "authentication failed"];
    let reason = error_reason(error);
    // A cluster's client has it in the text alone.
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || REFUSALS.iter().any(|refusal| reason.contains(refusal));
    if refused { RedisConnectError::Credentials(reason) } else { RedisConnectError::Unreachable(reason) }
}

/// The error as the log may have it: a server that does not know a command repeats its arguments, tokens included.
fn error_reason(error: &RedisError) -> String {
    let mut text = error.to_string();
    if let Some(arguments) = text.find(", with args beginning with") {
        text.truncate(arguments);
    }
    text
}
