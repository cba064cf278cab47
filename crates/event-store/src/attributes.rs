//! What the game's own servers say about users.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{AttributeMap, AttributeName, ObjectId, Timestamp, UserId};
use serde::Serialize;
use store_kit::row::StoredRow;

use super::{ExportedRow, RecordKey, StoreError, TransferRecord, TransferTable, transfer::WrongTable};

/// A user's attributes, all of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserAttributes {
    /// Whose.
    pub user_id: UserId,
    /// What is said.
    pub attributes: AttributeMap,
    /// Since when.
    pub updated_at: Timestamp,
}

/// The attributes of users (`user_attributes` in event-db).
#[async_trait]
pub trait AttributeStore: Send + Sync + fmt::Debug {
    /// Puts a user's attributes in the place of those there were.
    async fn put(&self, attributes: UserAttributes, stamp: ChangeStamp) -> Result<(), StoreError>;

    /// The user's attributes; none if nothing was ever said.
    async fn find(&self, user: UserId) -> Result<Option<UserAttributes>, StoreError>;

    /// Every name that was ever used, in order of the alphabet, at most `limit`.
    async fn names(&self, limit: usize) -> Result<Vec<AttributeName>, StoreError>;

    /// The next users after this one, ascending, at most `limit`. For moving them to another store.
    async fn export(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<StoredRow<UserAttributes>>, StoreError>;

    /// Stores attributes of users who have none yet.
    async fn import(&self, attributes: Vec<UserAttributes>) -> Result<(), StoreError>;
}

/// Moves attributes by way of the port, so that their names are noted on every store.
#[derive(Debug)]
pub(crate) struct AttributeTransfer(pub(crate) Arc<dyn AttributeStore>);

#[async_trait]
impl TransferTable for AttributeTransfer {
    fn name(&self) -> &'static str {
        "user_attributes"
    }

    async fn export(&self, after: Option<RecordKey>, limit: usize) -> Result<Vec<ExportedRow>, StoreError> {
        let rows = self.0.export(after.map(|key| key.id), limit).await?;
        let row = |row: StoredRow<UserAttributes>| ExportedRow {
            key: row.id.map(RecordKey::from),
            record: row.value.map(TransferRecord::Attributes),
        };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn import(&self, records: Vec<TransferRecord>) -> Result<(), StoreError> {
        let attributes = |record| match record {
            TransferRecord::Attributes(attributes) => Ok(attributes),
            _ => Err(StoreError::corrupt(super::STORE, WrongTable("user_attributes"))),
        };
        self.0.import(records.into_iter().map(attributes).collect::<Result<_, _>>()?).await
    }
}
