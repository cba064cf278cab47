//! Everything that can be set, as flags or environment variables. `guerdon serve --help` and docs/OPERATIONS.md list it.

#[cfg(test)]
mod deployment_tests;
mod environment;
mod host;
mod limits;
mod log_filter;
mod traces;

use std::path::{Path, PathBuf};

use clap::{ArgAction, Args, Parser, builder::BoolishValueParser, value_parser};
use domain::Secret;
use gateway::AllowedOrigins;
use service_kit::budget;

pub(crate) use self::{
    environment::{EnvironmentReader, explain_refused_value},
    host::HostName,
    limits::LimitSettings,
    log_filter::LogFilter,
    traces::CollectorSettings,
};

/// The defaults are those of the contract, section 1: embedded stores, loopback only.
#[derive(Debug, Clone, Args)]
#[allow(clippy::doc_markdown, reason = "the comments are the help, which knows no backticks")]
pub(crate) struct Settings {
    /// The address every process listens on.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) bind_host: HostName,
    /// The same for the gateway alone. Default: BIND_HOST.
    #[arg(long, env)]
    pub(crate) gateway_host: Option<HostName>,
    /// Public API of the gateway; 0 takes any free port, as for the other ports.
    #[arg(long, env, default_value_t = 3333)]
    pub(crate) http_port: u16,
    #[command(flatten)]
    pub(crate) ports: PortSettings,
    /// Where the gateway finds auth.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) auth_service_host: HostName,
    /// Where the gateway finds event.
    #[arg(long, env, default_value = "127.0.0.1")]
    pub(crate) event_service_host: HostName,
    #[command(flatten)]
    pub(crate) stores: StoreSettings,
    #[command(flatten)]
    pub(crate) secrets: SecretSettings,
    #[command(flatten)]
    pub(crate) limits: LimitSettings,
    /// Mark the refresh cookie Secure: set it when users come over HTTPS.
    #[arg(long, env, default_value = "false", default_missing_value = "true", num_args = 0..=1)]
    #[arg(require_equals = true, action = ArgAction::Set, value_parser = BoolishValueParser::new())]
    pub(crate) cookie_secure: bool,
    /// How many proxies stand before the gateway and append to X-Forwarded-For.
    #[arg(long, env, default_value_t = 0, value_parser = value_parser!(u8).range(..=MAX_PROXIES))]
    pub(crate) trusted_proxies: u8,
    /// Origins whose pages may call the API with a bearer token: scheme, host and port, with commas between them.
    #[arg(long, env, default_value = "", hide_default_value = true)]
    pub(crate) cors_origins: AllowedOrigins,
    /// How long an idle connection is kept for its next request. Behind a load balancer: longer than the balancer keeps
    /// its own.
    #[arg(long, env, default_value_t = budget::KEEP_ALIVE.as_secs(), value_parser = value_parser!(u64).range(1..=3600))]
    pub(crate) keep_alive_seconds: u64,
    /// How long the refresh token that was replaced last still gets its successor again, for lost answers; 0: not at all.
    #[arg(long, env, default_value_t = 10, value_parser = value_parser!(u64).range(..=300))]
    pub(crate) refresh_grace_seconds: u64,
    /// error, warn, info, debug, trace or off; or directives such as info,sqlx=debug.
    #[arg(long, env, default_value = "info")]
    pub(crate) log_level: LogFilter,
    #[command(flatten)]
    pub(crate) collector: CollectorSettings,
}

/// More proxies than any installation has.
const MAX_PROXIES: i64 = 32;

/// The ports of processes that a health check can ask.
#[derive(Debug, Clone, Args)]
#[allow(clippy::struct_field_names, reason = "the fields are named as the variables and flags are")]
pub(crate) struct PortSettings {
    /// Operations of the gateway: /metrics, /healthz, /readyz.
    #[arg(long, env, default_value_t = 3000)]
    pub(crate) gateway_port: u16,
    /// The port auth listens on.
    #[arg(long, env, default_value_t = 3001)]
    pub(crate) auth_service_port: u16,
    /// The port event listens on.
    #[arg(long, env, default_value_t = 3002)]
    pub(crate) event_service_port: u16,
}

impl Settings {
    /// Everything embedded in this folder, on free ports: for an instance that lives as long as a demo.
    pub(crate) fn throw_away(folder: &Path) -> Self {
        let BareSettings { mut settings } = BareSettings::parse_from(["guerdon"]);
        settings.stores = StoreSettings {
            data_dir: folder.to_owned(),
            user_db_url: None,
            event_db_url: None,
            token_db_url: None,
            mongodb_uri: None,
            redis_host: None,
            redis_port: settings.stores.redis_port,
        };
        settings.secrets = SecretSettings { jwt_secret: None, jwt_secret_previous: None };
        settings.bind_host = HostName::LOOPBACK;
        settings.gateway_host = None;
        settings.http_port = 0;
        settings.ports.gateway_port = 0;
        settings
    }
}

/// The settings without a command around them.
#[derive(Parser)]
struct BareSettings {
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
    pub(crate) user_db_url: Option<Secret<String>>,
    /// Events, rewards and claims: mongodb://… or sqlite:PATH. Default: MONGODB_URI, else event.db in the data folder.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) event_db_url: Option<Secret<String>>,
    /// Access tokens, and rate limits that replicas share: redis://…, rediss://…, redis+cluster://a:1,b:2,
    /// redis+sentinel://a:1,b:2/NAME or memory:. Default: REDIS_HOST, else memory:.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) token_db_url: Option<Secret<String>>,
    /// One MongoDB server for users (database user-db) and events (database event-db).
    #[arg(long, env, hide_env_values = true)]
    pub(crate) mongodb_uri: Option<Secret<String>>,
    /// A Redis server for access tokens.
    #[arg(long, env)]
    pub(crate) redis_host: Option<HostName>,
    /// The port of REDIS_HOST.
    #[arg(long, env, default_value_t = 6379)]
    pub(crate) redis_port: u16,
}

/// What signs access tokens.
#[derive(Debug, Clone, Args)]
pub(crate) struct SecretSettings {
    /// Signs access tokens; at least 32 bytes. Default: a generated one, kept in the data folder; required as soon as a
    /// store is external.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) jwt_secret: Option<Secret<String>>,
    /// The secret before this one: what it signed is still accepted, so that a change ends no session.
    #[arg(long, env, hide_env_values = true)]
    pub(crate) jwt_secret_previous: Option<Secret<String>>,
}
