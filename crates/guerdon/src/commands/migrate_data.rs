//! Copies an installation's data from one store to another: from the embedded files to MongoDB, or the other way.

mod collection;
mod compare;
mod copy;
mod place;

use std::{collections::BTreeSet, sync::Arc};

use clap::Args;
use domain::Secret;
use store_kit::connection::StoreConnection;

use self::{collection::Collection, place::Side};
use super::Outcome;
use crate::{assembly::system_clock, store_lock::StoreLock, stores::close_stores};

/// Copy users, API keys, the audit log, events, rewards and requests to another store
///
/// Both sides are read first: if the target holds anything that the source does not, nothing is written. What is there
/// already is left alone, so the command can be repeated, and goes on where it was cut off. When all is copied, both sides
/// are read again and compared by count and hash. A row that cannot be read is left behind and named; the others are
/// copied, and the command fails in the end. Stop the services first: what changes meanwhile fails the comparison.
/// Sessions are not copied: users log in again.
#[derive(Debug, Args)]
pub(crate) struct MigrateData {
    /// Where the data is: a data folder, or mongodb://… for its databases user-db and event-db
    #[arg(long, env = "MIGRATE_FROM", hide_env_values = true)]
    #[arg(required_unless_present_all = ["from_user_db", "from_event_db"])]
    from: Option<Secret<String>>,
    /// Where it shall go, in the same form
    #[arg(long, env = "MIGRATE_TO", hide_env_values = true)]
    #[arg(required_unless_present_all = ["to_user_db", "to_event_db"])]
    to: Option<Secret<String>>,
    /// Where the users are, if elsewhere: mongodb://…, postgres://… or sqlite:PATH
    #[arg(long, env = "MIGRATE_FROM_USER_DB", hide_env_values = true)]
    from_user_db: Option<Secret<String>>,
    /// Where the users shall go, if elsewhere
    #[arg(long, env = "MIGRATE_TO_USER_DB", hide_env_values = true)]
    to_user_db: Option<Secret<String>>,
    /// Where events, rewards and requests are, if elsewhere: mongodb://… or sqlite:PATH
    #[arg(long, env = "MIGRATE_FROM_EVENT_DB", hide_env_values = true)]
    from_event_db: Option<Secret<String>>,
    /// Where events, rewards and requests shall go, if elsewhere
    #[arg(long, env = "MIGRATE_TO_EVENT_DB", hide_env_values = true)]
    to_event_db: Option<Secret<String>>,
}

impl MigrateData {
    pub(crate) async fn run(self) -> Outcome {
        let from = Side::new(
            ["--from", "--from-user-db", "--from-event-db"],
            [self.from, self.from_user_db, self.from_event_db],
        )?;
        let to = Side::new(
            ["--to", "--to-user-db", "--to-event-db"],
            [self.to, self.to_user_db, self.to_event_db],
        )?;
        let _locks = lock_stores(&from, &to)?;
        let (pairs, connections) = open_collections(&from, &to).await?;
        let outcome = copy_all(pairs).await;
        close_stores(&connections).await;
        outcome
    }
}

async fn copy_all(pairs: Vec<(Collection, Collection)>) -> Outcome {
    let mut plan = Vec::new();
    for (from, to) in pairs {
        let found = compare::compare(&from, &to, None).await?;
        // Before anything is written: half of an installation in a store with other data helps nobody.
        found.must_be_part_of_the_source()?;
        plan.push((from, to, found));
    }
    if plan.iter().all(|(.., found)| found.is_empty()) {
        return Err("the source holds nothing. Is it the right place?".into());
    }
    let (mut copied, mut unreadable, mut broken) = (0, Vec::new(), Vec::new());
    for (from, to, found) in plan {
        copied += copy::copy(&from, &to, found).await?;
        broken.extend(to.audit_fault().await?);
        unreadable.extend(from.unreadable_rows());
        unreadable.extend(to.unreadable_rows());
    }
    if !unreadable.is_empty() {
        let rows = unreadable.join("\n  ");
        return Err(format!(
            "everything else is copied, but these rows cannot be read and were left behind:\n  {rows}"
        )
        .into());
    }
    if let Some(fault) = broken.first() {
        return Err(format!("everything is copied, but the audit log was not whole before: {fault}").into());
    }
    println!(
        "{}",
        match copied {
            0 => "Nothing was missing: both sides hold the same.",
            _ => "Everything is copied. Point the services at the new stores and start them.",
        }
    );
    Ok(())
}

/// Keeps services from starting on an embedded store meanwhile, and refuses while one runs.
fn lock_stores(from: &Side, to: &Side) -> Result<Vec<StoreLock>, Box<dyn std::error::Error + Send + Sync>> {
    // One may be on both sides.
    let files: BTreeSet<_> = from.existing_files()?.into_iter().chain(to.existing_files()?).collect();
    let clock = system_clock();
    files.iter().map(|file| Ok(StoreLock::acquire(file, "migrate-data", &*clock)?)).collect()
}

/// Pairs of collections with the same content, and the stores they are in.
type OpenedPairs = (Vec<(Collection, Collection)>, Vec<Arc<dyn StoreConnection>>);

/// What has to be copied, in the order in which it may be: what others refer to comes first.
async fn open_collections(
    from: &Side,
    to: &Side,
) -> Result<OpenedPairs, Box<dyn std::error::Error + Send + Sync>> {
    let mut opened = Vec::new();
    if !from.has_the_user_db_of(to)? {
        opened.push((from.users(true).await?, to.users(false).await?));
    }
    if !from.has_the_event_db_of(to)? {
        opened.push((from.events(true).await?, to.events(false).await?));
    }
    if opened.is_empty() {
        return Err("the source and the target are the same".into());
    }
    let (mut pairs, mut connections) = (Vec::new(), Vec::new());
    for (from, to) in opened {
        pairs.extend(from.collections.into_iter().zip(to.collections));
        connections.extend([from.connection, to.connection]);
    }
    Ok((pairs, connections))
}
