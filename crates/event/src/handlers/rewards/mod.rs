pub(crate) mod attach;
mod body;
pub(crate) mod detach;
pub(crate) mod list;
pub(crate) mod list_all;
pub(crate) mod set_stock;
pub(crate) mod view;
