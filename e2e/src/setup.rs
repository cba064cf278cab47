/// Which stores a system is on, and how its services are spread over processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setup {
    /// One process over SQLite.
    Embedded,
    /// Three processes over SQLite.
    EmbeddedSplit,
    /// Three processes over MongoDB, for users and for events, and Redis.
    MongoRedis,
    /// Three processes over PostgreSQL for users, MongoDB for events, and Redis.
    PostgresMongoRedis,
    /// Three processes over one MongoDB and Redis, named by the specification's own variables.
    Specified,
}

impl Setup {
    /// Whether each service has a process of its own.
    pub fn is_split(self) -> bool {
        self != Self::Embedded
    }

    /// Whether its stores are files and memory.
    pub fn is_embedded(self) -> bool {
        matches!(self, Self::Embedded | Self::EmbeddedSplit)
    }
}

/// Makes tests of journeys: each runs all in one on SQLite, split on MongoDB and Redis, and split on PostgreSQL, MongoDB
/// and Redis.
#[macro_export]
macro_rules! on_every_setup {
    ($($journey:ident),+ $(,)?) => {
        $crate::on_setup!(embedded, Embedded, $($journey),+);
        $crate::on_setup!(mongo_redis, MongoRedis, $($journey),+);
        $crate::on_setup!(postgres_mongo_redis, PostgresMongoRedis, $($journey),+);
    };
}

/// Makes tests of journeys on one set-up, in a module of this name.
#[macro_export]
macro_rules! on_setup {
    ($module:ident, $setup:ident, $($journey:ident),+ $(,)?) => {
        mod $module {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $journey() {
                super::$journey($crate::Setup::$setup).await;
            })+
        }
    };
}
