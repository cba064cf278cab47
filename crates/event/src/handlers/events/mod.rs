pub(crate) mod create;
pub(super) mod fields;
pub(crate) mod get;
pub(crate) mod list;
mod view;
