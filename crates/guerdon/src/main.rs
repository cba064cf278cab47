//! The one binary of Guerdon: it serves, creates users, plays the demo, prints the API's description, checks health.

mod assembly;
mod commands;
mod first_admin;
mod secret;
mod settings;
mod store_url;
mod stores;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{demo, healthcheck, migrate_data, openapi, serve, user};

// Claims are many small allocations on many threads; mimalloc keeps their cost and their memory down.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Reward events for live services: define, claim, decide, audit.
#[derive(Debug, Parser)]
#[command(name = "guerdon", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run all services in this process, or one of them
    Serve(Box<serve::Serve>),
    /// Manage users in the store, also while the services run
    #[command(subcommand)]
    User(user::User),
    /// Play a reward event from beginning to end against a fresh instance
    Demo,
    /// Print the `OpenAPI` document
    Openapi,
    MigrateData(Box<migrate_data::MigrateData>),
    /// Ask a running service whether it is ready; exits 0 if it is
    Healthcheck(healthcheck::Healthcheck),
}

#[tokio::main]
async fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve(serve) => serve.run().await,
        Command::User(user) => user.run().await,
        Command::Demo => demo::run().await,
        Command::Openapi => openapi::run(),
        Command::MigrateData(migrate_data) => migrate_data.run().await,
        Command::Healthcheck(healthcheck) => healthcheck.run().await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guerdon: {error}");
            ExitCode::FAILURE
        }
    }
}
