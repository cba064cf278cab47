pub(crate) mod attach;
mod body;
mod code_lines;
pub(crate) mod detach;
pub(crate) mod import_codes;
pub(crate) mod list;
pub(crate) mod list_all;
pub(crate) mod set_stock;
pub(crate) mod view;
