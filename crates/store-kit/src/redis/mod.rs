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
    link::{Link, Source},
    url::{Address, Kind},
};
pub use self::{
    request::{Connection, Request},
    url::InvalidUrl,
};
use service_kit::health::Dependency;

use crate::error::StoreError;

/// How long connecting may take, and a request, waiting for a connection included.
const LIMIT: Duration = Duration::from_secs(1);
/// How long the first contact at start-up may take.
const START_TIMEOUT: Duration = Duration::from_secs(5);
/// Requests waiting to be written to a connection; more wait for their turn.
const QUEUED_REQUESTS: usize = 1024;
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
    route: Route,
}

#[derive(Clone)]
enum Route {
    /// One server at a time: the one there is, or the master of the moment.
    Server(Link),
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
        let address: Address = url.parse()?;
        let connected = timeout(START_TIMEOUT, Self::open(&address, store)).await;
        let redis = connected.map_err(|late| RedisConnectError::Unreachable(late.to_string()))?;
        redis.map_err(|error| connect_error(&error))
    }

    async fn open(address: &Address, store: &'static str) -> RedisResult<Self> {
        let route = match address.kind {
            Kind::Server => Route::Server(Link::open(server(address)?, store).await?),
            Kind::Sentinel => Route::Server(Link::open(sentinels(address)?, store).await?),
            Kind::Cluster => {
                let mut connection = cluster(address)?.get_async_connection().await?;
                ping().query_async::<()>(&mut connection).await?;
                Route::Cluster(connection)
            }
        };
        Ok(Self { store, route })
    }

    /// Sends a command, a pipeline or a script, and waits for the answer within a second. What is cut off, or sent
    /// over a connection that breaks, may still have been done; in the latter case it is sent once more.
    pub async fn run<T: FromRedisValue + Send>(&self, request: &impl Request) -> Result<T, StoreError> {
        self.run_within(LIMIT, request).await
    }

    /// The same, for callers with less patience.
    pub async fn run_within<T: FromRedisValue + Send>(
        &self,
        limit: Duration,
        request: &impl Request,
    ) -> Result<T, StoreError> {
        let answer = match &self.route {
            Route::Server(link) => link.send(limit, request).await,
            Route::Cluster(connection) => {
                let mut connection = Connection::Cluster(connection.clone());
                match timeout(limit, request.send(&mut connection)).await {
                    Ok(answer) => answer.map_err(|error| reason(&error)),
                    Err(late) => Err(late.to_string()),
                }
            }
        };
        answer.map_err(|reason| StoreError::unavailable(self.store, reason))
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

    async fn answers(&self) -> bool {
        let answer = match &self.route {
            Route::Server(_) => return self.run::<()>(&ping()).await.is_ok(),
            Route::Cluster(connection) => timeout(LIMIT, cluster_is_whole(connection.clone())).await,
        };
        matches!(answer, Ok(Ok(true)))
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

fn ping() -> Cmd {
    redis::cmd("PING")
}

fn tcp() -> TcpSettings {
    TcpSettings::default().set_nodelay(true)
}

fn connection_config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(LIMIT))
        .set_response_timeout(Some(LIMIT))
        .set_pipeline_buffer_size(QUEUED_REQUESTS)
}

fn server(address: &Address) -> RedisResult<Source> {
    let info = address.nodes()?.remove(0).set_tcp_settings(tcp());
    Ok(Source::Server(Client::open(info)?))
}

fn sentinels(address: &Address) -> RedisResult<Source> {
    let mut client =
        SentinelClientBuilder::new(address.hosts(), &address.service, SentinelServerType::Master)?
            .set_client_to_redis_db(address.db)
            .set_client_to_redis_tcp_settings(tcp())
            .set_client_to_sentinel_tcp_settings(tcp());
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
    Ok(Source::Sentinels { client: client.build()?, master: None })
}

fn cluster(address: &Address) -> RedisResult<ClusterClient> {
    let (shortest, longest) = CLUSTER_RETRY_WAIT;
    let mut client = ClusterClient::builder(address.nodes()?)
        .connection_timeout(LIMIT)
        .response_timeout(LIMIT)
        .retries(CLUSTER_RETRIES)
        .min_retry_wait(shortest)
        .max_retry_wait(longest)
        .tcp_settings(tcp());
    if address.tls {
        client = client.tls(TlsMode::Secure);
    }
    client.build()
}

fn connect_error(error: &RedisError) -> RedisConnectError {
    const REFUSALS: [&str; 4] = ["NOAUTH", "WRONGPASS", "NOPERM", "authentication failed"];
    let reason = reason(error);
    // A cluster's client has it in the text alone.
    let refused = error.kind() == ErrorKind::AuthenticationFailed
        || REFUSALS.iter().any(|refusal| reason.contains(refusal));
    if refused { RedisConnectError::Credentials(reason) } else { RedisConnectError::Unreachable(reason) }
}

/// The error as the log may have it: a server that does not know a command repeats its arguments, tokens included.
fn reason(error: &RedisError) -> String {
    let mut text = error.to_string();
    if let Some(arguments) = text.find(", with args beginning with") {
        text.truncate(arguments);
    }
    text
}
