use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{AttributeMap, AttributeName, ObjectId as Id, UserId};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    audit::mongo::DRAFTS,
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::StoredRow,
};

use super::{corrupt_document, read_row, read_text, seen_names::SeenNames, to_document, to_draft};
use crate::{AttributeStore, STORE, StoreError, UserAttributes, audit::attributes_replaced};

/// The collection of the attributes.
pub(super) const ATTRIBUTES: &str = "user_attributes";
/// Names that were ever used; the name is the id.
const NAMES: &str = "attribute_names";

/// Attempts to replace attributes that others replace at the same moment.
const ATTEMPTS: usize = 50;

/// The attributes on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoAttributes {
    mongo: Mongo,
    attributes: Collection<AttributesDocument>,
    names: SeenNames,
}

/// A user's attributes as they are stored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttributesDocument {
    /// The user's.
    #[serde(rename = "_id")]
    id: ObjectId,
    /// JSON, so that numbers come back as they were written.
    attributes: String,
    updated_at: DateTime,
}

impl TryFrom<&UserAttributes> for AttributesDocument {
    type Error = StoreError;

    fn try_from(new: &UserAttributes) -> Result<Self, StoreError> {
        let attributes = serde_json::to_string(&new.attributes);
        Ok(Self {
            id: to_oid(new.user_id.0),
            attributes: attributes.map_err(|error| StoreError::corrupt(STORE, error))?,
            updated_at: to_date(new.updated_at),
        })
    }
}

fn read_attributes(document: &RawDocumentBuf) -> StoredRow<UserAttributes> {
    read_row::<AttributesDocument, _>(document, |document| {
        let attributes: AttributeMap =
            serde_json::from_str(&document.attributes).map_err(|error| StoreError::corrupt(STORE, error))?;
        let user_id = UserId(from_oid(document.id));
        Ok(UserAttributes { user_id, attributes, updated_at: from_date(document.updated_at) })
    })
}

impl MongoAttributes {
    pub(super) fn new(mongo: &Mongo) -> Self {
        let (attributes, names) = (mongo.collection(ATTRIBUTES), SeenNames::new(mongo, NAMES));
        Self { mongo: mongo.clone(), attributes, names }
    }

    /// Whether nobody came in between.
    async fn replace(&self, new: &UserAttributes, stamp: ChangeStamp) -> Result<bool, StoreError> {
        let id = to_oid(new.user_id.0);
        let documents = self.attributes.clone_with_type::<RawDocumentBuf>();
        let find = documents.find_one(doc! { "_id": id }).max_time(self.mongo.limit());
        let found = self.mongo.run(find).await?;
        let before = found.as_ref().and_then(|found| read_attributes(found).into_readable(ATTRIBUTES));
        let before = before.as_ref().map(|before| &before.attributes);
        let draft = to_draft(&attributes_replaced(stamp, new.user_id, before, &new.attributes))?;
        let mut values = to_document(&AttributesDocument::try_from(new)?)?;
        let Some(found) = found else {
            values.insert(DRAFTS, vec![draft]);
            let documents = self.attributes.clone_with_type::<Document>();
            return Ok(self.mongo.unless_taken(documents.insert_one(values)).await?.is_some());
        };
        values.remove("_id");
        let there = Document::try_from(found).map_err(corrupt_document)?;
        let mut as_found = doc! { "_id": id };
        for field in ["attributes", "updatedAt"] {
            as_found.insert(field, there.get(field).cloned().unwrap_or_default());
        }
        let update = doc! { "$set": values, "$push": { DRAFTS: draft } };
        Ok(self.mongo.run(self.attributes.update_one(as_found, update)).await?.matched_count == 1)
    }
}

#[async_trait]
impl AttributeStore for MongoAttributes {
    /// What is replaced stands in the audit log, so of many who replace the same one does, and the others replace what it has
    /// put there.
    async fn put(&self, attributes: UserAttributes, stamp: ChangeStamp) -> Result<(), StoreError> {
        self.names.note(attributes.attributes.keys().map(ToString::to_string)).await?;
        let replace = async {
            for _ in 0..ATTEMPTS {
                if self.replace(&attributes, stamp.clone()).await? {
                    return Ok(());
                }
            }
            Err(StoreError::unavailable(STORE, "too many replace the attributes at the same time"))
        };
        self.mongo.in_time(replace).await
    }

    async fn find(&self, user: UserId) -> Result<Option<UserAttributes>, StoreError> {
        let attributes = self.attributes.clone_with_type::<RawDocumentBuf>();
        let find = attributes.find_one(doc! { "_id": to_oid(user.0) }).max_time(self.mongo.limit());
        self.mongo.run(find).await?.map(|found| read_attributes(&found).value).transpose()
    }

    async fn names(&self, limit: usize) -> Result<Vec<AttributeName>, StoreError> {
        let names = self.names.list(None, limit).await?;
        names.iter().map(|name| read_text(name)).collect()
    }

    async fn export(
        &self,
        after: Option<Id>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserAttributes>>, StoreError> {
        let attributes = self.attributes.clone_with_type::<RawDocumentBuf>();
        let filter = after.map_or_else(Document::new, |user| doc! { "_id": { "$gt": to_oid(user) } });
        let find = attributes.find(filter).sort(doc! { "_id": 1 });
        let find = find.limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        Ok(found.iter().map(read_attributes).collect())
    }

    async fn import(&self, attributes: Vec<UserAttributes>) -> Result<(), StoreError> {
        self.names
            .note(attributes.iter().flat_map(|one| one.attributes.keys().map(ToString::to_string)))
            .await?;
        let documents = attributes.iter().map(AttributesDocument::try_from).collect::<Result<_, _>>()?;
        self.mongo.insert_missing(&self.attributes, documents).await
    }
}
