use async_trait::async_trait;
use domain::{ObjectId, Secret, User};
use futures::{StreamExt, stream::BoxStream};
use mongodb::bson::{Document, doc};
use store_kit::mongo::to_oid;

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
    fn export(&self, after: Option<ObjectId>) -> BoxStream<'_, Result<UserRecord, StoreError>> {
        let query = after.map_or_else(Document::new, |id| doc! { "_id": { "$gt": to_oid(id) } });
        let find = self.users.find(query).sort(doc! { "_id": 1 });
        self.mongo.stream(find).map(|found| found.and_then(UserRecord::try_from)).boxed()
    }

    async fn import(&self, users: Vec<UserRecord>) -> Result<(), StoreError> {
        let documents = users.into_iter().map(UserDocument::from).collect();
        self.mongo.insert_missing(&self.users, documents).await
    }
}
