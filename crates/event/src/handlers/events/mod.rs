pub(crate) mod create;
mod fields;
pub(crate) mod get;
pub(crate) mod list;
mod view;
