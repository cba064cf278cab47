//! The endpoints, one file each.

pub(crate) mod auth;
pub(crate) mod internal;
pub(crate) mod users;
