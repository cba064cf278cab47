//! `guerdon audit`: proves an audit log, or shows its end.

mod head;
mod verify;

use std::sync::Arc;

use auth::store::AuditStore;
use clap::{Args, Subcommand, ValueEnum};
use store_kit::connection::StoreConnection;

use self::{head::ShowHead, verify::VerifyLog};
use super::Outcome;
use crate::{settings::StoreSettings, store_url::UserDatabase, stores::open_user_db};

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
            ChosenLog::Users => "users",
        }
    }

    /// The log, and what is to be closed. The services may run meanwhile.
    async fn open(&self) -> Result<(Arc<dyn AuditStore>, Arc<dyn StoreConnection>), Failed> {
        match self.log {
            ChosenLog::Users => {
                // Opening an embedded store creates it, and an empty log would look like a whole one.
                if let UserDatabase::Sqlite(file) = self.stores.user_db()?
                    && !file.is_file()
                {
                    return Err(format!("there is no {}", file.display()).into());
                }
                let stores = open_user_db(&self.stores).await?;
                Ok((stores.audit, stores.connection))
            }
        }
    }
}
