//! The one binary of Guerdon: it serves, creates users, proves the audit log, plays the demo, prints the
//! API's description, checks health.

mod assembly;
mod commands;
mod data_folder;
mod first_admin;
mod http_client;
mod secret;
mod settings;
mod store_disk;
mod store_lock;
mod store_url;
mod stores;

use std::{ffi::OsString, process::ExitCode, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::{
    commands::{Outcome, audit, demo, healthcheck, import, migrate_data, openapi, serve, user},
    settings::{EnvironmentReader, explain_refused_value},
};

// Claims are many small allocations on many threads; mimalloc keeps their cost and their memory down.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reward events for live services: define, claim, decide, audit.
#[derive(Debug, Parser)]
#[command(name = "guerdon", version, about)]
struct CommandLine {
    #[command(subcommand)]
    command: ChosenCommand,
}

#[derive(Debug, Subcommand)]
enum ChosenCommand {
    /// Run all services in this process, or one of them
    Serve(Box<serve::ServeCommand>),
    /// Manage users in the store, also while the services run
    #[command(subcommand)]
    User(user::UserCommand),
    /// Prove the log of what was changed, or show its end, also while the services run
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Play a reward event from beginning to end against a fresh instance
    Demo,
    /// Print the `OpenAPI` document
    Openapi,
    MigrateData(Box<migrate_data::MigrateData>),
    /// Load data in bulk through the API of a running service
    #[command(subcommand)]
    Import(import::ImportCommand),
    /// Ask a running service whether it is ready; exits 0 if it is
    Healthcheck(healthcheck::HealthcheckCommand),
}

/// How long what runs on a thread of its own, such as looking up a host name, may hold up the end.
const LAST_THREADS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let command = match read_command_line() {
        Ok(command) => command,
        Err(code) => return code,
    };
    let outcome = match Runtime::new() {
        Ok(runtime) => {
            let outcome = runtime.block_on(run_command(command));
            runtime.shutdown_timeout(LAST_THREADS);
            outcome
        }
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guerdon: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run_command(command: ChosenCommand) -> Outcome {
    match command {
        ChosenCommand::Serve(serve) => serve.run().await,
        ChosenCommand::User(user) => user.run().await,
        ChosenCommand::Audit(audit) => audit.run().await,
        ChosenCommand::Demo => demo::play_demo().await,
        ChosenCommand::Openapi => openapi::print_document(),
        ChosenCommand::MigrateData(migrate_data) => migrate_data.run().await,
        ChosenCommand::Import(import) => import.run().await,
        ChosenCommand::Healthcheck(healthcheck) => healthcheck.run().await,
    }
}

#[allow(clippy::disallowed_methods, reason = "the one place that reads variables")]
fn read_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The command with its settings, from arguments and variables. What is wrong with them has been printed.
fn read_command_line() -> Result<ChosenCommand, ExitCode> {
    let words: Vec<_> = std::env::args_os().collect();
    let called = words.get(1..).unwrap_or_default();
    let prepared = EnvironmentReader::new(read_variable).prepare(CommandLine::command(), called);
    let mut command = prepared.map_err(|error| {
        eprintln!("guerdon: {error}");
        ExitCode::from(UNUSABLE_SETTING)
    })?;
    let matches = command.try_get_matches_from_mut(words);
    let cli = matches.and_then(|matches| CommandLine::from_arg_matches(&matches)).map_err(|error| {
        if let Some(line) = explain_refused_value(&command, &error) {
            eprintln!("guerdon: {line}");
            return ExitCode::from(UNUSABLE_SETTING);
        }
        // This prints the help, too, which is no error and goes to standard output.
        error.exit()
    })?;
    Ok(cli.command)
}

/// The exit code for a flag or variable that cannot be understood, as for a command that cannot.
const UNUSABLE_SETTING: u8 = 2;
