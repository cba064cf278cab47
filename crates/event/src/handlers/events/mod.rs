pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod duplicate;
pub(crate) mod edit;
pub(super) mod fields;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod revisions;
mod view;
