//! What every adapter must do, races included: one suite per port. An adapter's tests run each of these on it.

pub(crate) mod access_tokens;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod refresh_tokens;
pub(crate) mod transfer;
pub(crate) mod users;

use std::sync::Arc;

use ::audit::ChangeStamp;
use domain::{ChangeAuthor, IdGenerator, SystemClock, Timestamp};

/// A change by the command line at this moment.
pub(crate) fn stamp_at(at: Timestamp) -> ChangeStamp {
    let id = IdGenerator::new(Arc::new(SystemClock)).mint().id;
    ChangeStamp { id, at, author: ChangeAuthor::COMMAND }
}

/// A change by the command line now.
pub(crate) fn stamp_now() -> ChangeStamp {
    ChangeStamp::new(IdGenerator::new(Arc::new(SystemClock)).mint(), ChangeAuthor::COMMAND)
}
