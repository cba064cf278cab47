use std::collections::HashMap;

use domain::{Claim, ClaimId, Reward, RewardId, RewardKind, TextLine};
use event_store::{NewCode, StoreError};
use futures::{StreamExt, stream};
use tokio::task::spawn_blocking;

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
    /// Puts codes into a pool, in the order of their texts: written in any other, a million of them would each touch another
    /// part of the index that keeps them unique. If it ends half way, what is imported is there, and counts from the next
    /// import on.
    pub(crate) async fn import_codes(
        &self,
        pool: RewardId,
        given: impl Iterator<Item = GivenCode> + Send + 'static,
    ) -> Result<CodeImport, ImportCodesError> {
        let found = self.stores.rewards.find_many(&[pool]).await?.remove(&pool).transpose()?;
        if !found.ok_or(ImportCodesError::UnknownReward)?.kind.is_pool() {
            return Err(ImportCodesError::NotAPool);
        }
        // A million take a second or two, in which nobody else must wait.
        let sorted = spawn_blocking(move || sort_codes(given)).await;
        let (codes, mut import) = sorted.map_err(|lost| StoreError::unavailable("event-db", lost))?;
        let mut codes = codes.into_iter();
        loop {
            let new_code = |code| NewCode { id: self.ids.mint().id, code };
            let chunk: Vec<_> = codes.by_ref().take(CODES_AT_ONCE).map(new_code).collect();
            if chunk.is_empty() {
                break;
            }
            self.import_chunk(pool, chunk, &mut import).await?;
        }
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
        let imported = self.stores.code_pools.import(pool, chunk).await?;
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

/// Each code once, in order, and what became of the others.
fn sort_codes(given: impl Iterator<Item = GivenCode>) -> (Vec<String>, CodeImport) {
    let (mut codes, mut import) = (Vec::new(), CodeImport::default());
    for GivenCode { line, code } in given {
        match code {
            Ok(code) => codes.push(code.into_string()),
            Err(message) => import.reject(line, message),
        }
    }
    let count = codes.len();
    codes.sort_unstable();
    codes.dedup();
    import.duplicates = u64::try_from(count - codes.len()).unwrap_or(u64::MAX);
    (codes, import)
}

impl CodeImport {
    fn reject(&mut self, line: u64, message: String) {
        self.rejected_count += 1;
        if self.rejected.len() < NAMED {
            self.rejected.push(RejectedCode { line, message });
        }
    }
}
