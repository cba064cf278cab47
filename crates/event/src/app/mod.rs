//! The use cases: what the service does, whoever asks. They know ports, clocks and typed errors, and
//! nothing of HTTP.

pub(crate) mod claims;
pub(crate) mod events;
pub(crate) mod rewards;
