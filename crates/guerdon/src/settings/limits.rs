//! Rate limits, as flags and variables.

use clap::{ArgAction, Args, builder::BoolishValueParser};
use service_kit::ratelimit::{RateClass, RateQuota, RateQuotas};

/// How often somebody may do something: a count and a time, such as 20/s, 30/min or 100/h.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help, which knows no backticks")]
#[allow(clippy::struct_field_names, reason = "the fields are named as the variables and flags are")]
pub(crate) struct LimitSettings {
    /// Turns all rate limits on or off.
    #[arg(long, env, default_value = "on", action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) rate_limit: bool,
    /// Logins of one client.
    #[arg(long, env, default_value = "30/min")]
    pub(crate) rate_limit_login: RateQuota,
    /// Logins to one account by one client.
    #[arg(long, env, default_value = "10/min")]
    pub(crate) rate_limit_login_pair: RateQuota,
    /// Logins to one account, from wherever: wide, since a stranger can use it up.
    #[arg(long, env, default_value = "100/min")]
    pub(crate) rate_limit_login_account: RateQuota,
    /// Registrations of one client.
    #[arg(long, env, default_value = "20/min")]
    pub(crate) rate_limit_register: RateQuota,
    /// Session refreshes of one client.
    #[arg(long, env, default_value = "60/min")]
    pub(crate) rate_limit_refresh: RateQuota,
    /// Changes of the password of one account.
    #[arg(long, env, default_value = "10/min")]
    pub(crate) rate_limit_password_change: RateQuota,
    /// Requests of one client for the documentation and for paths that no route has.
    #[arg(long, env, default_value = "20/s")]
    pub(crate) rate_limit_pages: RateQuota,
    /// All requests of one client.
    #[arg(long, env, default_value = "200/s")]
    pub(crate) rate_limit_client: RateQuota,
    /// All requests of one client that show an API key, instead of RATE_LIMIT_CLIENT.
    #[arg(long, env, default_value = "1000/s")]
    pub(crate) rate_limit_key_client: RateQuota,
    /// All requests of one account.
    #[arg(long, env, default_value = "50/s")]
    pub(crate) rate_limit_account: RateQuota,
    /// All requests with one API key.
    #[arg(long, env, default_value = "500/s")]
    pub(crate) rate_limit_api_key: RateQuota,
}

impl LimitSettings {
    /// The quota of each class, or `None` when limits are off.
    pub(crate) fn quotas(&self) -> Option<RateQuotas> {
        self.rate_limit.then(|| {
            RateQuotas::from_fn(|class| match class {
                RateClass::Login => self.rate_limit_login,
                RateClass::LoginPair => self.rate_limit_login_pair,
                RateClass::LoginAccount => self.rate_limit_login_account,
                RateClass::Register => self.rate_limit_register,
                RateClass::Refresh => self.rate_limit_refresh,
                RateClass::PasswordChange => self.rate_limit_password_change,
                RateClass::Pages => self.rate_limit_pages,
                RateClass::Client => self.rate_limit_client,
                RateClass::KeyClient => self.rate_limit_key_client,
                RateClass::Account => self.rate_limit_account,
                RateClass::ApiKey => self.rate_limit_api_key,
            })
        })
    }
}
