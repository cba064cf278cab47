pub(crate) mod attach;
mod body;
pub(crate) mod list;
mod view;
