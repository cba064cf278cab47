//! Which store a URL means.

use std::path::PathBuf;

use crate::settings::{Secret, StoreSettings};

/// Where users or events are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Database {
    /// A file on this machine.
    Sqlite(PathBuf),
}

/// Where access tokens are kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TokenDatabase {
    /// In the memory of the auth process.
    Memory,
}

/// The URL means no store this program has. Only the scheme is named: the rest may hold a password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} has the scheme {scheme:?}; known: {known}")]
pub(crate) struct UnknownStore {
    variable: &'static str,
    scheme: String,
    known: &'static str,
}

impl StoreSettings {
    /// Where users and refresh tokens are kept.
    pub(crate) fn user_db(&self) -> Result<Database, UnknownStore> {
        self.database("USER_DB_URL", self.user_db_url.as_ref(), "user.db")
    }

    /// Where events, rewards and requests are kept.
    pub(crate) fn event_db(&self) -> Result<Database, UnknownStore> {
        self.database("EVENT_DB_URL", self.event_db_url.as_ref(), "event.db")
    }

    /// Where access tokens are kept.
    pub(crate) fn token_db(&self) -> Result<TokenDatabase, UnknownStore> {
        match self.token_db_url.as_ref().map(|url| url.0.as_str()) {
            None | Some("memory:") => Ok(TokenDatabase::Memory),
            Some(url) => Err(unknown("TOKEN_DB_URL", url, "memory:")),
        }
    }

    fn database(
        &self,
        variable: &'static str,
        url: Option<&Secret>,
        file: &str,
    ) -> Result<Database, UnknownStore> {
        let Some(Secret(url)) = url else {
            return Ok(Database::Sqlite(self.data_dir.join(file)));
        };
        match url.strip_prefix("sqlite:") {
            Some(path) if !path.is_empty() => {
                Ok(Database::Sqlite(path.strip_prefix("//").unwrap_or(path).into()))
            }
            _ => Err(unknown(variable, url, "sqlite:<path>")),
        }
    }
}

fn unknown(variable: &'static str, url: &str, known: &'static str) -> UnknownStore {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    UnknownStore { variable, scheme: scheme.chars().take(20).collect(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(user_db_url: Option<&str>) -> StoreSettings {
        StoreSettings {
            data_dir: "data".into(),
            user_db_url: user_db_url.map(|url| Secret(url.to_owned())),
            event_db_url: None,
            token_db_url: None,
            jwt_secret: None,
        }
    }

    #[test]
    fn without_a_url_the_store_is_a_file_in_the_data_folder() {
        assert_eq!(settings(None).user_db(), Ok(Database::Sqlite("data/user.db".into())));
        assert_eq!(settings(None).event_db(), Ok(Database::Sqlite("data/event.db".into())));
    }

    #[test]
    fn sqlite_paths_may_be_relative_or_absolute() {
        for (url, path) in
            [("sqlite:u.db", "u.db"), ("sqlite:///var/u.db", "/var/u.db"), ("sqlite:/u.db", "/u.db")]
        {
            assert_eq!(settings(Some(url)).user_db(), Ok(Database::Sqlite(path.into())), "{url}");
        }
    }

    #[test]
    fn an_unknown_scheme_is_named_with_its_variable_but_never_the_password() {
        let error = settings(Some("oracle://me:hunter2@db/users")).user_db().unwrap_err().to_string();
        assert!(error.contains("USER_DB_URL") && error.contains("\"oracle\""), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}
