use async_trait::async_trait;
use domain::{AttributeMap, AttributeName, ObjectId as Id, UserId};
use mongodb::{
    Collection,
    bson::{DateTime, Document, RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::{
    mongo::{Mongo, from_date, from_oid, to_date, to_oid},
    row::StoredRow,
};

use super::{read_row, read_text, seen_names::SeenNames, to_document};
use crate::{AttributeStore, STORE, StoreError, UserAttributes};

/// The collection of the attributes.
const ATTRIBUTES: &str = "user_attributes";
/// Names that were ever used; the name is the id.
const NAMES: &str = "attribute_names";

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
}

#[async_trait]
impl AttributeStore for MongoAttributes {
    async fn put(&self, attributes: UserAttributes) -> Result<(), StoreError> {
        self.names.note(attributes.attributes.keys().map(ToString::to_string)).await?;
        let mut values = to_document(&AttributesDocument::try_from(&attributes)?)?;
        values.remove("_id");
        let user = doc! { "_id": to_oid(attributes.user_id.0) };
        let update = doc! { "$set": values };
        // Two who say something of a new user at the same moment: the second finds what the first inserted.
        let put = || self.attributes.update_one(user.clone(), update.clone()).upsert(true);
        if self.mongo.unless_taken(put()).await?.is_none() {
            self.mongo.run(put()).await?;
        }
        Ok(())
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
