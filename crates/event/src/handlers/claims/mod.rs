pub(crate) mod create;
pub(crate) mod get;
mod idempotency_key;
pub(crate) mod list;
mod view;
