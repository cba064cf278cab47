//! The endpoints, one file each.

pub(crate) mod events;
pub(crate) mod requests;
pub(crate) mod rewards;
