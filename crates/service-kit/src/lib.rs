//! The plumbing every Guerdon service uses, and nothing a service decides.

pub mod access_token;
pub mod api_key;
pub mod batch;
pub mod budget;
pub mod expected_revision;
pub mod extract;
pub mod health;
pub mod http_client;
pub mod identity;
pub mod identity_gate;
pub mod internal_api;
pub mod metrics;
pub mod observe;
pub mod page;
pub mod problem;
pub mod queue_figures;
pub mod ratelimit;
mod request_metrics;
pub mod server;
pub mod subject;
pub mod telemetry;
pub mod traces;
pub mod worker;
