//! Connections to PostgreSQL: made ready for every session, tested before use, bounded in time.

use std::time::Duration;

use sqlx::{
    AnyConnection, AnyPool, ConnectOptions, Connection, Row,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::{MigrateError, Migrator},
};
use tokio::time::timeout;

use service_kit::budget::{CONNECT, START_CONTACT, STORE_OPERATION};

use crate::readiness;

/// Each replica of a service; a server allows a hundred unless told otherwise.
const CONNECTIONS: u32 = 16;
/// Kept open, so that a burst after a quiet time need not wait for so many passwords to be checked.
const READY_CONNECTIONS: u32 = 4;
/// How long an idle connection may take to show that the server is still there, before another is opened instead.
const TEST_TIMEOUT: Duration = Duration::from_millis(250);

/// What the driver knows in a URL, besides `options[…]`. Any other it would log with its value, and `sslpassword` is one.
const PARAMETERS: &str = "sslmode ssl-mode sslrootcert ssl-root-cert ssl-ca sslcert ssl-cert sslkey ssl-key \
    statement-cache-capacity host hostaddr port dbname user password application_name options";

/// What every session needs, whatever the server or the URL says. A lost commit would be one that was acknowledged
/// asynchronously; the rest ends what a caller no longer waits for, and a transaction whose caller was cut off.
const SESSION: &str = "SELECT \
    set_config('statement_timeout', $1, false), \
    set_config('idle_in_transaction_session_timeout', $1, false), \
    set_config('default_transaction_isolation', 'read committed', false), \
    set_config('synchronous_commit', \
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, \
        false), \
    pg_is_in_recovery() AS standby";

/// Replicas that start together wait for the one that migrates.
const MIGRATION_SESSION: &str = "SET client_min_messages = warning; SET lock_timeout = '1min'";

/// Replicas that start together create the table of [`readiness`] one after another.
const READINESS_LOCK: &str = "SELECT pg_advisory_lock(8319072616)";

/// SQLSTATEs: `invalid_authorization_specification`, `invalid_password`, `insufficient_privilege`.
const REFUSED: [&str; 3] = ["28000", "28P01", "42501"];
/// `invalid_catalog_name`.
const NO_DATABASE: &str = "3D000";

/// Why a database could not be used at start-up. The URL is never repeated: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum PostgresConnectError {
    /// The URL does not read.
    #[error(
        "is not a PostgreSQL URL: postgres://user:password@host:port/database, special characters percent-encoded"
    )]
    Url,
    /// The server refuses the credentials, or their user may not do what is needed.
    #[error("names a PostgreSQL server that refuses its credentials: {0}")]
    Credentials(String),
    /// The server has no such database.
    #[error("names a PostgreSQL database that cannot be used: {0}")]
    Database(String),
    /// No server answers.
    #[error("names a PostgreSQL server that cannot be reached: {0}")]
    Unreachable(String),
    /// The tables cannot be brought up to date.
    #[error("names a PostgreSQL database whose tables cannot be brought up to date: {0}")]
    Migrate(MigrateError),
}

/// The connections of a migrated database.
pub(crate) async fn connect(url: &str, migrator: &Migrator) -> Result<AnyPool, PostgresConnectError> {
    let options = connect_options(url)?;
    let mut first = match timeout(START_CONTACT, options.connect()).await {
        Ok(connected) => connected.map_err(|error| connect_error(&error))?,
        Err(late) => return Err(PostgresConnectError::Unreachable(late.to_string())),
    };
    sqlx::raw_sql(MIGRATION_SESSION).execute(&mut first).await.map_err(|error| connect_error(&error))?;
    migrator.run_direct(None, &mut first, false).await.map_err(migrate_error)?;
    create_readiness(&mut first).await.map_err(|error| connect_error(&error))?;
    // It has done its work, whether or not it ends well.
    let _ = first.close().await;
    Ok(AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .min_connections(READY_CONNECTIONS)
        .acquire_timeout(CONNECT)
        // As before_acquire does, but without a time limit.
        .test_before_acquire(false)
        .before_acquire(|connection, _| {
            Box::pin(async move { Ok(matches!(timeout(TEST_TIMEOUT, connection.ping()).await, Ok(Ok(())))) })
        })
        .after_connect(|connection, _| Box::pin(prepare_session(connection)))
        .connect_lazy_with(options))
}

/// The lock ends with the connection.
async fn create_readiness(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(READINESS_LOCK).execute(&mut *connection).await?;
    sqlx::raw_sql(readiness::CREATE_TABLE).execute(connection).await.map(drop)
}

fn connect_options(url: &str) -> Result<AnyConnectOptions, PostgresConnectError> {
    let mut options: AnyConnectOptions = url.parse().map_err(|_| PostgresConnectError::Url)?;
    let url = &mut options.database_url;
    if !["postgres", "postgresql"].contains(&url.scheme()) {
        return Err(PostgresConnectError::Url);
    }
    let (known, unknown): (Vec<_>, Vec<_>) =
        url.query_pairs().into_owned().partition(|(name, _)| is_parameter(name));
    for (name, _) in unknown {
        tracing::warn!(%name, "the PostgreSQL URL has a parameter that is not known here: it is left out");
    }
    url.set_query(None);
    if !known.is_empty() {
        url.query_pairs_mut().extend_pairs(known);
    }
    Ok(options)
}

fn is_parameter(name: &str) -> bool {
    name.starts_with("options[") || PARAMETERS.split_ascii_whitespace().any(|known| known == name)
}

/// A standby may lag behind what was acknowledged, and takes no writes: it is as good as no server.
async fn prepare_session(connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
    let limit = STORE_OPERATION.as_millis().to_string();
    let session = sqlx::query(SESSION).bind(limit).fetch_one(connection).await?;
    if session.try_get("standby")? {
        return Err(sqlx::Error::Protocol("the server is a standby".to_owned()));
    }
    Ok(())
}

fn connect_error(error: &sqlx::Error) -> PostgresConnectError {
    let reason =
        error.as_database_error().map_or_else(|| error.to_string(), |error| error.message().to_owned());
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        Some(code) if REFUSED.contains(&code) => PostgresConnectError::Credentials(reason),
        Some(NO_DATABASE) => PostgresConnectError::Database(reason),
        _ if matches!(error, sqlx::Error::Configuration(_)) => PostgresConnectError::Url,
        _ => PostgresConnectError::Unreachable(reason),
    }
}

fn migrate_error(error: MigrateError) -> PostgresConnectError {
    let (MigrateError::Execute(cause) | MigrateError::ExecuteMigration(cause, _)) = &error else {
        return PostgresConnectError::Migrate(error);
    };
    match (connect_error(cause), cause.as_database_error()) {
        (PostgresConnectError::Unreachable(_), Some(_)) => PostgresConnectError::Migrate(error),
        (known, _) => known,
    }
}
