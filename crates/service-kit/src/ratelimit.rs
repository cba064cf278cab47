//! How often somebody may do something: a bucket per client or account that refills evenly (GCRA).

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use async_trait::async_trait;
use governor::{DefaultKeyedRateLimiter, clock::Clock as _, clock::DefaultClock};

use crate::problem::{Code, Problem};

/// What is limited. Each class has its own buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateClass {
    /// Logins, by client.
    Login,
    /// Logins, by the account tried, from wherever.
    LoginAccount,
    /// Registrations, by client.
    Register,
    /// Session refreshes, by client.
    Refresh,
    /// Everything, by client.
    Client,
    /// Everything, by logged-in account.
    Account,
}

/// So many at once, refilling evenly over a time: `30/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many may come at once, and over the whole time.
    pub count: NonZeroU32,
    /// The time in which an empty bucket fills.
    pub per: Duration,
}

/// The text was no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a count and a time, such as 20/s, 30/min or 100/h")]
pub struct InvalidQuota;

impl FromStr for Quota {
    type Err = InvalidQuota;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, unit) = text.split_once('/').ok_or(InvalidQuota)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(InvalidQuota),
        };
        let count = count.trim().parse().map_err(|_| InvalidQuota)?;
        Ok(Self { count, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// The quota of each class.
#[derive(Debug, Clone, Copy)]
pub struct Quotas {
    /// See [`RateClass::Login`].
    pub login: Quota,
    /// See [`RateClass::LoginAccount`].
    pub login_account: Quota,
    /// See [`RateClass::Register`].
    pub register: Quota,
    /// See [`RateClass::Refresh`].
    pub refresh: Quota,
    /// See [`RateClass::Client`].
    pub client: Quota,
    /// See [`RateClass::Account`].
    pub account: Quota,
}

/// The bucket is empty; it holds enough again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many, try again in {0:?}")]
pub struct Wait(pub Duration);

impl From<Wait> for Problem {
    fn from(Wait(time): Wait) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        Problem::new(Code::RateLimited).retry_after(seconds)
    }
}

/// Where the buckets are kept: in this process, or in a store that replicas share.
#[async_trait]
pub trait RateLimits: Send + Sync + fmt::Debug {
    /// Takes one from the bucket of `key` in `class`.
    async fn take(&self, class: RateClass, key: &str) -> Result<(), Wait>;
}

/// No limits: `RATE_LIMIT=off`.
#[derive(Debug, Clone, Copy)]
pub struct Unlimited;

#[async_trait]
impl RateLimits for Unlimited {
    async fn take(&self, _: RateClass, _: &str) -> Result<(), Wait> {
        Ok(())
    }
}

/// Buckets in the memory of this process.
#[derive(Debug)]
pub struct InMemory {
    login: DefaultKeyedRateLimiter<String>,
    login_account: DefaultKeyedRateLimiter<String>,
    register: DefaultKeyedRateLimiter<String>,
    refresh: DefaultKeyedRateLimiter<String>,
    client: DefaultKeyedRateLimiter<String>,
    account: DefaultKeyedRateLimiter<String>,
    clock: DefaultClock,
}

impl InMemory {
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
impl RateLimits for InMemory {
    async fn take(&self, class: RateClass, key: &str) -> Result<(), Wait> {
        self.of(class)
            .check_key(&key.to_owned())
            .map_err(|refused| Wait(refused.wait_time_from(self.clock.now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotas(text: &str) -> Quotas {
        let quota = text.parse().unwrap();
        Quotas {
            login: quota,
            login_account: quota,
            register: quota,
            refresh: quota,
            client: quota,
            account: quota,
        }
    }

    #[test]
    fn a_quota_reads_as_it_is_written_and_nonsense_is_refused() {
        for text in ["20/s", "30/min", "100/h"] {
            assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
        }
        for bad in ["", "20", "0/s", "-1/s", "20/day", "x/min"] {
            assert_eq!(bad.parse::<Quota>(), Err(InvalidQuota), "{bad}");
        }
    }

    #[tokio::test]
    async fn an_empty_bucket_refuses_its_own_key_and_class_only() {
        let limits = InMemory::new(&quotas("3/h"));
        for _ in 0..3 {
            assert_eq!(limits.take(RateClass::Login, "a").await, Ok(()));
        }
        let Err(Wait(time)) = limits.take(RateClass::Login, "a").await else { panic!("not refused") };
        assert!(time > Duration::from_secs(1000) && time <= Duration::from_mins(20));
        assert_eq!(limits.take(RateClass::Login, "b").await, Ok(()));
        assert_eq!(limits.take(RateClass::Register, "a").await, Ok(()));
        limits.sweep();
        assert!(limits.take(RateClass::Login, "a").await.is_err());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hundred_tasks_together_take_no_more_than_the_bucket_holds() {
        let limits = std::sync::Arc::new(InMemory::new(&quotas("20/h")));
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let limits = std::sync::Arc::clone(&limits);
                tokio::spawn(async move { limits.take(RateClass::LoginAccount, "a").await.is_ok() })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await.unwrap());
        }
        assert_eq!(passed, 20);
    }
}
