//! The stores, opened beside the running system.

use std::path::Path;

use mongodb::{Client, Database};
use sqlx::{ConnectOptions, Connection, PgConnection, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::system::System;

/// Where users are.
#[derive(Debug)]
pub enum UserDb {
    /// A file.
    Sqlite(SqliteConnection),
    /// PostgreSQL.
    Postgres(PgConnection),
    /// MongoDB.
    Mongo(Database),
}

/// Where events are.
#[derive(Debug)]
pub enum EventDb {
    /// A file.
    Sqlite(SqliteConnection),
    /// MongoDB.
    Mongo(Database),
}

impl System {
    /// Its users.
    pub async fn user_db(&self) -> UserDb {
        match self.setting("USER_DB_URL") {
            Some(url) if url.starts_with("postgres") => {
                UserDb::Postgres(PgConnection::connect(url).await.expect("PostgreSQL answers"))
            }
            Some(url) => UserDb::Mongo(mongo_database(url, None).await),
            None => match self.setting("MONGODB_URI") {
                Some(uri) => UserDb::Mongo(mongo_database(uri, Some("user-db")).await),
                None => UserDb::Sqlite(self.file("user.db").await),
            },
        }
    }

    /// Its events.
    pub async fn event_db(&self) -> EventDb {
        match self.setting("EVENT_DB_URL") {
            Some(url) => EventDb::Mongo(mongo_database(url, None).await),
            None => match self.setting("MONGODB_URI") {
                Some(uri) => EventDb::Mongo(mongo_database(uri, Some("event-db")).await),
                None => EventDb::Sqlite(self.file("event.db").await),
            },
        }
    }

    /// Its access tokens, where they are in Redis.
    pub async fn token_db(&self) -> redis::aio::MultiplexedConnection {
        let url = match self.setting("TOKEN_DB_URL") {
            Some(url) => url.to_owned(),
            None => format!("redis://127.0.0.1:{}", self.setting("REDIS_PORT").expect("it is on Redis")),
        };
        let client = redis::Client::open(url).expect("a URL");
        client.get_multiplexed_async_connection().await.expect("Redis answers")
    }

    async fn file(&self, name: &str) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.data().join(name));
        options.connect().await.expect("the database opens")
    }
}

async fn mongo_database(url: &str, database: Option<&str>) -> Database {
    let client = Client::with_uri_str(url).await.expect("MongoDB answers");
    match database {
        Some(name) => client.database(name),
        None => client.default_database().expect("the URL names a database"),
    }
}

/// The journals beside SQLite files in a folder: what is not in the files themselves yet.
pub fn sqlite_journals(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).expect("the folder can be read");
    let names = files.map(|file| file.expect("its files too").file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with("-wal") || name.ends_with("-journal")).collect()
}
