//! Measures Guerdon beside what bounds it, in one run: a bare HTTP server, SQLite by itself, Argon2 by itself.
//!
//! The figures are ratios, since machines differ and are busy; both sides of each take turns on the same machine.

mod activity_contest;
mod activity_reporter;
mod api_client;
mod bench_error;
mod child_server;
mod claim_contest;
mod condition_facts;
mod contest;
mod copied_row;
mod filled_store;
mod growth_contest;
mod guerdon_system;
mod hello_server;
mod http_connection;
mod load;
mod login_contest;
mod machine;
mod prepared_requests;
mod process_figures;
mod raw_sqlite;
mod read_contest;
mod report;
mod run_command;
mod split_contest;
mod standing_facts;

use std::process::ExitCode;

use clap::Parser;

use crate::run_command::RunCommand;

// As in Guerdon, so that "hello" differs from it in nothing but the work.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Guerdon beside what bounds it, and writes a report.
#[derive(Debug, Parser)]
#[command(name = "guerdon-bench", about)]
enum CommandLine {
    /// Measure
    Run(RunCommand),
    /// Serve "hello" on this port: what a bare server can do
    HelloServer {
        /// A port of 127.0.0.1
        port: u16,
    },
}

fn main() -> ExitCode {
    let outcome = match CommandLine::parse() {
        CommandLine::Run(command) => command.run(),
        CommandLine::HelloServer { port } => hello_server::serve_hello(port),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("guerdon-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
