use async_trait::async_trait;
use governor::{DefaultKeyedRateLimiter, clock::Clock as _, clock::DefaultClock};

use super::{Quota, Quotas, RateClass, RateLimits, Wait};

/// Buckets in the memory of this process.
#[derive(Debug)]
pub struct MemoryRateLimits {
    login: DefaultKeyedRateLimiter<String>,
    login_account: DefaultKeyedRateLimiter<String>,
    register: DefaultKeyedRateLimiter<String>,
    refresh: DefaultKeyedRateLimiter<String>,
    client: DefaultKeyedRateLimiter<String>,
    account: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl MemoryRateLimits {
    /// Full buckets with these quotas.
    pub fn new(quotas: &Quotas) -> Self {
        let limiter = |quota: Quota| {
            let interval = quota.per / quota.count.get();
            let quota = governor::Quota::with_period(interval)
                .unwrap_or(governor::Quota::per_second(quota.count))
                .allow_burst(quota.count);
            DefaultKeyedRateLimiter::keyed(quota)
        };
        Self {
            login: limiter(quotas.login),
            login_account: limiter(quotas.login_account),
            register: limiter(quotas.register),
            refresh: limiter(quotas.refresh),
            client: limiter(quotas.client),
            account: limiter(quotas.account),
            clock: DefaultClock::default(),
        }
    }

    /// Forgets buckets that are full again, so that memory follows who is active now. To be called every minute or so.
    pub fn sweep(&self) {
        for limiter in
            [&self.login, &self.login_account, &self.register, &self.refresh, &self.client, &self.account]
        {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn of(&self, class: RateClass) -> &DefaultKeyedRateLimiter<String> {
        match class {
            RateClass::Login => &self.login,
            RateClass::LoginAccount => &self.login_account,
            RateClass::Register => &self.register,
            RateClass::Refresh => &self.refresh,
            RateClass::Client => &self.client,
            RateClass::Account => &self.account,
        }
    }
}

#[async_trait]
impl RateLimits for MemoryRateLimits {
    async fn take(&self, class: RateClass, key: &str) -> Result<(), Wait> {
        self.of(class)
            .check_key(&key.to_owned())
            .map_err(|refused| Wait(refused.wait_time_from(self.clock.now())))
    }
}
