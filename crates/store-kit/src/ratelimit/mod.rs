//! Rate limits that replicas share.

#[cfg(test)]
mod contract;

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use redis::Script;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use crate::redis::Redis;
use service_kit::{
    budget::SHARED_RATE_LIMIT,
    ratelimit::{MemoryRateLimits, RateClass, RateLimits, RateQuotas, RetryAfter},
};

/// How long Redis is left alone after it did not answer, in milliseconds.
const ASK_AGAIN_AFTER: u64 = 500;
/// Half of SHA-256 tells keys apart well enough.
const KEY_HASH_BYTES: usize = 16;

static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("take.lua")));

/// Buckets in Redis, shared by all replicas: `rate_limit:{class}:{hash of the key}`, each with an expiry, gone when it
/// is full again. The hash keeps e-mail addresses out of the store.
///
/// Every request also takes from the bucket of its own process. It is refused by that alone when it is empty, so that
/// a flood costs Redis nothing; and it decides when Redis does not answer. What a process took for a request that the
/// shared bucket then refused may make a later one wait up to one interval longer than the shared bucket would.
#[derive(Debug)]
pub struct RedisRateLimits {
    redis: Redis,
    quotas: RateQuotas,
    here: MemoryRateLimits,
    outage: RedisOutage,
}

impl RedisRateLimits {
    /// Buckets with these quotas, full unless another replica has taken from them.
    pub fn new(redis: Redis, quotas: &RateQuotas) -> Self {
        Self { redis, quotas: *quotas, here: MemoryRateLimits::new(quotas), outage: RedisOutage::new() }
    }
}

#[async_trait]
impl RateLimits for RedisRateLimits {
    /// One round trip.
    async fn take(&self, class: RateClass, key: &str) -> Result<(), RetryAfter> {
        self.here.take(class, key).await?;
        if !self.outage.may_ask() {
            return Ok(());
        }
        let quota = self.quotas[class];
        let interval = quota.per / quota.count.get();
        let mut take = TAKE.key(bucket_key(class, key));
        take.arg(whole_micros(interval).max(1)).arg(whole_micros(quota.per));
        match self.redis.run_within::<u64>(SHARED_RATE_LIMIT, &take).await {
            Ok(wait) => {
                if self.outage.ends() {
                    tracing::info!("rate limits are shared again");
                }
                if wait == 0 { Ok(()) } else { Err(RetryAfter(Duration::from_micros(wait))) }
            }
            Err(error) => {
                if self.outage.goes_on() {
                    tracing::warn!(%error, "rate limits are not shared until Redis answers");
                }
                Ok(())
            }
        }
    }

    /// Those of this process; Redis forgets its own.
    fn sweep(&self) {
        self.here.sweep();
    }
}

fn bucket_key(class: RateClass, key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    format!("rate_limit:{}:{}", class.name(), hex::encode(&hash[..KEY_HASH_BYTES]))
}

fn whole_micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Whether Redis is out, and when to ask it again. One request at a time asks; the others do not wait for it.
#[derive(Debug)]
struct RedisOutage {
    started: Instant,
    /// In milliseconds since the start; 0 while Redis answers.
    ask_at: AtomicU64,
}

impl RedisOutage {
    fn new() -> Self {
        Self { started: Instant::now(), ask_at: AtomicU64::new(0) }
    }

    fn may_ask(&self) -> bool {
        let ask_at = self.ask_at.load(Ordering::Relaxed);
        ask_at == 0 || self.now() >= ask_at && self.put_off(ask_at)
    }

    /// Whether this one is the one to ask.
    fn put_off(&self, ask_at: u64) -> bool {
        let next = self.now() + ASK_AGAIN_AFTER;
        self.ask_at.compare_exchange(ask_at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Redis did not answer; whether that is news.
    fn goes_on(&self) -> bool {
        self.ask_at.swap(self.now() + ASK_AGAIN_AFTER, Ordering::Relaxed) == 0
    }

    /// Redis answered; whether that is news.
    fn ends(&self) -> bool {
        // Nearly always 0: do not write what all cores read.
        self.ask_at.load(Ordering::Relaxed) != 0 && self.ask_at.swap(0, Ordering::Relaxed) != 0
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
