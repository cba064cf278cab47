//! How often somebody may do something: a bucket per client or account that refills evenly (GCRA).

mod memory;

use std::{fmt, num::NonZeroU32, str::FromStr, time::Duration};

use async_trait::async_trait;

pub use self::memory::MemoryRateLimits;
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

impl RateClass {
    /// As the keys of a shared store have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::LoginAccount => "login_account",
            Self::Register => "register",
            Self::Refresh => "refresh",
            Self::Client => "client",
            Self::Account => "account",
        }
    }
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

impl Quotas {
    /// The quota of this class.
    pub fn of(&self, class: RateClass) -> Quota {
        match class {
            RateClass::Login => self.login,
            RateClass::LoginAccount => self.login_account,
            RateClass::Register => self.register,
            RateClass::Refresh => self.refresh,
            RateClass::Client => self.client,
            RateClass::Account => self.account,
        }
    }
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
pub struct NoRateLimits;

#[async_trait]
impl RateLimits for NoRateLimits {
    async fn take(&self, _: RateClass, _: &str) -> Result<(), Wait> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_reads_as_it_is_written_and_nonsense_is_refused() {
        for text in ["20/s", "30/min", "100/h"] {
            assert_eq!(text.parse::<Quota>().unwrap().to_string(), text);
        }
        for bad in ["", "20", "0/s", "-1/s", "20/day", "x/min"] {
            assert_eq!(bad.parse::<Quota>(), Err(InvalidQuota), "{bad}");
        }
    }
}
