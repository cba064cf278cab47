use async_trait::async_trait;
use domain::{ObjectId, Secret, User};
use futures::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use store_kit::{
    mongo::{read_document, to_oid},
    row::StoredRow,
};

use super::{MongoUserDb, STORE, users::UserDocument};
use crate::store::{StoreError, UserRecord, UserTransfer};

impl TryFrom<UserDocument> for UserRecord {
    type Error = StoreError;

    fn try_from(mut document: UserDocument) -> Result<Self, StoreError> {
        let lacking = format!("user {} lacks their password hash", document.id);
        let hash = document.password_hash.take();
        let password_hash = hash.ok_or_else(|| StoreError::corrupt(STORE, lacking))?;
        Ok(Self { user: User::try_from(document)?, password_hash: Secret::new(password_hash) })
    }
}

#[async_trait]
impl UserTransfer for MongoUserDb {
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserRecord>>, StoreError> {
        let query = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        let users = self.users.clone_with_type::<RawDocumentBuf>();
        let find = users.find(query).sort(doc! { "_id": 1 }).limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let found: Vec<_> = self.mongo.stream(find).try_collect().await?;
        Ok(found.iter().map(|document| read_document(STORE, document, UserDocument::try_into)).collect())
    }

    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError> {
        let documents = users.into_iter().map(UserDocument::from).collect();
        self.mongo.insert_missing(&self.users, documents).await
    }
}
