use test_servers::{Mongo, MongoMode, Postgres, Redis};

use crate::setup::Setup;

/// A store outside guerdon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store {
    /// Where users are: MongoDB or PostgreSQL.
    Users,
    /// Where events are: MongoDB.
    Events,
    /// Where access tokens are: Redis.
    Tokens,
}

impl Store {
    /// What operators call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Users => "user-db",
            Self::Events => "event-db",
            Self::Tokens => "token-db",
        }
    }

    /// Which process it belongs to, counted as in [`crate::System::processes`].
    pub fn owner(self) -> usize {
        match self {
            Self::Users | Self::Tokens => 1,
            Self::Events => 2,
        }
    }
}

/// The servers a system is on: one for each store, so that each can fail alone. None where stores are embedded.
#[derive(Debug)]
pub struct Servers(Option<Box<StoreServers>>);

#[derive(Debug)]
struct StoreServers {
    users: UserServer,
    events: Mongo,
    tokens: Redis,
}

#[derive(Debug)]
enum UserServer {
    Mongo(Mongo),
    Postgres(Postgres),
    /// In another database of the server for events.
    WithEvents,
}

impl Servers {
    /// Starts what a set-up needs. A MongoDB server there is already is used, where `own` does not forbid it.
    pub(crate) fn start(setup: Setup, own: bool) -> Self {
        // The names of the specification's databases are given, so that no server can be shared.
        let own = own || setup == Setup::Specified;
        let mongo = move |mode| if own { Mongo::start(mode) } else { Mongo::shared_or_start(mode) };
        let users = move || match setup {
            Setup::PostgresMongoRedis => UserServer::Postgres(Postgres::start()),
            Setup::Specified => UserServer::WithEvents,
            _ => UserServer::Mongo(mongo(MongoMode::Standalone)),
        };
        // As in the specification's compose file, and as a replica set.
        let mode = match setup {
            Setup::PostgresMongoRedis => MongoMode::ReplicaSet,
            _ => MongoMode::Standalone,
        };
        if setup.is_embedded() {
            return Self(None);
        }
        std::thread::scope(|all| {
            let (users, events) = (all.spawn(users), all.spawn(move || mongo(mode)));
            let tokens = Redis::start();
            let events = events.join().expect("MongoDB starts");
            let users = users.join().expect("the users' server starts");
            Self(Some(Box::new(StoreServers { users, events, tokens })))
        })
    }

    /// The variables that name them, each with a database of its own.
    pub(crate) fn settings(&self) -> Vec<(String, String)> {
        let Some(StoreServers { users, events, tokens }) = self.0.as_deref() else { return Vec::new() };
        let tokens_url = ("TOKEN_DB_URL", tokens.url());
        let events_url = ("EVENT_DB_URL", events.fresh_url());
        let settings = match users {
            UserServer::Mongo(server) => [("USER_DB_URL", server.fresh_url()), events_url, tokens_url],
            UserServer::Postgres(server) => [("USER_DB_URL", server.url("postgres")), events_url, tokens_url],
            UserServer::WithEvents => [
                ("MONGODB_URI", events.uri().to_owned()),
                ("REDIS_HOST", "127.0.0.1".to_owned()),
                ("REDIS_PORT", tokens.port().to_string()),
            ],
        };
        settings.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// `kill -9`; its data stays.
    pub fn kill(&mut self, store: Store) {
        let StoreServers { users, events, tokens } = self.real();
        match (store, users) {
            (Store::Users, UserServer::Mongo(server)) => server.kill(),
            (Store::Users, UserServer::Postgres(server)) => server.kill(),
            (Store::Users, UserServer::WithEvents) | (Store::Events, _) => events.kill(),
            (Store::Tokens, _) => tokens.kill(),
        }
    }

    /// After [`Servers::kill`], on the same port and data.
    pub fn restart(&mut self, store: Store) {
        let StoreServers { users, events, tokens } = self.real();
        match (store, users) {
            (Store::Users, UserServer::Mongo(server)) => server.restart(),
            (Store::Users, UserServer::Postgres(server)) => server.restart(),
            (Store::Users, UserServer::WithEvents) | (Store::Events, _) => events.restart(),
            (Store::Tokens, _) => tokens.restart(),
        }
    }

    /// Leaves it accepting connections without ever answering.
    pub fn freeze(&mut self, store: Store) {
        let StoreServers { users, events, tokens } = self.real();
        match (store, users) {
            (Store::Users, UserServer::Mongo(server)) => server.freeze(),
            (Store::Users, UserServer::Postgres(server)) => server.freeze(),
            (Store::Users, UserServer::WithEvents) | (Store::Events, _) => events.freeze(),
            (Store::Tokens, _) => tokens.freeze(),
        }
    }

    /// Ends [`Servers::freeze`].
    pub fn thaw(&mut self, store: Store) {
        let StoreServers { users, events, tokens } = self.real();
        match (store, users) {
            (Store::Users, UserServer::Mongo(server)) => server.thaw(),
            (Store::Users, UserServer::Postgres(server)) => server.thaw(),
            (Store::Users, UserServer::WithEvents) | (Store::Events, _) => events.thaw(),
            (Store::Tokens, _) => tokens.thaw(),
        }
    }

    fn real(&mut self) -> &mut StoreServers {
        self.0.as_mut().expect("embedded stores have no servers")
    }
}
