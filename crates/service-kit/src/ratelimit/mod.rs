//! How often somebody may do something: a bucket per client or account that refills evenly (GCRA).

mod memory;

use std::{convert::Infallible, fmt, num::NonZeroU32, str::FromStr, sync::Arc, time::Duration};

use async_trait::async_trait;
use enum_map::{Enum, EnumMap};

pub use self::memory::MemoryRateLimits;
use crate::{
    problem::{Problem, ProblemCode, Refused},
    worker::{StepReport, Worker},
};

/// What is limited. Each class has its own buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Enum)]
pub enum RateClass {
    /// Logins, by client.
    Login,
    /// Logins, by the account tried together with the client that tries: strict, since it cannot lock out the owner, who
    /// comes from elsewhere.
    LoginPair,
    /// Logins, by the account tried, from wherever: wide, since a stranger can use it up.
    LoginAccount,
    /// Registrations, by client.
    Register,
    /// Session refreshes, by client.
    Refresh,
    /// Changes of the password, by account.
    PasswordChange,
    /// What is no route of the API (the documentation, unknown paths and methods), by client.
    Pages,
    /// Everything, by client.
    Client,
    /// Everything that shows an API key, by client, in the place of [`Client`](Self::Client): wide, since one
    /// address of a server speaks for many users.
    KeyClient,
    /// Everything, by logged-in account.
    Account,
    /// Everything, by API key.
    ApiKey,
}

impl RateClass {
    /// As the keys of a shared store have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginPair => "login_pair",
            Self::LoginAccount => "login_account",
            Self::Register => "register",
            Self::Refresh => "refresh",
            Self::PasswordChange => "password_change",
            Self::Pages => "pages",
            Self::Client => "client",
            Self::KeyClient => "key_client",
            Self::Account => "account",
            Self::ApiKey => "api_key",
        }
    }
}

/// The quota of each class.
pub type RateQuotas = EnumMap<RateClass, RateQuota>;

/// So many at once, refilling evenly over a time: `30/min`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateQuota {
    /// How many may come at once, and over the whole time.
    pub count: NonZeroU32,
    /// The time in which an empty bucket fills.
    pub per: Duration,
}

/// The text was no quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a count and a time, such as 20/s, 30/min or 100/h")]
pub struct InvalidRateQuota;

impl FromStr for RateQuota {
    type Err = InvalidRateQuota;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (count, unit) = text.split_once('/').ok_or(InvalidRateQuota)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(InvalidRateQuota),
        };
        let count = count.trim().parse().map_err(|_| InvalidRateQuota)?;
        Ok(Self { count, per: Duration::from_secs(seconds) })
    }
}

impl fmt::Display for RateQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.per.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.count)
    }
}

/// The bucket is empty; it holds enough again after this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many, try again in {0:?}")]
pub struct RetryAfter(pub Duration);

impl From<RetryAfter> for Problem {
    fn from(RetryAfter(time): RetryAfter) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        Problem::new(ProblemCode::RateLimited).retry_after(seconds)
    }
}

impl<R> From<RetryAfter> for Refused<R> {
    fn from(wait: RetryAfter) -> Self {
        Problem::from(wait).into()
    }
}

/// Where the buckets are kept: in this process, or in a store that replicas share.
#[async_trait]
pub trait RateLimits: Send + Sync + fmt::Debug {
    /// Takes one from the bucket of `key` in `class`.
    async fn take(&self, class: RateClass, key: &str) -> Result<(), RetryAfter>;

    /// Forgets the buckets in this process that are full again, so that memory follows who is active now.
    /// [`RateLimitSweeper`] calls it.
    fn sweep(&self) {}
}

/// No limits: `RATE_LIMIT=off`.
#[derive(Debug, Clone, Copy)]
pub struct NoRateLimits;

#[async_trait]
impl RateLimits for NoRateLimits {
    async fn take(&self, _: RateClass, _: &str) -> Result<(), RetryAfter> {
        Ok(())
    }
}

/// Calls [`RateLimits::sweep`] every minute.
#[derive(Debug, Clone)]
pub struct RateLimitSweeper(pub Arc<dyn RateLimits>);

impl Worker for RateLimitSweeper {
    type Error = Infallible;

    fn name(&self) -> &'static str {
        "rate_limit_sweeper"
    }

    fn period(&self) -> Duration {
        Duration::from_mins(1)
    }

    async fn step(&self) -> Result<StepReport, Infallible> {
        self.0.sweep();
        Ok(StepReport::finished(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_reads_as_it_is_written_and_nonsense_is_refused() {
        for text in ["20/s", "30/min", "100/h"] {
            assert_eq!(text.parse::<RateQuota>().unwrap().to_string(), text);
        }
        for bad in ["", "20", "0/s", "-1/s", "20/day", "x/min"] {
            assert_eq!(bad.parse::<RateQuota>(), Err(InvalidRateQuota), "{bad}");
        }
    }
}
