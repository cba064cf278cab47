//! What every adapter must do, races included: one suite per port. An adapter's tests run each of these on it.

pub(crate) mod access_tokens;
pub(crate) mod api_keys;
pub(crate) mod refresh_tokens;
pub(crate) mod transfer;
pub(crate) mod users;
