use std::collections::HashMap;

use async_trait::async_trait;
use domain::{ClaimId, EventId, LedgerEntry, ObjectId as Id, Reward, UserId};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use service_kit::page::{Page, PageRequest};
use store_kit::{
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::{StoredRow, readable_page},
};

use super::{
    from_bson,
    insert_each::{InsertOutcome, insert_each},
    read_row, read_text, to_bson,
    transfer::MongoTable,
};
use crate::{LedgerFilter, LedgerStore, StoreError, TransferRecord, WalletBalance, ledger::by_claim};

/// What a user's entries come to. Follows from them.
pub(super) const WALLETS: &str = "wallets";

/// The ledger on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoLedger {
    mongo: Mongo,
    entries: Collection<EntryDocument>,
    wallets: Collection<WalletDocument>,
}

impl MongoLedger {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self {
            entries: mongo.collection(TABLE.name),
            wallets: mongo.collection(WALLETS),
            mongo: mongo.clone(),
        }
    }
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: "grants",
    order: super::transfer::ID_ORDER,
    read: |document| read_entry(document).value.map(TransferRecord::LedgerEntry),
    write: |record| match record {
        TransferRecord::LedgerEntry(entry) => super::to_document(&EntryDocument::from(entry)),
        _ => Err(super::wrong_table("grants")),
    },
};

/// An entry as it is stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    kind: String,
    request: ObjectId,
    event: ObjectId,
    user_id: String,
    reward: ObjectId,
    /// The reward as it was granted.
    snapshot: Reward,
    at: DateTime,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WalletDocument {
    user_id: String,
    through: ObjectId,
    holding: mongodb::bson::Bson,
}

impl From<LedgerEntry> for EntryDocument {
    fn from(entry: LedgerEntry) -> Self {
        Self {
            id: to_oid(entry.id),
            kind: entry.kind.name().to_owned(),
            request: to_oid(entry.claim_id.0),
            event: to_oid(entry.event_id.0),
            user_id: entry.user_id.to_string(),
            reward: to_oid(entry.reward.id.0),
            snapshot: entry.reward,
            at: to_date(entry.at),
        }
    }
}

impl TryFrom<EntryDocument> for LedgerEntry {
    type Error = StoreError;

    fn try_from(document: EntryDocument) -> Result<Self, StoreError> {
        Ok(LedgerEntry {
            id: from_oid(document.id),
            kind: read_text(&document.kind)?,
            claim_id: ClaimId(from_oid(document.request)),
            event_id: EventId(from_oid(document.event)),
            user_id: read_text(&document.user_id)?,
            reward: document.snapshot,
            at: from_date(document.at),
        })
    }
}

fn read_entry(document: &RawDocumentBuf) -> StoredRow<LedgerEntry> {
    read_row::<EntryDocument, _>(document, LedgerEntry::try_from)
}

/// Walks `{userId: 1, _id: -1}`, `{event: 1, _id: -1}`, `{userId: 1, event: 1, _id: -1}` or `_id`.
pub(super) fn list_filter(filter: LedgerFilter, page: PageRequest) -> Document {
    let mut query = Document::new();
    if let Some(user) = filter.user {
        query.insert("userId", user.to_string());
    }
    if let Some(event) = filter.event {
        query.insert("event", to_oid(event.0));
    }
    if let Some(before) = page.before {
        query.insert("_id", doc! { "$lt": to_oid(before) });
    }
    query
}

#[async_trait]
impl LedgerStore for MongoLedger {
    /// Each by itself, under the unique index.
    async fn add(&self, entries: Vec<LedgerEntry>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let documents = entries.into_iter().map(EntryDocument::from).collect();
        let failed = insert_each(&self.mongo, &self.entries, documents).await.into_iter();
        let failed = failed.filter_map(|outcome| match outcome {
            InsertOutcome::Failed(error) => Some(error),
            InsertOutcome::Stored | InsertOutcome::KeyTaken => None,
        });
        failed.map(Err).next().unwrap_or(Ok(()))
    }

    /// Walks the unique index.
    async fn of_claims(
        &self,
        claims: &[(UserId, ClaimId)],
    ) -> Result<HashMap<ClaimId, Vec<LedgerEntry>>, StoreError> {
        let users: Vec<_> = claims.iter().map(|(user, _)| user.to_string()).collect();
        let requests: Vec<_> = claims.iter().map(|(_, claim)| to_oid(claim.0)).collect();
        let filter = doc! { "userId": { "$in": users }, "request": { "$in": requests } };
        let entries = self.entries.clone_with_type::<RawDocumentBuf>();
        let found = self.mongo.all(entries.find(filter).max_time(self.mongo.limit())).await?;
        let found: Result<Vec<_>, _> = found.iter().map(|document| read_entry(document).value).collect();
        found.map(by_claim)
    }

    async fn list(&self, filter: LedgerFilter, page: PageRequest) -> Result<Page<LedgerEntry>, StoreError> {
        let entries = self.entries.clone_with_type::<RawDocumentBuf>();
        let find = entries.find(list_filter(filter, page)).sort(doc! { "_id": -1 }).limit(page.overfull());
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        Ok(readable_page(TABLE.name, found.iter().map(read_entry).collect(), page.limit))
    }

    async fn of_user_after(
        &self,
        user: UserId,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<LedgerEntry>, StoreError> {
        let mut filter = doc! { "userId": user.to_string() };
        if let Some(after) = after {
            filter.insert("_id", doc! { "$gt": to_oid(after) });
        }
        let entries = self.entries.clone_with_type::<RawDocumentBuf>();
        let find = entries.find(filter).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).max_time(self.mongo.limit());
        self.mongo.all(find).await?.iter().map(|document| read_entry(document).value).collect()
    }

    async fn find_balance(&self, user: UserId) -> Result<Option<WalletBalance>, StoreError> {
        let find = self.wallets.find_one(doc! { "userId": user.to_string() });
        let Some(found) = self.mongo.run(find.max_time(self.mongo.limit())).await? else { return Ok(None) };
        let through = from_oid(found.through);
        Ok(Some(WalletBalance { user, through, holding: from_bson(found.holding)? }))
    }

    /// The one that goes less far is replaced; where there is none, this is inserted, unless another was meanwhile: then that
    /// one is replaced, unless it goes further.
    async fn save_balance(&self, balance: WalletBalance) -> Result<(), StoreError> {
        let user = balance.user.to_string();
        let document = WalletDocument {
            user_id: user.clone(),
            through: to_oid(balance.through),
            holding: to_bson(&balance.holding)?,
        };
        let shorter = doc! { "userId": user, "through": { "$lt": document.through } };
        let replace = || self.mongo.run(self.wallets.replace_one(shorter.clone(), &document));
        if replace().await?.matched_count > 0 {
            return Ok(());
        }
        if self.mongo.unless_taken(self.wallets.insert_one(&document)).await?.is_none() {
            replace().await?;
        }
        Ok(())
    }

    async fn list_balances(
        &self,
        after: Option<UserId>,
        limit: usize,
    ) -> Result<Vec<WalletBalance>, StoreError> {
        let filter =
            after.map_or_else(Document::new, |after| doc! { "userId": { "$gt": after.to_string() } });
        let find = self.wallets.find(filter).sort(doc! { "userId": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX)).max_time(self.mongo.limit());
        let balance = |found: WalletDocument| {
            let (user, through) = (read_text(&found.user_id)?, from_oid(found.through));
            Ok(WalletBalance { user, through, holding: from_bson(found.holding)? })
        };
        self.mongo.all(find).await?.into_iter().map(balance).collect()
    }
}
