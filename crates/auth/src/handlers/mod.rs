//! The handlers: they translate HTTP for the use cases, one file a route.

pub(crate) mod api_keys;
pub(crate) mod audit;
mod failures;
pub(crate) mod sessions;
pub(crate) mod users;
