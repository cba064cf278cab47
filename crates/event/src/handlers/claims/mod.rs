pub(crate) mod count;
pub(crate) mod create;
pub(crate) mod decide;
pub(crate) mod decide_many;
mod decision;
pub(crate) mod get;
mod idempotency_key;
pub(crate) mod list;
mod view;
