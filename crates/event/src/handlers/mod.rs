//! The endpoints, one file each.

pub(crate) mod activities;
pub(crate) mod admin;
pub(crate) mod attributes;
pub(crate) mod audit;
pub(crate) mod claims;
pub(crate) mod conditions;
pub(crate) mod eligibility;
pub(crate) mod events;
pub(crate) mod grants;
pub(crate) mod rewards;
pub(crate) mod wallets;
