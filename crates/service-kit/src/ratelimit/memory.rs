use async_trait::async_trait;
use enum_map::EnumMap;
use governor::{DefaultKeyedRateLimiter, clock::Clock as _, clock::DefaultClock};

use super::{RateClass, RateLimits, RateQuota, RateQuotas, RetryAfter};

/// Buckets in the memory of this process.
#[derive(Debug)]
pub struct MemoryRateLimits {
    limiters: EnumMap<RateClass, DefaultKeyedRateLimiter<String>>,
    clock: DefaultClock,
}

impl MemoryRateLimits {
    /// Full buckets with these quotas.
    pub fn new(quotas: &RateQuotas) -> Self {
        Self { limiters: quotas.map(|_, quota| full_buckets(quota)), clock: DefaultClock::default() }
    }
}

fn full_buckets(quota: RateQuota) -> DefaultKeyedRateLimiter<String> {
    let interval = quota.per / quota.count.get();
    let refill = governor::Quota::with_period(interval).unwrap_or(governor::Quota::per_second(quota.count));
    DefaultKeyedRateLimiter::keyed(refill.allow_burst(quota.count))
}

#[async_trait]
impl RateLimits for MemoryRateLimits {
    async fn take(&self, class: RateClass, key: &str) -> Result<(), RetryAfter> {
        self.limiters[class]
            .check_key(&key.to_owned())
            .map_err(|refused| RetryAfter(refused.wait_time_from(self.clock.now())))
    }

    fn sweep(&self) {
        for limiter in self.limiters.values() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{num::NonZeroU32, time::Duration};

    use super::*;

    #[tokio::test]
    async fn each_class_has_buckets_and_a_quota_of_its_own() {
        let per = Duration::from_hours(1);
        let mut quotas = RateQuotas::from_fn(|_| RateQuota { count: NonZeroU32::MIN, per });
        quotas[RateClass::LoginAccount].count = NonZeroU32::new(3).unwrap();
        let limits = MemoryRateLimits::new(&quotas);
        for (class, quota) in quotas {
            for _ in 0..quota.count.get() {
                assert_eq!(limits.take(class, "mina").await, Ok(()), "{class:?}");
            }
            assert!(limits.take(class, "mina").await.is_err(), "{class:?}");
            assert_eq!(limits.take(class, "somebody else").await, Ok(()), "{class:?}");
        }
    }

    #[tokio::test]
    async fn the_sweeper_forgets_full_buckets_and_no_others() {
        let per = Duration::from_hours(1);
        let mut quotas = RateQuotas::from_fn(|_| RateQuota { count: NonZeroU32::MIN, per });
        // One in 36 ms: full again before the second step below.
        quotas[RateClass::Client].count = NonZeroU32::new(100_000).unwrap();
        let limits = MemoryRateLimits::new(&quotas);
        limits.take(RateClass::Client, "mina").await.unwrap();
        limits.take(RateClass::Account, "mina").await.unwrap();
        while !limits.limiters[RateClass::Client].is_empty() {
            limits.sweep();
            tokio::task::yield_now().await;
        }
        limits.sweep();
        assert_eq!(limits.limiters[RateClass::Account].len(), 1);
        assert!(limits.take(RateClass::Account, "mina").await.is_err());
    }
}
