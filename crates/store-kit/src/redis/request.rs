use std::future::Future;

use redis::{
    Cmd, FromRedisValue, Pipeline, RedisFuture, RedisResult, ScriptInvocation, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster_async::ClusterConnection,
};

/// A connection to whatever the URL named.
#[derive(Clone)]
pub enum RedisConnection {
    /// To one server.
    Server(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

impl ConnectionLike for RedisConnection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Server(connection) => connection.req_packed_command(command),
            Self::Cluster(connection) => connection.req_packed_command(command),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Server(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Server(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// What can be sent to Redis.
pub trait RedisRequest: Sync {
    /// Sends it and waits for the answer.
    fn send<T: FromRedisValue + Send>(
        &self,
        to: &mut RedisConnection,
    ) -> impl Future<Output = RedisResult<T>> + Send;
}

impl RedisRequest for Cmd {
    async fn send<T: FromRedisValue + Send>(&self, to: &mut RedisConnection) -> RedisResult<T> {
        self.query_async(to).await
    }
}

/// In a cluster, all its keys must be in one slot.
impl RedisRequest for Pipeline {
    async fn send<T: FromRedisValue + Send>(&self, to: &mut RedisConnection) -> RedisResult<T> {
        self.query_async(to).await
    }
}

/// By its hash; the text is sent to a server that does not have it yet.
impl RedisRequest for ScriptInvocation<'_> {
    async fn send<T: FromRedisValue + Send>(&self, to: &mut RedisConnection) -> RedisResult<T> {
        self.invoke_async(to).await
    }
}
