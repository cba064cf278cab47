use std::{collections::HashMap, time::Duration};

use async_trait::async_trait;
use domain::{ClaimId, RewardId, UserId};
use mongodb::{
    Collection,
    bson::{RawDocumentBuf, doc, oid::ObjectId},
};
use serde::{Deserialize, Serialize};
use store_kit::mongo::{Mongo, from_oid, to_oid};

use super::{
    corrupt_document,
    insert_each::{InsertOutcome, insert_each},
    read_row, read_text,
    transfer::MongoTable,
};
use crate::{CodeCounts, CodePoolStore, CouponCode, NewCode, STORE, StoreError, TransferRecord};

/// The collection of the codes.
pub(super) const CODES: &str = "coupon_codes";
/// How long a step of an import may take: whoever uploads a million codes waits that long.
const IMPORT_STEP: Duration = Duration::from_secs(20);
/// Attempts to take a code that others take at the same moment.
const ATTEMPTS: usize = 20;

/// The codes of pools of coupons on a MongoDB server.
#[derive(Debug, Clone)]
pub(super) struct MongoCodePools {
    mongo: Mongo,
    /// For imports, which may take longer.
    patient: Mongo,
}

/// A code as it is stored.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    reward: ObjectId,
    code: String,
    /// The claim it was given to; its own id as long as it is free, so that the index over it is unique.
    holder: ObjectId,
    /// There as long as it is free.
    #[serde(skip_serializing_if = "Option::is_none")]
    free: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
}

pub(super) const TABLE: MongoTable = MongoTable {
    name: CODES,
    order: super::transfer::ID_ORDER,
    read: |document| {
        read_row::<CodeDocument, _>(document, CouponCode::try_from).value.map(TransferRecord::Code)
    },
    write: |record| match record {
        TransferRecord::Code(code) => super::to_document(&CodeDocument::from(code)),
        _ => Err(super::wrong_table(CODES)),
    },
};

impl From<CouponCode> for CodeDocument {
    fn from(CouponCode { id, reward, code, holder }: CouponCode) -> Self {
        Self {
            id: to_oid(id),
            reward: to_oid(reward.0),
            code,
            holder: to_oid(holder.map_or(id, |(claim, _)| claim.0)),
            free: holder.is_none().then_some(true),
            user_id: holder.map(|(_, user)| user.to_string()),
        }
    }
}

impl TryFrom<CodeDocument> for CouponCode {
    type Error = StoreError;

    fn try_from(document: CodeDocument) -> Result<Self, StoreError> {
        let user = document.user_id.as_deref().map(read_text).transpose()?;
        Ok(Self {
            id: from_oid(document.id),
            reward: RewardId(from_oid(document.reward)),
            code: document.code,
            holder: user.map(|user| (ClaimId(from_oid(document.holder)), user)),
        })
    }
}

impl MongoCodePools {
    pub(super) fn new(mongo: &Mongo) -> Self {
        Self { patient: mongo.clone().with_limit(IMPORT_STEP), mongo: mongo.clone() }
    }

    /// By `{reward: 1, holder: 1}`.
    async fn find_taken(&self, pool: RewardId, claim: ClaimId) -> Result<Option<String>, StoreError> {
        let codes: Collection<RawDocumentBuf> = self.mongo.collection(CODES);
        let find = codes.find_one(doc! { "reward": to_oid(pool.0), "holder": to_oid(claim.0) });
        let found = self.mongo.run(find.max_time(self.mongo.limit())).await?;
        found.as_ref().map(read_code).transpose()
    }
}

fn read_code(document: &RawDocumentBuf) -> Result<String, StoreError> {
    document.get_str("code").map(str::to_owned).map_err(corrupt_document)
}

#[async_trait]
impl CodePoolStore for MongoCodePools {
    /// One insert.
    async fn import(&self, pool: RewardId, codes: Vec<NewCode>) -> Result<usize, StoreError> {
        let document = |NewCode { id, code }| CouponCode { id, reward: pool, code, holder: None }.into();
        let documents: Vec<CodeDocument> = codes.into_iter().map(document).collect();
        if documents.is_empty() {
            return Ok(0);
        }
        let mut stored = 0;
        for outcome in insert_each(&self.patient, &self.patient.collection(CODES), documents).await {
            match outcome {
                InsertOutcome::Stored => stored += 1,
                InsertOutcome::KeyTaken => {}
                InsertOutcome::Failed(error) => return Err(error),
            }
        }
        Ok(stored)
    }

    async fn count(&self, pool: RewardId) -> Result<CodeCounts, StoreError> {
        let codes: Collection<RawDocumentBuf> = self.patient.collection(CODES);
        let count = async |filter| {
            let count = codes.count_documents(filter).max_time(self.patient.limit());
            Ok::<_, StoreError>(i64::try_from(self.patient.count(count).await?).unwrap_or(i64::MAX))
        };
        // A code that comes between the two counts as free.
        let total = count(doc! { "reward": to_oid(pool.0) }).await?;
        let free = count(doc! { "reward": to_oid(pool.0), "free": true }).await?;
        Ok(CodeCounts { total, taken: (total - free).max(0) })
    }

    /// The index over holders lets a claim have one code only: of several replicas that take one for it at the same moment one
    /// does, and the others find that one.
    async fn take(&self, pool: RewardId, claim: ClaimId, user: UserId) -> Result<Option<String>, StoreError> {
        let codes: Collection<RawDocumentBuf> = self.mongo.collection(CODES);
        let give = doc! {
            "$set": { "holder": to_oid(claim.0), "userId": user.to_string() },
            "$unset": { "free": "" },
        };
        for _ in 0..ATTEMPTS {
            if let Some(code) = self.find_taken(pool, claim).await? {
                return Ok(Some(code));
            }
            let free = doc! { "reward": to_oid(pool.0), "free": true };
            let take = codes.find_one_and_update(free, give.clone()).sort(doc! { "_id": 1 });
            match self.mongo.unless_taken(take.max_time(self.mongo.limit())).await? {
                Some(Some(found)) => return read_code(&found).map(Some),
                // It may have got the last one from another replica just now.
                Some(None) => return self.find_taken(pool, claim).await,
                None => {}
            }
        }
        Err(StoreError::unavailable(STORE, "too many take a code at the same time"))
    }

    /// By `{reward: 1, code: 1}`.
    async fn find_holders(
        &self,
        pool: RewardId,
        codes: Vec<String>,
    ) -> Result<HashMap<String, ClaimId>, StoreError> {
        let collection: Collection<CodeDocument> = self.mongo.collection(CODES);
        let find = collection.find(doc! { "reward": to_oid(pool.0), "code": { "$in": codes } });
        let found = self.mongo.all(find.max_time(self.mongo.limit())).await?;
        let taken = found.into_iter().filter(|document| document.free.is_none());
        Ok(taken.map(|document| (document.code, ClaimId(from_oid(document.holder)))).collect())
    }
}
