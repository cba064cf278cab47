pub(crate) mod head;
pub(crate) mod list;
