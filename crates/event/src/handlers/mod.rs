//! The endpoints, one file each.

pub(crate) mod claims;
pub(crate) mod events;
pub(crate) mod rewards;
