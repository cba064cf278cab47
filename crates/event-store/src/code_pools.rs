use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use domain::{ClaimId, ObjectId, RewardId, UserId};
use serde::Serialize;

use super::StoreError;

/// A code to be put into a pool.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCode {
    /// A fresh id; codes are given out in the order of these.
    pub id: ObjectId,
    /// The code.
    pub code: String,
}

/// A code is for whoever earns it, and not for the log.
impl fmt::Debug for NewCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewCode").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A code of a pool as it is stored.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct CouponCode {
    /// Its id.
    pub id: ObjectId,
    /// The pool: a reward.
    pub reward: RewardId,
    /// The code.
    pub code: String,
    /// The claim that it was given to, and whose that is; none as long as it is free.
    pub holder: Option<(ClaimId, UserId)>,
}

impl fmt::Debug for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("CouponCode");
        shown.field("id", &self.id).field("reward", &self.reward).field("holder", &self.holder);
        shown.finish_non_exhaustive()
    }
}

/// How many codes a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CodeCounts {
    /// In all.
    pub total: i64,
    /// Those that a claim was given.
    pub taken: i64,
}

/// The codes of pools of coupons (`coupon_codes` in event-db). A code is given to one claim and never freed: whoever had it
/// has seen it.
#[async_trait]
pub trait CodePoolStore: Send + Sync + fmt::Debug {
    /// Puts codes into a pool that are not in it yet; how many these are. If it fails, some may be in it.
    async fn import(&self, pool: RewardId, codes: Vec<NewCode>) -> Result<usize, StoreError>;

    /// How many there are. Walks the part of an index that has them.
    async fn count(&self, pool: RewardId) -> Result<CodeCounts, StoreError>;

    /// The code that the claim has of this pool: a free one if it has none yet. The same claim always gets the same code, and
    /// no code goes to two claims. None if the pool has no free one.
    async fn take(&self, pool: RewardId, claim: ClaimId, user: UserId) -> Result<Option<String>, StoreError>;

    /// Which claims were given these codes of a pool. Codes that are free, or are not in it, are left out.
    async fn find_holders(
        &self,
        pool: RewardId,
        codes: Vec<String>,
    ) -> Result<HashMap<String, ClaimId>, StoreError>;
}
