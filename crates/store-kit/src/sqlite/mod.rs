//! SQLite: one writer that groups the writes that wait, and readers beside it.

mod any;
mod native;
mod writer;

pub use self::native::{OpenError, Sqlite};
pub(crate) use self::{
    any::open_any,
    native::{BUSY_TIMEOUT, READERS, create_private},
    writer::{WriteQueue, WriterOpener},
};
