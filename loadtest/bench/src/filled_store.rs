//! A system that holds a given number of requests, as many users would have made them.

use std::path::Path;

use rusqlite::{Connection, params_from_iter};

use crate::{
    api_client::Member,
    bench_error::BenchResult,
    copied_row::{CopiedRow, schema_of},
    guerdon_system::{GuerdonSystem, Topology},
    raw_sqlite::CLAIMS,
};

/// Requests that each user has made.
const REQUESTS_OF_USER: u64 = 5;
/// Events they were made for.
const EVENTS: u64 = 200;

/// A running system with its data.
#[derive(Debug)]
pub(crate) struct FilledStore {
    pub(crate) system: GuerdonSystem,
    pub(crate) stored: u64,
    pub(crate) members: Vec<Member>,
}

impl FilledStore {
    /// Starts a system in this folder, with so many requests in its file and so many users who can log in. These lie far
    /// apart among all who have made requests.
    pub(crate) async fn create(
        program: &Path,
        folder: &Path,
        stored: u64,
        members: usize,
    ) -> BenchResult<Self> {
        std::fs::create_dir_all(folder)?;
        let mut system = GuerdonSystem::start(program, folder, Topology::All, &[]).await?;
        let first = system.api.members("first", 1).await?.remove(0);
        let admin = system.admin().await?;
        let event = system.api.events(&admin.token, 1).await?.remove(0);
        system.api.claim(&first.token, &event).await?;
        system.pause()?;
        fill_requests(&system.database("event.db"), stored)?;
        let emails = add_members(&system.database("user.db"), stored / REQUESTS_OF_USER, members as u64)?;
        system.resume().await?;
        let members = system.api.log_in_all(&emails).await?;
        Ok(Self { system, stored, members })
    }

    /// An event that was claimed, in turn.
    pub(crate) fn event(number: u64) -> String {
        scattered_id(0x0e0e, number % EVENTS)
    }

    /// The id of a request that is stored, spread over all.
    pub(crate) fn request(&self, number: u64) -> String {
        ascending_id(number * 7919 % self.stored)
    }
}

/// Nobody else has the file open. Indexes are built when the rows are there, which takes a fraction of the time.
fn fill_requests(database: &Path, stored: u64) -> BenchResult<()> {
    let row = CopiedRow::read_one(database, CLAIMS)?;
    let mut connection = Connection::open(database)?;
    connection.pragma_update(None, "journal_mode", "memory")?;
    connection.pragma_update(None, "synchronous", "off")?;
    connection.pragma_update(None, "cache_size", -1_000_000)?;
    let indexes = schema_of(&connection, CLAIMS, true)?;
    let transaction = connection.transaction()?;
    for (name, _) in &indexes {
        transaction.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    let mut statement = transaction.prepare(&row.insert_statement())?;
    for number in 0..stored {
        let (user, turn) = (number / REQUESTS_OF_USER, number % REQUESTS_OF_USER);
        let (id, user_id) = (ascending_id(number), user_id(user));
        // No user has claimed one event twice.
        let event = FilledStore::event(user + turn * (EVENTS / REQUESTS_OF_USER));
        let changed = [("id", id.as_str()), ("user_id", &user_id), ("event_id", &event)];
        statement.execute(params_from_iter(row.with(&changed)))?;
    }
    drop(statement);
    for (_, sql) in &indexes {
        transaction.execute_batch(sql)?;
    }
    transaction.commit()?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    Ok(())
}

/// Some of the users who have made the requests, with the usual password and the role USER. Their addresses.
fn add_members(database: &Path, users: u64, members: u64) -> BenchResult<Vec<String>> {
    let hash: String = Connection::open(database)?.query_one(
        "SELECT password_hash FROM users WHERE email = 'first0@example.com'",
        [],
        |row| row.get(0),
    )?;
    let row = CopiedRow::read_one(database, "users")?;
    let connection = Connection::open(database)?;
    let mut emails = Vec::new();
    for number in 0..members {
        let (id, email) = (user_id(number * users / members), format!("member{number}@example.com"));
        let changed = [("id", id.as_str()), ("email", &email), ("password_hash", &hash)];
        connection.execute(&row.insert_statement(), params_from_iter(row.with(&changed)))?;
        connection.execute("UPDATE users SET roles = 1 WHERE id = ?", [&id])?;
        emails.push(email);
    }
    Ok(emails)
}

fn user_id(number: u64) -> String {
    scattered_id(0x05e5, number)
}

/// Ids as of requests made one after the other.
fn ascending_id(number: u64) -> String {
    format!("60{number:022x}")
}

/// Ids that lie anywhere, as those of users who registered at any time. (The mixing of `SplitMix64`.)
pub(crate) fn scattered_id(kind: u16, number: u64) -> String {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // Times in this century, so that ids are as plausible as any.
    format!("{:02x}{:014x}{kind:04x}{:04x}", 0x5a + mixed % 12, mixed >> 8, mixed & 0xffff)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_scattered_and_have_the_form_of_ids() {
        let ids: Vec<_> = (0..10_000).map(user_id).collect();
        assert!(ids.iter().all(|id| id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
        assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
        assert!(!ids.is_sorted() && (0..100).map(ascending_id).is_sorted());
    }

    #[test]
    fn no_user_claims_an_event_twice() {
        for user in 0..1000 {
            let events = (0..REQUESTS_OF_USER)
                .map(|turn| FilledStore::event(user + turn * (EVENTS / REQUESTS_OF_USER)));
            assert_eq!(events.collect::<HashSet<_>>().len() as u64, REQUESTS_OF_USER);
        }
    }
}
