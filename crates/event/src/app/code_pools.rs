use std::collections::HashMap;

use domain::{Claim, ClaimId, Reward, RewardId, RewardKind, TextLine};
use event_store::{NewCode, StoreError};
use futures::{StreamExt, stream};

use crate::service::EventService;

/// The codes that one write stores: few enough that claims are not held up.
const CODES_AT_ONCE: usize = 1000;
/// Claims that are given their codes at the same time.
const CLAIMS_AT_ONCE: usize = 16;
/// Codes that were rejected and are named; the others are counted.
const NAMED: usize = 100;

/// A code as it was given, and where; what is wrong with it if it is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GivenCode {
    /// The line, or the place in a list, from 1.
    pub(crate) line: u64,
    pub(crate) code: Result<TextLine<200>, String>,
}

/// A code that was not imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RejectedCode {
    pub(crate) line: u64,
    pub(crate) message: String,
}

/// What became of the codes that were given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct CodeImport {
    /// Those that the pool has now and did not have before.
    pub(crate) imported: u64,
    /// Those that it has already, or that were given twice.
    pub(crate) duplicates: u64,
    /// Those that are no codes.
    pub(crate) rejected_count: u64,
    /// The first of these.
    pub(crate) rejected: Vec<RejectedCode>,
}

/// Why no codes are imported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportCodesError {
    #[error("there is no such reward")]
    UnknownReward,
    #[error("the reward is no pool of coupons")]
    NotAPool,
    #[error(transparent)]
    Store(#[from] StoreError),
}

type RewardsByClaim = HashMap<ClaimId, Result<Vec<Reward>, StoreError>>;

impl EventService {
    /// Puts codes into a pool. If it ends half way, what is imported is there, and counts from the next import on.
    pub(crate) async fn import_codes(
        &self,
        pool: RewardId,
        given: impl Iterator<Item = GivenCode> + Send,
    ) -> Result<CodeImport, ImportCodesError> {
        let found = self.stores.rewards.find_many(&[pool]).await?.remove(&pool).transpose()?;
        if !found.ok_or(ImportCodesError::UnknownReward)?.kind.is_pool() {
            return Err(ImportCodesError::NotAPool);
        }
        let mut import = CodeImport::default();
        let mut chunk = Vec::with_capacity(CODES_AT_ONCE);
        for GivenCode { line, code } in given {
            match code {
                Ok(code) => chunk.push(NewCode { id: self.ids.mint().id, code: code.into_string() }),
                Err(message) => import.reject(line, message),
            }
            if chunk.len() == CODES_AT_ONCE {
                self.import_chunk(pool, std::mem::take(&mut chunk), &mut import).await?;
                chunk.reserve(CODES_AT_ONCE);
            }
        }
        self.import_chunk(pool, chunk, &mut import).await?;
        let total = self.stores.code_pools.count(pool).await?.total;
        self.stores.stock.raise_total(pool.0, total).await?;
        let CodeImport { imported, duplicates, rejected_count, .. } = import;
        tracing::info!(reward = %pool, imported, duplicates, rejected = rejected_count, "codes were imported");
        Ok(import)
    }

    async fn import_chunk(
        &self,
        pool: RewardId,
        chunk: Vec<NewCode>,
        import: &mut CodeImport,
    ) -> Result<(), StoreError> {
        let given = chunk.len();
        let imported = if given == 0 { 0 } else { self.stores.code_pools.import(pool, chunk).await? };
        import.imported += u64::try_from(imported).unwrap_or(u64::MAX);
        import.duplicates += u64::try_from(given.saturating_sub(imported)).unwrap_or(u64::MAX);
        Ok(())
    }

    /// The same rewards with a coupon in place of each pool: with the code that the claim has of it. Each step can be repeated,
    /// so a claim has the same code whatever happens before it is in the ledger.
    pub(super) async fn give_codes(&self, claims: &[Claim], rewards: RewardsByClaim) -> RewardsByClaim {
        let owners: HashMap<_, _> = claims.iter().map(|claim| (claim.id, claim)).collect();
        let give = async |(id, rewards): (ClaimId, Result<Vec<Reward>, StoreError>)| {
            let rewards = match (rewards, owners.get(&id)) {
                (Ok(rewards), Some(claim)) => self.with_codes(claim, rewards).await,
                (rewards, _) => rewards,
            };
            (id, rewards)
        };
        stream::iter(rewards).map(give).buffer_unordered(CLAIMS_AT_ONCE).collect().await
    }

    async fn with_codes(&self, claim: &Claim, mut rewards: Vec<Reward>) -> Result<Vec<Reward>, StoreError> {
        for reward in &mut rewards {
            let RewardKind::CouponPool { expiry } = reward.kind else { continue };
            let code = self.stores.code_pools.take(reward.id, claim.id, claim.user_id).await?;
            // Claims hold a seat for each code, so there is one.
            let none_left = || StoreError::corrupt("event-db", "a pool has fewer codes than claims on them");
            reward.kind = RewardKind::Coupon { coupon_code: code.ok_or_else(none_left)?, expiry };
        }
        Ok(rewards)
    }
}

impl CodeImport {
    fn reject(&mut self, line: u64, message: String) {
        self.rejected_count += 1;
        if self.rejected.len() < NAMED {
            self.rejected.push(RejectedCode { line, message });
        }
    }
}
