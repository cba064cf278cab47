//! The background work of a process, run beside its requests and ended after them.

use std::{sync::Arc, time::Duration};

use service_kit::ratelimit::{MemoryRateLimits, NoRateLimits, RateLimits};
use store_kit::{ratelimit::RedisRateLimits, redis::Redis};
use tokio_util::sync::CancellationToken;

use crate::settings::Settings;

/// How often rate limits forget the clients whose buckets are full again.
const SWEEP_PERIOD: Duration = Duration::from_mins(1);

/// Work that is due again and again, collected while services are built.
#[derive(Default)]
pub(super) struct Workers {
    sweeps: Vec<Box<dyn Fn() + Send + Sync>>,
}

impl Workers {
    /// Does the work until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut period = tokio::time::interval(SWEEP_PERIOD);
        while let Some(_tick) = stop.run_until_cancelled(period.tick()).await {
            self.sweeps.iter().for_each(|sweep| sweep());
        }
    }
}

/// The limits that the settings ask for, swept by one of `workers`.
pub(super) fn rate_limits(
    settings: &Settings,
    redis: Option<&Redis>,
    workers: &mut Workers,
) -> Arc<dyn RateLimits> {
    let Some(quotas) = settings.limits.quotas() else {
        return Arc::new(NoRateLimits);
    };
    if let Some(redis) = redis {
        let limits = Arc::new(RedisRateLimits::new(redis.clone(), &quotas));
        let swept = Arc::clone(&limits);
        workers.sweeps.push(Box::new(move || swept.sweep()));
        return limits;
    }
    let limits = Arc::new(MemoryRateLimits::new(&quotas));
    let swept = Arc::clone(&limits);
    workers.sweeps.push(Box::new(move || swept.sweep()));
    limits
}
