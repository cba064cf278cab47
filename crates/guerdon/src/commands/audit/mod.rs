//! `guerdon audit`: proves an audit log, or shows its end.

mod head;
mod verify;

use std::{path::Path, sync::Arc};

use auth::store::AuditStore;
use clap::{Args, Subcommand, ValueEnum};
use store_kit::{audit::AuditLogName, connection::StoreConnection};

use self::{head::ShowHead, verify::VerifyLog};
use super::Outcome;
use crate::{
    settings::StoreSettings,
    store_url::{EventDatabase, UserDatabase},
    stores::{open_event_db, open_user_db},
};

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Prove that no entry of a log was changed, removed or reordered, or name the first one that is wrong
    Verify(Box<VerifyLog>),
    /// Print the end of a log, SEQUENCE:HASH, to be kept elsewhere
    Head(Box<ShowHead>),
}

/// Which log. There is one in each database.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChosenLog {
    /// Changes of users and API keys, in user-db
    Users,
    /// Changes of events, decisions on requests and attributes, in event-db
    Events,
}

#[derive(Debug, Args)]
struct LogPlace {
    /// Which log
    #[arg(value_enum)]
    log: ChosenLog,
    #[command(flatten)]
    stores: StoreSettings,
}

impl AuditCommand {
    pub(crate) async fn run(self) -> Outcome {
        match self {
            Self::Verify(verify) => verify.run().await,
            Self::Head(head) => head.run().await,
        }
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl LogPlace {
    fn name(&self) -> &'static str {
        match self.log {
            ChosenLog::Users => AuditLogName::Users.name(),
            ChosenLog::Events => AuditLogName::Events.name(),
        }
    }

    /// The log, and what is to be closed. The services may run meanwhile.
    async fn open(&self) -> Result<(Arc<dyn AuditStore>, Arc<dyn StoreConnection>), Failed> {
        match self.log {
            ChosenLog::Users => {
                if let UserDatabase::Sqlite(file) = self.stores.user_db()? {
                    must_exist(&file)?;
                }
                let stores = open_user_db(&self.stores).await?;
                Ok((stores.audit, stores.connection))
            }
            ChosenLog::Events => {
                if let EventDatabase::Sqlite(file) = self.stores.event_db()? {
                    must_exist(&file)?;
                }
                let stores = open_event_db(&self.stores).await?;
                Ok((stores.audit, stores.connection))
            }
        }
    }
}

/// Opening an embedded store creates it, and an empty log would look like a whole one.
fn must_exist(file: &Path) -> Result<(), Failed> {
    if file.is_file() { Ok(()) } else { Err(format!("there is no {}", file.display()).into()) }
}
