//! The audit log in MongoDB, where only single documents are atomic.
//!
//! A change puts its draft into the changed document, `auditDrafts`, in the same update.
//! [`MongoAuditLog::chain_drafts`] gives it its place: it inserts the entry with the next sequence as `_id`,
//! whose uniqueness lets one of many succeed, and with the draft's id, whose uniqueness lets a draft be
//! chained once. Then it takes the draft out of the document. Whoever dies in between leaves a draft that is
//! chained already: the next one finds that out and only takes it out.
//!
//! A document that is deleted stays, marked with `deletedAt`, until its drafts are chained: the collection's
//! own port shows it to nobody, and nothing is changed in it any more. Where `deletedAt` is the beginning of
//! time it is only hidden, while its port looks whether it may be deleted: it is never removed then.

mod document;

use async_trait::async_trait;
use audit::{AuditDraft, AuditEntry, AuditHash, AuditHead};
use domain::{ObjectId, Timestamp};
use futures::TryStreamExt;
use mongodb::{
    Collection,
    bson::{self, Bson, DateTime, Document, RawDocumentBuf, doc},
};
use service_kit::page::{Page, PageRequest};

pub use self::document::draft_document;
use self::document::{DraftDocument, EntryDocument, HeadDocument};
use super::{AUDIT_LOG, AuditFilter, AuditStore, UnreadablePart};
use crate::{
    error::StoreError,
    mongo::{
        Mongo, MongoConnectError, from_date, from_oid, index, read_document, sparse_index, to_oid,
        unique_index,
    },
    row::{StoredRow, log_unreadable, readable_page},
};

/// Where a document keeps the drafts of its changes.
pub const DRAFTS: &str = "auditDrafts";
/// What marks a document that is deleted, but for its drafts.
pub const DELETED_AT: &str = "deletedAt";

/// Documents of each collection whose drafts are chained in one step.
const STEP: usize = 32;
/// Attempts to find the end of the chain while others append to it.
const ATTEMPTS: usize = 100;

/// The audit log of a database, and the collections whose documents may hold drafts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct MongoAuditLog {
    mongo: Mongo,
    log: Collection<EntryDocument>,
    sources: &'static [&'static str],
}

/// A document whose drafts wait.
struct WaitingDocument {
    source: &'static str,
    id: Bson,
    is_deleted: bool,
    drafts: Vec<AuditDraft>,
    /// Whether that is all of them: the others are named in the log, and stay.
    is_whole: bool,
}

impl MongoAuditLog {
    /// Opens the log and creates the indexes that are missing, also those by which drafts are found.
    pub async fn open(mongo: &Mongo, sources: &'static [&'static str]) -> Result<Self, MongoConnectError> {
        let indexes = [
            unique_index(doc! { "id": 1 }),
            index(doc! { "place": -1 }),
            index(doc! { "actorId": 1, "place": -1 }),
            index(doc! { "objectId": 1, "place": -1 }),
            index(doc! { "action": 1, "place": -1 }),
        ];
        mongo.ensure_indexes(AUDIT_LOG, indexes).await?;
        // Of the documents that have one alone: there may be millions of others.
        let at = format!("{DRAFTS}.at");
        for source in sources {
            mongo.ensure_indexes(source, [sparse_index(doc! { &at: 1 })]).await?;
        }
        Ok(Self { mongo: mongo.clone(), log: mongo.collection(AUDIT_LOG), sources })
    }

    /// Whether the draft with this id has its place in the chain.
    pub async fn is_chained(&self, draft: ObjectId) -> Result<bool, StoreError> {
        let log = self.log.clone_with_type::<RawDocumentBuf>();
        let find = log.find_one(doc! { "id": to_oid(draft) }).projection(doc! { "_id": 1 });
        Ok(self.mongo.run(find).await?.is_some())
    }

    /// The documents of a collection whose drafts have waited longest. Those of which nothing can be read hold up
    /// no other.
    async fn find_waiting(&self, source: &'static str) -> Result<Vec<WaitingDocument>, StoreError> {
        let mut unreadable = 0;
        loop {
            let found = self.find_documents(source, unreadable).await?;
            let is_last = found.len() < STEP;
            let waiting: Vec<_> =
                found.into_iter().map(|document| self.read_waiting(source, document)).collect();
            if is_last || waiting.iter().any(|document| !document.drafts.is_empty()) {
                return Ok(waiting);
            }
            unreadable += waiting.len() as u64;
        }
    }

    /// Walks `{auditDrafts.at: 1}`.
    async fn find_documents(&self, source: &str, skip: u64) -> Result<Vec<Document>, StoreError> {
        let at = format!("{DRAFTS}.at");
        let collection = self.mongo.collection::<Document>(source);
        let find = collection
            .find(waiting_filter())
            .sort(doc! { &at: 1 })
            .projection(doc! { DRAFTS: 1, DELETED_AT: 1 })
            .skip(skip)
            .limit(i64::try_from(STEP).unwrap_or(i64::MAX));
        self.mongo.all(find.max_time(self.mongo.limit())).await
    }

    fn read_waiting(&self, source: &'static str, mut document: Document) -> WaitingDocument {
        let id = document.remove("_id").unwrap_or(Bson::Null);
        let drafts = document.get_array(DRAFTS).cloned().unwrap_or_default();
        let count = drafts.len();
        let read = |draft: Bson| {
            let draft = self.read_draft(draft);
            draft.map_err(|error| log_unreadable(source, &format!("{id}, a draft"), &error)).ok()
        };
        let drafts: Vec<_> = drafts.into_iter().filter_map(read).collect();
        let is_whole = drafts.len() == count;
        WaitingDocument { source, is_deleted: is_deleted(&document), drafts, is_whole, id }
    }

    fn read_draft(&self, draft: Bson) -> Result<AuditDraft, StoreError> {
        let store = self.mongo.store();
        let document: DraftDocument =
            bson::deserialize_from_bson(draft).map_err(|error| StoreError::corrupt(store, error))?;
        document.try_into().map_err(|error: UnreadablePart| StoreError::corrupt(store, error))
    }

    /// Gives a draft its place behind the head, or finds that it has one. The head moves on.
    async fn chain_draft(&self, head: &mut AuditHead, draft: &AuditDraft) -> Result<(), StoreError> {
        let store = self.mongo.store();
        for _ in 0..ATTEMPTS {
            let entry = AuditEntry::following(*head, draft.clone());
            let entry = entry.map_err(|error| StoreError::corrupt(store, error))?;
            let document =
                EntryDocument::try_from(&entry).map_err(|error| StoreError::corrupt(store, error))?;
            if self.mongo.unless_taken(self.log.insert_one(document)).await?.is_some() {
                *head = entry.head();
                return Ok(());
            }
            let is_chained = self.is_chained(draft.id).await?;
            *head = self.head().await?;
            if is_chained {
                return Ok(());
            }
        }
        Err(StoreError::unavailable(store, "others append to the audit log all the time"))
    }

    /// Takes chained drafts out of their document, or the document itself away if it is deleted.
    async fn release(&self, waiting: WaitingDocument) -> Result<(), StoreError> {
        let WaitingDocument { source, id, is_deleted, drafts, is_whole } = waiting;
        let collection = self.mongo.collection::<Document>(source);
        if is_deleted && is_whole {
            // It has the mark, so nothing was put into it since it was read.
            let gone = doc! { "_id": id, DELETED_AT: { "$gt": DateTime::from_millis(0) } };
            return self.mongo.run(collection.delete_one(gone)).await.map(drop);
        }
        let chained: Vec<_> = drafts.iter().map(|draft| to_oid(draft.id)).collect();
        let pull = doc! { "$pull": { DRAFTS: { "id": { "$in": chained } } } };
        self.mongo.run(collection.update_one(doc! { "_id": id }, pull)).await.map(drop)
    }

    fn read_entry(&self, document: &RawDocumentBuf) -> StoredRow<AuditEntry> {
        let store = self.mongo.store();
        read_document(store, document, |document: EntryDocument| {
            document.try_into().map_err(|error: UnreadablePart| StoreError::corrupt(store, error))
        })
    }
}

/// Drafts by their times, but those of a document never in another order than its changes were made.
fn in_order(waiting: &[WaitingDocument]) -> Vec<&AuditDraft> {
    let mut drafts = Vec::new();
    for document in waiting {
        let mut latest = Timestamp::MIN;
        for draft in &document.drafts {
            latest = latest.max(draft.at);
            drafts.push((latest, draft));
        }
    }
    drafts.sort_by_key(|(latest, _)| *latest);
    drafts.into_iter().map(|(_, draft)| draft).collect()
}

/// The documents that hold drafts.
fn waiting_filter() -> Document {
    doc! { format!("{DRAFTS}.at"): { "$gte": DateTime::from_millis(0) } }
}

/// And not only hidden.
fn is_deleted(document: &Document) -> bool {
    document.get_datetime(DELETED_AT).is_ok_and(|at| at.timestamp_millis() > 0)
}

fn list_query(filter: &AuditFilter, page: PageRequest) -> Document {
    let places = AuditEntry::places_between(filter.from, filter.to);
    let end = page.before.map_or(places.end, |before| before.min(places.end));
    let mut query = doc! { "place": { "$gte": to_oid(places.start), "$lt": to_oid(end) } };
    if let Some(actor) = filter.actor {
        query.insert("actorId", to_oid(actor));
    }
    if let Some(object) = filter.object {
        query.insert("objectId", to_oid(object));
    }
    if let Some(action) = filter.action {
        query.insert("action", action.name());
    }
    query
}

#[async_trait]
impl AuditStore for MongoAuditLog {
    /// Walks one of the indexes that end with `place`.
    async fn list_entries(
        &self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, StoreError> {
        let log = self.log.clone_with_type::<RawDocumentBuf>();
        let find = log.find(list_query(filter, page)).sort(doc! { "place": -1 }).limit(page.overfull());
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        let row = |document: &RawDocumentBuf| {
            let place = document.get_object_id("place").map(from_oid);
            let id = place.map_err(|error| StoreError::corrupt(self.mongo.store(), error));
            StoredRow { id, ..self.read_entry(document) }
        };
        Ok(readable_page(AUDIT_LOG, found.iter().map(row).collect(), page.limit))
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        let log = self.log.clone_with_type::<HeadDocument>();
        let last = log.find_one(doc! {}).sort(doc! { "_id": -1 }).projection(doc! { "hash": 1 });
        let Some(HeadDocument { sequence, hash }) = self.mongo.run(last).await? else {
            return Ok(AuditHead::EMPTY);
        };
        let hash: AuditHash = hash.parse().map_err(|error| StoreError::corrupt(self.mongo.store(), error))?;
        Ok(AuditHead { sequence, hash })
    }

    async fn oldest_draft(&self) -> Result<Option<Timestamp>, StoreError> {
        let mut oldest = None;
        for source in self.sources {
            let at = format!("{DRAFTS}.at");
            let collection = self.mongo.collection::<Document>(source);
            let find = collection.find_one(waiting_filter());
            let Some(found) = self.mongo.run(find.sort(doc! { &at: 1 }).projection(doc! { &at: 1 })).await?
            else {
                continue;
            };
            let drafts = found.get_array(DRAFTS).map(Vec::as_slice).unwrap_or_default();
            let times = drafts.iter().filter_map(|draft| draft.as_document()?.get_datetime("at").ok());
            oldest = times.copied().map(from_date).chain(oldest).min();
        }
        Ok(oldest)
    }

    async fn chain_drafts(&self) -> Result<u64, StoreError> {
        let mut waiting = Vec::new();
        for source in self.sources {
            waiting.extend(self.find_waiting(source).await?);
        }
        let drafts = in_order(&waiting);
        if drafts.is_empty() {
            return Ok(0);
        }
        let count = drafts.len() as u64;
        let mut head = self.head().await?;
        for draft in drafts {
            self.chain_draft(&mut head, draft).await?;
        }
        for document in waiting {
            self.release(document).await?;
        }
        Ok(count)
    }

    async fn export_entries(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<AuditEntry>>, StoreError> {
        let after = after.map_or(0, AuditEntry::sequence_of);
        let log = self.log.clone_with_type::<RawDocumentBuf>();
        let find = log.find(doc! { "_id": { "$gt": after } }).sort(doc! { "_id": 1 });
        let limited = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<_> = self.mongo.stream(limited).try_collect().await?;
        let row = |document: &RawDocumentBuf| {
            let sequence = document.get_i64("_id").map(AuditEntry::key_of);
            let id = sequence.map_err(|error| StoreError::corrupt(self.mongo.store(), error));
            StoredRow { id, ..self.read_entry(document) }
        };
        Ok(found.iter().map(row).collect())
    }

    async fn import_entries(&self, entries: Vec<AuditEntry>) -> Result<(), StoreError> {
        let documents = entries.iter().map(EntryDocument::try_from).collect::<Result<_, _>>();
        let documents = documents.map_err(|error| StoreError::corrupt(self.mongo.store(), error))?;
        self.mongo.insert_missing(&self.log, documents).await
    }
}
