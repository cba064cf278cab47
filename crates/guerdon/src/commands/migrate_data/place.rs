use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use domain::Secret;
use store_kit::{audit::AuditLogName, connection::StoreConnection};

use super::{
    super::Outcome,
    collection::{Collection, Table},
};
use crate::{
    settings::StoreSettings,
    store_url::{EventDatabase, UnknownStore, UserDatabase},
    stores::{StoresError, open_event_db, open_user_db},
};

/// The source or the target, and the flags that name its databases.
pub(super) struct Side {
    settings: StoreSettings,
    user_db_flag: &'static str,
    event_db_flag: &'static str,
}

/// A database of one side.
pub(super) struct OpenedStore {
    /// What is in it.
    pub(super) collections: Vec<Collection>,
    /// To be closed in the end.
    pub(super) connection: Arc<dyn StoreConnection>,
}

impl Side {
    /// From the values of three flags: one for both databases, one for users and one for events.
    pub(super) fn new(
        [flag, user_db, event_db]: [&'static str; 3],
        [place, user_db_url, event_db_url]: [Option<Secret<String>>; 3],
    ) -> Result<Self, String> {
        let [place, user_db_url, event_db_url] =
            [place, user_db_url, event_db_url].map(|url| url.map(patient));
        let (mut data_dir, mut mongodb_uri) = (PathBuf::new(), None);
        if let Some(place) = place {
            match read(place.expose()) {
                Some(Place::Folder(folder)) => data_dir = folder,
                Some(Place::Mongo) => mongodb_uri = Some(place),
                None => return Err(format!("{flag} must be a data folder or mongodb://…")),
            }
        }
        Ok(Self {
            user_db_flag: if user_db_url.is_some() { user_db } else { flag },
            event_db_flag: if event_db_url.is_some() { event_db } else { flag },
            settings: StoreSettings {
                data_dir,
                user_db_url,
                event_db_url,
                token_db_url: None,
                mongodb_uri,
                redis_host: None,
                redis_port: 0,
            },
        })
    }

    /// The users of this side, the API keys and their audit log. As a source it must be there, and gives
    /// every change its place in the log first: drafts are not copied.
    pub(super) async fn users(&self, source: bool) -> Result<OpenedStore, Box<Failed>> {
        let named = |error: StoresError| error.of(self.user_db_flag);
        if let UserDatabase::Sqlite(path) = self.user_db()?
            && source
        {
            must_exist(&path)?;
        }
        let users = open_user_db(&self.settings).await.map_err(named)?;
        while source && users.audit.chain_drafts().await? > 0 {}
        Ok(OpenedStore {
            collections: vec![
                Collection::new(Table::Users(users.transfer)),
                Collection::new(Table::ApiKeys(users.key_transfer)),
                Collection::new(Table::AuditLog(AuditLogName::Users, users.audit)),
            ],
            connection: users.connection,
        })
    }

    /// Everything in this side's event-db, its audit log last. As a source it must be there, and gives every
    /// change its place in the log first: drafts are not copied.
    pub(super) async fn events(&self, source: bool) -> Result<OpenedStore, Box<Failed>> {
        let named = |error: StoresError| error.of(self.event_db_flag);
        if let EventDatabase::Sqlite(path) = self.event_db()?
            && source
        {
            must_exist(&path)?;
        }
        let stores = open_event_db(&self.settings).await.map_err(named)?;
        while source && stores.audit.chain_drafts().await? > 0 {}
        let tables = stores.transfer.tables().iter().cloned().map(Table::Events);
        let log = Table::AuditLog(AuditLogName::Events, stores.audit);
        Ok(OpenedStore {
            collections: tables.chain([log]).map(Collection::new).collect(),
            connection: stores.connection,
        })
    }

    /// The files of its embedded stores that are there.
    pub(super) fn existing_files(&self) -> Result<Vec<PathBuf>, UnknownStore> {
        let users = match self.user_db()? {
            UserDatabase::Sqlite(path) => Some(path),
            UserDatabase::Postgres(_) | UserDatabase::Mongo(_) => None,
        };
        let events = match self.event_db()? {
            EventDatabase::Sqlite(path) => Some(path),
            EventDatabase::Mongo(_) => None,
        };
        Ok(users.into_iter().chain(events).filter(|file| file.is_file()).collect())
    }

    pub(super) fn has_the_user_db_of(&self, other: &Self) -> Result<bool, UnknownStore> {
        Ok(self.user_db()? == other.user_db()?)
    }

    pub(super) fn has_the_event_db_of(&self, other: &Self) -> Result<bool, UnknownStore> {
        Ok(self.event_db()? == other.event_db()?)
    }

    fn user_db(&self) -> Result<UserDatabase, UnknownStore> {
        self.settings.user_db().map_err(|error| error.of(self.user_db_flag))
    }

    fn event_db(&self) -> Result<EventDatabase, UnknownStore> {
        self.settings.event_db().map_err(|error| error.of(self.event_db_flag))
    }
}

type Failed = dyn std::error::Error + Send + Sync;

enum Place {
    Folder(PathBuf),
    Mongo,
}

/// A URL of something else is not taken for a folder: as a target it would be created.
fn read(text: &str) -> Option<Place> {
    match text.split_once(':') {
        Some(("mongodb" | "mongodb+srv", rest)) if rest.starts_with("//") => Some(Place::Mongo),
        Some((scheme, _)) if !scheme.contains(['/', '.']) => None,
        _ if text.is_empty() => None,
        _ => Some(Place::Folder(text.into())),
    }
}

/// MongoDB's driver drops connections to a server that does not answer its monitor in time. Where requests are served that
/// is a second, which a server busy with taking or giving a whole database may miss.
fn patient(url: Secret<String>) -> Secret<String> {
    let options = url.expose().split_once('?').map(|(_, options)| options.to_ascii_lowercase());
    let Some(rest) =
        ["mongodb://", "mongodb+srv://"].iter().find_map(|scheme| url.expose().strip_prefix(scheme))
    else {
        return url;
    };
    let joint = match &options {
        Some(options) if options.contains("connecttimeoutms=") => return url,
        Some(options) if options.is_empty() => "",
        Some(_) => "&",
        None if rest.contains('/') => "?",
        None => "/?",
    };
    Secret::new(format!("{}{joint}connectTimeoutMS=30000", url.expose()))
}

/// Opening an embedded store creates it, and copying nothing from a mistyped folder would look like success.
fn must_exist(file: &Path) -> Outcome {
    if file.is_file() { Ok(()) } else { Err(format!("there is no {}", file.display()).into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn side(place: &str, user_db: Option<&str>, event_db: Option<&str>) -> Result<Side, String> {
        let place = Some(place).filter(|place| *place != "-").map(secret);
        Side::new(
            ["--to", "--to-user-db", "--to-event-db"],
            [place, user_db.map(secret), event_db.map(secret)],
        )
    }

    #[test]
    fn a_place_is_a_folder_or_a_mongodb_server() {
        for folder in ["data", "./data", "/var/lib/guerdon", "./a:b"] {
            let side = side(folder, None, None).unwrap();
            assert_eq!(side.user_db(), Ok(UserDatabase::Sqlite(Path::new(folder).join("user.db"))));
            assert_eq!(side.event_db(), Ok(EventDatabase::Sqlite(Path::new(folder).join("event.db"))));
        }
        for server in ["mongodb://host", "mongodb+srv://host/"] {
            let side = side(server, None, None).unwrap();
            assert!(matches!(side.user_db(), Ok(UserDatabase::Mongo(db)) if db.database == Some("user-db")));
            assert!(
                matches!(side.event_db(), Ok(EventDatabase::Mongo(db)) if db.database == Some("event-db"))
            );
        }
    }

    #[test]
    fn the_driver_is_told_to_be_patient_unless_the_url_says_otherwise() {
        for (url, patient_url) in [
            ("mongodb://host", "mongodb://host/?connectTimeoutMS=30000"),
            ("mongodb://me:pw@a,b/", "mongodb://me:pw@a,b/?connectTimeoutMS=30000"),
            ("mongodb+srv://host/db", "mongodb+srv://host/db?connectTimeoutMS=30000"),
            ("mongodb://host/?", "mongodb://host/?connectTimeoutMS=30000"),
            ("mongodb://host/?tls=true", "mongodb://host/?tls=true&connectTimeoutMS=30000"),
            ("mongodb://host/?connecttimeoutMS=5", "mongodb://host/?connecttimeoutMS=5"),
            ("postgres://host/db", "postgres://host/db"),
            ("data", "data"),
        ] {
            assert_eq!(patient(secret(url)).expose(), patient_url);
        }
    }

    #[test]
    fn anything_else_is_refused_by_its_flag_without_its_password() {
        for nonsense in ["", "postgres://me:hunter2@host/db", "mongodb:host", "sqlite:me:hunter2", "redis:x"]
        {
            let refused = side(nonsense, None, None).err().unwrap();
            assert!(refused.starts_with("--to must be") && !refused.contains("hunter2"), "{refused}");
        }
        let url = Some("oracle://me:hunter2@host");
        let refused = side("data", url, url).unwrap();
        for (error, flag) in [
            (refused.user_db().unwrap_err().to_string(), "--to-user-db"),
            (refused.event_db().unwrap_err().to_string(), "--to-event-db"),
        ] {
            assert!(error.starts_with(flag) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn databases_can_be_elsewhere_each_by_itself() {
        let whole = side("data", None, None).unwrap();
        let users = side("data", Some("postgres://host/users"), None).unwrap();
        assert!(!whole.has_the_user_db_of(&users).unwrap() && whole.has_the_event_db_of(&users).unwrap());
        let both = side("-", Some("sqlite:data/user.db"), Some("mongodb://host/events")).unwrap();
        assert!(whole.has_the_user_db_of(&both).unwrap() && !whole.has_the_event_db_of(&both).unwrap());
    }
}
