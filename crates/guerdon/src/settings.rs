//! Everything that can be set, as flags or environment variables. `guerdon serve --help` is the reference.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, Parser, ValueEnum};
use service_kit::ratelimit::{RateClass, RateQuota, RateQuotas};

/// The defaults are those of the contract, section 1: embedded stores, loopback only.
#[derive(Debug, Clone, Args)]
pub(crate) struct Settings {
    /// The address every process listens on.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) bind_host: String,
    /// The same for the gateway alone.
    #[arg(long, env)]
    pub(crate) gateway_host: Option<String>,
    /// Public API of the gateway; 0 takes any free port, here and below.
    #[arg(long, env, default_value_t = 3333)]
    pub(crate) http_port: u16,
    /// Operations of the gateway: /metrics, /healthz, /readyz.
    #[arg(long, env, default_value_t = 3000)]
    pub(crate) gateway_port: u16,
    /// Where the gateway finds auth.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) auth_service_host: String,
    /// The port auth listens on.
    #[arg(long, env, default_value_t = 3001)]
    pub(crate) auth_service_port: u16,
    /// Where the gateway finds event.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) event_service_host: String,
    /// The port event listens on.
    #[arg(long, env, default_value_t = 3002)]
    pub(crate) event_service_port: u16,
    #[command(flatten)]
    pub(crate) stores: StoreSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    /// Mark the refresh cookie Secure: set it when users come over HTTPS.
    #[arg(long, env)]
    pub(crate) cookie_secure: bool,
    /// How many proxies stand before the gateway and append to X-Forwarded-For.
    #[arg(long, env, default_value_t = 0)]
    pub(crate) trusted_proxies: usize,
    /// error, warn, info, debug or trace; or directives such as info,sqlx=debug.
    #[arg(long, env, default_value = "info")]
    pub(crate) log_level: String,
}

impl Settings {
    /// Everything embedded in this folder, on free ports: for an instance that lives as long as a demo.
    pub(crate) fn throw_away(folder: &Path) -> Self {
        let Alone { mut settings } = Alone::parse_from(["guerdon"]);
        settings.stores = StoreSettings {
            data_dir: folder.to_owned(),
            user_db_url: None,
            event_db_url: None,
            token_db_url: None,
            mongodb_uri: None,
            redis_host: None,
            redis_port: settings.stores.redis_port,
            jwt_secret: None,
        };
        "127.0.0.1".clone_into(&mut settings.bind_host);
        settings.gateway_host = None;
        settings.http_port = 0;
        settings.gateway_port = 0;
        settings
    }
}

/// The settings without a command around them.
#[derive(Parser)]
struct Alone {
    #[command(flatten)]
    settings: Settings,
}

/// Where data and secrets are.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help, which knows no backticks")]
pub(crate) struct StoreSettings {
    /// Holds the embedded stores and the generated secret.
    #[arg(long = "data-dir", env = "GUERDON_DATA_DIR", default_value = "guerdon-data")]
    pub(crate) data_dir: PathBuf,
    /// Users and refresh tokens: mongodb://…, postgres://… or sqlite:PATH. Default: MONGODB_URI, else user.db in the
    /// data folder.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) user_db_url: Option<Secret>,
    /// Events, rewards and claims: mongodb://… or sqlite:PATH. Default: MONGODB_URI, else event.db in the data folder.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) event_db_url: Option<Secret>,
    /// Access tokens, and rate limits that replicas share: redis://…, rediss://…, redis+cluster://a:1,b:2,
    /// redis+sentinel://a:1,b:2/NAME or memory:. Default: REDIS_HOST, else memory:.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) token_db_url: Option<Secret>,
    /// One MongoDB server for users (database user-db) and events (database event-db).
    #[arg(long, env, hide_env_values = true)]
    pub(crate) mongodb_uri: Option<Secret>,
    /// A Redis server for access tokens.
    #[arg(long, env)]
    pub(crate) redis_host: Option<String>,
    /// The port of REDIS_HOST.
    #[arg(long, env, default_value_t = 6379)]
    pub(crate) redis_port: u16,
    /// Signs access tokens; at least 32 bytes. Default: a generated one, kept in the data folder; required as soon as a
    /// store is external.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) jwt_secret: Option<Secret>,
}

/// Text that must not show in logs, errors or help: a secret, or a URL that may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Whether limits apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// How often somebody may do something: a count and a time, such as 20/s, 30/min or 100/h.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_field_names, reason = "the fields are named as the variables and flags are")]
pub(crate) struct LimitSettings {
    /// Turns all rate limits on or off.
    #[arg(long, env, value_enum, default_value = "on")]
    pub(crate) rate_limit: Switch,
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
    /// All requests of one account.
    #[arg(long, env, default_value = "50/s")]
    pub(crate) rate_limit_account: RateQuota,
}

impl LimitSettings {
    /// The quota of each class, or `None` when limits are off.
    pub(crate) fn quotas(&self) -> Option<RateQuotas> {
        (self.rate_limit == Switch::On).then(|| {
            RateQuotas::from_fn(|class| match class {
                RateClass::Login => self.rate_limit_login,
                RateClass::LoginPair => self.rate_limit_login_pair,
                RateClass::LoginAccount => self.rate_limit_login_account,
                RateClass::Register => self.rate_limit_register,
                RateClass::Refresh => self.rate_limit_refresh,
                RateClass::PasswordChange => self.rate_limit_password_change,
                RateClass::Pages => self.rate_limit_pages,
                RateClass::Client => self.rate_limit_client,
                RateClass::Account => self.rate_limit_account,
            })
        })
    }
}
