use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use audit::AuditEntry;
use auth::store::{ApiKeyRecord, ApiKeyTransfer, AuditStore, UserRecord, UserTransfer};
use event_store::{ExportedRow, RecordKey, TransferRecord, TransferTable};
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use serde::Serialize;
use store_kit::{
    audit::{AUDIT_LOG, AuditFault, AuditLogName, verify_log},
    error::StoreError,
    row::StoredRow,
};

/// How often a store that does not answer is tried again before the command gives up: a replica set may have to elect a
/// primary meanwhile.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);
/// Rows read in one step: many, since a step costs a server a search, and few enough for some megabytes.
const STEP: usize = 20_000;

/// One collection or table of a store.
pub(super) struct Collection {
    table: Table,
    /// What was found damaged, however often it was read.
    unreadable: Mutex<BTreeSet<String>>,
}

/// Where its rows come from and go to.
pub(super) enum Table {
    /// The users.
    Users(Arc<dyn UserTransfer>),
    /// The API keys.
    ApiKeys(Arc<dyn ApiKeyTransfer>),
    /// The audit log of a database.
    AuditLog(AuditLogName, Arc<dyn AuditStore>),
    /// A table of an event-db.
    Events(Arc<dyn TransferTable>),
}

/// Anything that is copied, whole.
#[derive(Clone, Serialize)]
#[serde(untagged)]
pub(super) enum CopiedRecord {
    User(UserRecord),
    ApiKey(ApiKeyRecord),
    Audit(AuditEntry),
    Event(TransferRecord),
}

impl CopiedRecord {
    pub(super) fn key(&self) -> RecordKey {
        match self {
            CopiedRecord::User(record) => record.user.id.0.into(),
            CopiedRecord::ApiKey(record) => record.key.id.0.into(),
            CopiedRecord::Audit(entry) => entry.key().into(),
            CopiedRecord::Event(record) => record.key(),
        }
    }
}

/// A row as it was found: it may be damaged.
struct FoundRow {
    key: Result<RecordKey, StoreError>,
    record: Result<CopiedRecord, StoreError>,
}

impl From<ExportedRow> for FoundRow {
    fn from(row: ExportedRow) -> Self {
        Self { key: row.key, record: row.record.map(CopiedRecord::Event) }
    }
}

impl From<StoredRow<UserRecord>> for FoundRow {
    fn from(row: StoredRow<UserRecord>) -> Self {
        Self { key: row.id.map(RecordKey::from), record: row.value.map(CopiedRecord::User) }
    }
}

impl From<StoredRow<ApiKeyRecord>> for FoundRow {
    fn from(row: StoredRow<ApiKeyRecord>) -> Self {
        Self { key: row.id.map(RecordKey::from), record: row.value.map(CopiedRecord::ApiKey) }
    }
}

impl From<StoredRow<AuditEntry>> for FoundRow {
    fn from(row: StoredRow<AuditEntry>) -> Self {
        Self { key: row.id.map(RecordKey::from), record: row.value.map(CopiedRecord::Audit) }
    }
}

impl Collection {
    pub(super) fn new(table: Table) -> Self {
        Self { table, unreadable: Mutex::default() }
    }

    pub(super) fn name(&self) -> &'static str {
        match &self.table {
            Table::Users(_) => "users",
            Table::ApiKeys(_) => "api_keys",
            Table::AuditLog(AuditLogName::Users, _) => AUDIT_LOG,
            Table::AuditLog(AuditLogName::Events, _) => "audit_log of events",
            Table::Events(table) => table.name(),
        }
    }

    /// The rows that could not be read so far, each by its table and id, with the reason.
    pub(super) fn unreadable_rows(&self) -> Vec<String> {
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// What is wrong with it as a whole, if it is an audit log. What cannot be read in it is told as of any
    /// other.
    pub(super) async fn audit_fault(&self) -> Result<Option<String>, StoreError> {
        let Table::AuditLog(_, log) = &self.table else { return Ok(None) };
        match verify_log(&**log, None).await {
            Ok(_) => Ok(None),
            Err(AuditFault::Store(error)) => Err(error),
            Err(fault) => Ok(Some(fault.to_string())),
        }
    }

    /// Everything with greater keys than `after`, ascending.
    pub(super) fn read(&self, after: Option<RecordKey>) -> CollectionReader<'_> {
        CollectionReader { collection: self, after, rows: self.export(after), failed: 0 }
    }

    /// Stores records of a collection of the same name, leaving those alone that are there.
    pub(super) async fn import(&self, records: &[CopiedRecord]) -> Result<(), StoreError> {
        let mut failed = 0;
        while let Err(error) = self.try_import(records).await {
            failed += 1;
            give_up_or_wait(failed, error).await?;
        }
        Ok(())
    }

    fn export(&self, after: Option<RecordKey>) -> BoxStream<'_, Result<FoundRow, StoreError>> {
        let steps = stream::try_unfold(Some(after), move |after| async move {
            let Some(after) = after else { return Ok::<_, StoreError>(None) };
            let rows = self.export_step(after).await?;
            let next = self.next_step(&rows)?.map(Some);
            Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
        });
        steps.try_flatten().boxed()
    }

    async fn export_step(&self, after: Option<RecordKey>) -> Result<Vec<FoundRow>, StoreError> {
        Ok(match &self.table {
            Table::Users(db) => {
                let rows = db.export(after.map(|key| key.id), STEP).await?;
                rows.into_iter().map(FoundRow::from).collect()
            }
            Table::ApiKeys(db) => {
                let rows = db.export_keys(after.map(|key| key.id), STEP).await?;
                rows.into_iter().map(FoundRow::from).collect()
            }
            Table::AuditLog(_, log) => {
                let rows = log.export_entries(after.map(|key| key.id), STEP).await?;
                rows.into_iter().map(FoundRow::from).collect()
            }
            Table::Events(table) => {
                table.export(after, STEP).await?.into_iter().map(FoundRow::from).collect()
            }
        })
    }

    /// After which key the step after these rows begins, unless they were the last.
    fn next_step(&self, rows: &[FoundRow]) -> Result<Option<RecordKey>, StoreError> {
        if rows.len() < STEP {
            return Ok(None);
        }
        let last = rows.iter().rev().find_map(|row| row.key.as_ref().ok().copied());
        let none_readable =
            || StoreError::corrupt(self.name(), format!("{STEP} rows in a row without a readable id"));
        last.map(Some).ok_or_else(none_readable)
    }

    async fn try_import(&self, records: &[CopiedRecord]) -> Result<(), StoreError> {
        let records = records.iter().cloned();
        match &self.table {
            Table::Users(db) => {
                let user = |record| if let CopiedRecord::User(user) = record { Some(user) } else { None };
                db.import(records.filter_map(user).collect()).await
            }
            Table::ApiKeys(db) => {
                let key = |record| if let CopiedRecord::ApiKey(key) = record { Some(key) } else { None };
                db.import_keys(records.filter_map(key).collect()).await
            }
            Table::AuditLog(_, log) => {
                let entry = |record| if let CopiedRecord::Audit(entry) = record { Some(entry) } else { None };
                log.import_entries(records.filter_map(entry).collect()).await
            }
            Table::Events(table) => {
                let event = |record| if let CopiedRecord::Event(event) = record { Some(event) } else { None };
                table.import(records.filter_map(event).collect()).await
            }
        }
    }

    fn note_unreadable(&self, key: &Result<RecordKey, StoreError>, error: &StoreError) {
        let name = key.as_ref().map_or_else(|_| "a row".to_owned(), ToString::to_string);
        let row = format!("{} {name}: {error}", self.name());
        self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).insert(row);
    }
}

/// Reads a collection, and goes on where it was if the store was away meanwhile.
pub(super) struct CollectionReader<'a> {
    collection: &'a Collection,
    after: Option<RecordKey>,
    rows: BoxStream<'a, Result<FoundRow, StoreError>>,
    failed: u32,
}

impl CollectionReader<'_> {
    /// The next record that can be read; nothing after the last.
    pub(super) async fn next(&mut self) -> Result<Option<CopiedRecord>, StoreError> {
        loop {
            match self.rows.try_next().await {
                Ok(None) => return Ok(None),
                Ok(Some(FoundRow { key, record })) => {
                    self.failed = 0;
                    self.after = key.as_ref().ok().copied().or(self.after);
                    match record {
                        Ok(record) => return Ok(Some(record)),
                        Err(error) => self.collection.note_unreadable(&key, &error),
                    }
                }
                Err(error) => {
                    self.failed += 1;
                    give_up_or_wait(self.failed, error).await?;
                    self.rows = self.collection.export(self.after);
                }
            }
        }
    }

    /// The next records, `count` of them as long as there are so many.
    pub(super) async fn next_chunk(&mut self, count: usize) -> Result<Vec<CopiedRecord>, StoreError> {
        let mut chunk = Vec::with_capacity(count);
        while chunk.len() < count
            && let Some(record) = self.next().await?
        {
            chunk.push(record);
        }
        Ok(chunk)
    }
}

async fn give_up_or_wait(failed: u32, error: StoreError) -> Result<(), StoreError> {
    if failed > ATTEMPTS || matches!(error, StoreError::Corrupt { .. }) {
        return Err(error);
    }
    tokio::time::sleep(PAUSE).await;
    Ok(())
}
