//! Which store a URL means, and which variable says so.

use std::path::PathBuf;

use domain::Secret;

use crate::{assembly::Topology, settings::StoreSettings};

/// A store outside this process.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct External {
    /// The variable that names it, for messages.
    pub(crate) variable: &'static str,
    /// Where it is. It may hold a password.
    pub(crate) url: Secret<String>,
    /// The database, where the variable decides it and not the URL.
    pub(crate) database: Option<&'static str>,
}

/// The file of an embedded store.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedFile {
    /// What operators call the store.
    pub(crate) store: &'static str,
    pub(crate) path: PathBuf,
}

/// Where users are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum UserDatabase {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// PostgreSQL.
    Postgres(External),
    /// MongoDB.
    Mongo(External),
}

/// Where events are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EventDatabase {
    /// A file on this machine.
    Sqlite(PathBuf),
    /// MongoDB.
    Mongo(External),
}

/// Where access tokens are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenDatabase {
    /// In the memory of the auth process.
    Memory,
    /// Redis: one server, a cluster, or a master that sentinels look after.
    Redis(External),
}

/// The URL means no store this program has. It is not repeated: it may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} {fault}")]
pub(crate) struct UnknownStore {
    variable: &'static str,
    fault: StoreUrlFault,
}

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum StoreUrlFault {
    #[error("has the scheme {scheme:?}; known: {known}")]
    Scheme { scheme: String, known: &'static str },
    #[error("takes a plain path after sqlite:, and no :memory:, file: or query string")]
    SqlitePath,
}

impl UnknownStore {
    /// The same, of a URL that a command's flag holds and not a variable.
    pub(crate) fn of(self, flag: &'static str) -> Self {
        Self { variable: flag, ..self }
    }
}

const MONGO: [&str; 2] = ["mongodb", "mongodb+srv"];
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
const REDIS: [&str; 6] =
    ["redis", "rediss", "redis+cluster", "rediss+cluster", "redis+sentinel", "rediss+sentinel"];

impl StoreSettings {
    /// Where users and refresh tokens are kept.
    pub(crate) fn user_db(&self) -> Result<UserDatabase, UnknownStore> {
        let variable = "USER_DB_URL";
        let Some(url) = &self.user_db_url else {
            return Ok(match self.specified_mongo("user-db") {
                Some(mongo) => UserDatabase::Mongo(mongo),
                None => UserDatabase::Sqlite(self.data_dir.join("user.db")),
            });
        };
        let external = || External { variable, url: url.clone(), database: None };
        match url.expose().split_once(':') {
            Some((scheme, _)) if MONGO.contains(&scheme) => Ok(UserDatabase::Mongo(external())),
            Some((scheme, _)) if POSTGRES.contains(&scheme) => Ok(UserDatabase::Postgres(external())),
            Some(("sqlite", path)) => sqlite_file(variable, path).map(UserDatabase::Sqlite),
            _ => Err(unknown(variable, url, "mongodb://…, postgres://…, sqlite:PATH")),
        }
    }

    /// Where events, rewards and requests are kept.
    pub(crate) fn event_db(&self) -> Result<EventDatabase, UnknownStore> {
        let variable = "EVENT_DB_URL";
        let Some(url) = &self.event_db_url else {
            return Ok(match self.specified_mongo("event-db") {
                Some(mongo) => EventDatabase::Mongo(mongo),
                None => EventDatabase::Sqlite(self.data_dir.join("event.db")),
            });
        };
        match url.expose().split_once(':') {
            Some((scheme, _)) if MONGO.contains(&scheme) => {
                Ok(EventDatabase::Mongo(External { variable, url: url.clone(), database: None }))
            }
            Some(("sqlite", path)) => sqlite_file(variable, path).map(EventDatabase::Sqlite),
            _ => Err(unknown(variable, url, "mongodb://…, sqlite:PATH")),
        }
    }

    /// Where access tokens are kept.
    pub(crate) fn token_db(&self) -> Result<TokenDatabase, UnknownStore> {
        let variable = "TOKEN_DB_URL";
        match (&self.token_db_url, &self.redis_host) {
            (None, None) => Ok(TokenDatabase::Memory),
            (None, Some(host)) => {
                let url = Secret::new(format!("redis://{}:{}", host.url_host(), self.redis_port));
                Ok(TokenDatabase::Redis(External { variable: "REDIS_HOST", url, database: None }))
            }
            (Some(url), _) => match url.expose().split_once(':') {
                Some(("memory", "")) => Ok(TokenDatabase::Memory),
                Some((scheme, _)) if REDIS.contains(&scheme) => {
                    Ok(TokenDatabase::Redis(External { variable, url: url.clone(), database: None }))
                }
                _ => Err(unknown(variable, url, "redis://…, rediss://…, memory:")),
            },
        }
    }

    /// A variable that names a store outside this process, if there is one: then the secret must be given.
    pub(crate) fn first_external(&self) -> Result<Option<&'static str>, UnknownStore> {
        let external = match (self.user_db()?, self.event_db()?, self.token_db()?) {
            (UserDatabase::Postgres(external) | UserDatabase::Mongo(external), ..)
            | (_, EventDatabase::Mongo(external), _)
            | (.., TokenDatabase::Redis(external)) => Some(external.variable),
            (UserDatabase::Sqlite(_), EventDatabase::Sqlite(_), TokenDatabase::Memory) => None,
        };
        Ok(external)
    }

    /// The files of the embedded stores that a process of this topology serves.
    pub(crate) fn embedded_files(&self, topology: Topology) -> Result<Vec<EmbeddedFile>, UnknownStore> {
        let (auth, event) = match topology {
            Topology::All => (true, true),
            Topology::Auth => (true, false),
            Topology::Event => (false, true),
            Topology::Gateway => (false, false),
        };
        let mut files = Vec::new();
        if auth && let UserDatabase::Sqlite(path) = self.user_db()? {
            files.push(EmbeddedFile { store: "user-db", path });
        }
        if event && let EventDatabase::Sqlite(path) = self.event_db()? {
            files.push(EmbeddedFile { store: "event-db", path });
        }
        Ok(files)
    }

    /// The specification's variable: one server, a database for each service.
    fn specified_mongo(&self, database: &'static str) -> Option<External> {
        let url = self.mongodb_uri.clone()?;
        Some(External { variable: "MONGODB_URI", url, database: Some(database) })
    }
}

/// SQLite itself would take more than a path, but what is in memory is lost, and other files than those created here are
/// not private.
fn sqlite_file(variable: &'static str, path: &str) -> Result<PathBuf, UnknownStore> {
    let file = path.strip_prefix("//").unwrap_or(path);
    let plain = !file.is_empty() && !file.starts_with([':', ' ']) && !file.starts_with("file:");
    if !plain || file.contains(['?', '\0']) || file.ends_with('/') {
        return Err(UnknownStore { variable, fault: StoreUrlFault::SqlitePath });
    }
    Ok(file.into())
}

fn unknown(variable: &'static str, url: &Secret<String>, known: &'static str) -> UnknownStore {
    let scheme = url.expose().split_once(':').map_or("", |(scheme, _)| scheme);
    UnknownStore {
        variable,
        fault: StoreUrlFault::Scheme { scheme: scheme.chars().take(20).collect(), known },
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Nothing is set but the data folder.
    pub(crate) fn embedded_stores() -> StoreSettings {
        StoreSettings {
            data_dir: "data".into(),
            user_db_url: None,
            event_db_url: None,
            token_db_url: None,
            mongodb_uri: None,
            redis_host: None,
            redis_port: 6379,
        }
    }

    #[allow(clippy::unnecessary_wraps, reason = "settings are optional")]
    fn secret(text: &str) -> Option<Secret<String>> {
        Some(Secret::new(text.to_owned()))
    }

    fn external(variable: &'static str, url: &str, database: Option<&'static str>) -> External {
        External { variable, url: Secret::new(url.to_owned()), database }
    }

    #[test]
    fn without_a_url_the_stores_are_embedded_in_the_data_folder() {
        assert_eq!(embedded_stores().user_db(), Ok(UserDatabase::Sqlite("data/user.db".into())));
        assert_eq!(embedded_stores().event_db(), Ok(EventDatabase::Sqlite("data/event.db".into())));
        assert_eq!(embedded_stores().token_db(), Ok(TokenDatabase::Memory));
        assert_eq!(embedded_stores().first_external(), Ok(None));
    }

    #[test]
    fn sqlite_paths_may_be_relative_or_absolute() {
        for (url, path) in
            [("sqlite:u.db", "u.db"), ("sqlite:///var/u.db", "/var/u.db"), ("sqlite:/u.db", "/u.db")]
        {
            let settings =
                StoreSettings { user_db_url: secret(url), event_db_url: secret(url), ..embedded_stores() };
            assert_eq!(settings.user_db(), Ok(UserDatabase::Sqlite(path.into())), "{url}");
            assert_eq!(settings.event_db(), Ok(EventDatabase::Sqlite(path.into())), "{url}");
        }
    }

    #[test]
    fn sqlite_takes_a_plain_path_and_nothing_that_sqlite_itself_would_read_into_it() {
        for url in [
            "sqlite:",
            "sqlite::memory:",
            "sqlite://:memory:",
            "sqlite:file:u.db",
            "sqlite:u.db?mode=rwc",
            "sqlite://u.db?mode=memory",
            "sqlite:data/",
        ] {
            let settings =
                StoreSettings { user_db_url: secret(url), event_db_url: secret(url), ..embedded_stores() };
            for (variable, error) in [
                ("USER_DB_URL", settings.user_db().unwrap_err().to_string()),
                ("EVENT_DB_URL", settings.event_db().unwrap_err().to_string()),
            ] {
                assert!(error.contains(variable) && error.contains("plain path"), "{url}: {error}");
            }
        }
    }

    #[test]
    fn the_specifications_variables_name_databases_of_their_own() {
        let settings = StoreSettings {
            mongodb_uri: secret("mongodb://m"),
            redis_host: Some("r".parse().unwrap()),
            ..embedded_stores()
        };
        let mongo = |database| external("MONGODB_URI", "mongodb://m", Some(database));
        assert_eq!(settings.user_db(), Ok(UserDatabase::Mongo(mongo("user-db"))));
        assert_eq!(settings.event_db(), Ok(EventDatabase::Mongo(mongo("event-db"))));
        let redis = external("REDIS_HOST", "redis://r:6379", None);
        assert_eq!(settings.token_db(), Ok(TokenDatabase::Redis(redis)));
    }

    #[test]
    fn a_url_goes_before_the_specifications_variables() {
        let settings = StoreSettings {
            user_db_url: secret("postgres://p/users"),
            event_db_url: secret("mongodb+srv://e/events"),
            token_db_url: secret("rediss+cluster://a:1,b:2"),
            mongodb_uri: secret("mongodb://m"),
            redis_host: Some("r".parse().unwrap()),
            ..embedded_stores()
        };
        let users = external("USER_DB_URL", "postgres://p/users", None);
        assert_eq!(settings.user_db(), Ok(UserDatabase::Postgres(users)));
        let events = external("EVENT_DB_URL", "mongodb+srv://e/events", None);
        assert_eq!(settings.event_db(), Ok(EventDatabase::Mongo(events)));
        let tokens = external("TOKEN_DB_URL", "rediss+cluster://a:1,b:2", None);
        assert_eq!(settings.token_db(), Ok(TokenDatabase::Redis(tokens)));
        assert_eq!(settings.first_external(), Ok(Some("USER_DB_URL")));
        let settings = StoreSettings {
            token_db_url: secret("memory:"),
            redis_host: Some("r".parse().unwrap()),
            ..embedded_stores()
        };
        assert_eq!(settings.token_db(), Ok(TokenDatabase::Memory));
    }

    #[test]
    fn an_unknown_scheme_is_named_with_its_variable_but_never_the_password() {
        let url = secret("oracle://me:hunter2@db/users");
        let settings = StoreSettings {
            user_db_url: url.clone(),
            event_db_url: url.clone(),
            token_db_url: url,
            ..embedded_stores()
        };
        let errors = [
            ("USER_DB_URL", settings.user_db().unwrap_err().to_string()),
            ("EVENT_DB_URL", settings.event_db().unwrap_err().to_string()),
            ("TOKEN_DB_URL", settings.token_db().unwrap_err().to_string()),
        ];
        for (variable, error) in errors {
            assert!(error.contains(variable) && error.contains("\"oracle\""), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let postgres = StoreSettings { event_db_url: secret("postgres://x"), ..embedded_stores() };
        assert!(postgres.event_db().unwrap_err().to_string().contains("mongodb://…, sqlite:PATH"));
    }
}
