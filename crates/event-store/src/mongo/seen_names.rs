use std::collections::BTreeSet;

use moka::sync::Cache;
use mongodb::{
    Collection,
    bson::{Document, doc},
};
use serde::{Deserialize, Serialize};
use store_kit::mongo::Mongo;

use super::insert_each::{InsertOutcome, insert_each};
use crate::StoreError;

/// How many names are known to be noted already.
const MOST_NOTED: u64 = 100_000;

/// A collection whose documents are names and nothing else: what was ever seen of something. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct SeenNames {
    mongo: Mongo,
    collection: Collection<NameDocument>,
    /// Names that are there for certain: none is ever removed.
    noted: Cache<String, ()>,
}

#[derive(Debug, Serialize, Deserialize)]
struct NameDocument {
    #[serde(rename = "_id")]
    name: String,
}

impl SeenNames {
    pub(super) fn new(mongo: &Mongo, collection: &str) -> Self {
        Self { mongo: mongo.clone(), collection: mongo.collection(collection), noted: Cache::new(MOST_NOTED) }
    }

    /// Notes names. To be called before they are used: one that is lacking would never be found.
    pub(super) async fn note(&self, names: impl Iterator<Item = String>) -> Result<(), StoreError> {
        let new: BTreeSet<_> = names.filter(|name| !self.noted.contains_key(name)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let documents = new.iter().map(|name| NameDocument { name: name.clone() }).collect();
        for outcome in insert_each(&self.mongo, &self.collection, documents).await {
            if let InsertOutcome::Failed(error) = outcome {
                return Err(error);
            }
        }
        for name in new {
            self.noted.insert(name, ());
        }
        Ok(())
    }

    /// Names after this one, ascending, at most `limit`.
    pub(super) async fn list(&self, after: Option<String>, limit: usize) -> Result<Vec<String>, StoreError> {
        let filter = after.map_or_else(Document::new, |after| doc! { "_id": { "$gt": after } });
        let find = self.collection.find(filter).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        Ok(found.into_iter().map(|document| document.name).collect())
    }
}
