//! The commands a person types, one file each.

pub(crate) mod audit;
pub(crate) mod demo;
pub(crate) mod healthcheck;
pub(crate) mod import;
pub(crate) mod migrate_data;
pub(crate) mod openapi;
pub(crate) mod serve;
pub(crate) mod user;

/// How a command ends. Errors are printed to the person as they are, so they must say what to do.
pub(crate) type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;
