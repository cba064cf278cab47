//! The public edge. Every request passes here: rate limit, signature, body, session or API key, rule for
//! roles and scopes, identity, upstream.
//!
//! [`routes::ROUTES`] is the one list of what exists and who may use it. The router, the OpenAPI document and
//! the authorization tests are made from it, so a route without a rule cannot exist.

mod activities;
mod body;
mod client_address;
mod docs_pages;
mod edge;
mod gateway;
mod guard;
mod headers;
mod host;
mod http_upstream;
mod openapi;
mod origins;
mod proxy;
mod router;
pub mod routes;
mod sessions;
mod subjects;
mod uploads;
mod upstream;

pub use activities::{LoginActivities, LoginReporter, LoginsNotRecorded, login_activities};
pub use client_address::ClientAddressRule;
pub use gateway::Gateway;
pub use http_upstream::HttpUpstream;
pub use openapi::document;
pub use origins::{AllowedOrigins, InvalidOrigin};
pub use router::router;
pub use sessions::{
    CredentialsAnswer, CredentialsQuestion, PresentedSession, SessionCheck, SessionLookup,
    SessionsUnavailable,
};
pub use subjects::{SubjectLookup, SubjectsUnavailable, UserRoles};
pub use uploads::UploadTurns;
pub use upstream::Upstream;
