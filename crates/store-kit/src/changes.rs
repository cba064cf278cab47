//! Whether anything in a store has changed: asked at once, without a round trip, and answered exactly.

use std::fmt;

/// A moment in the life of a store: another one is different if anything was committed between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeMark(pub(crate) i64);

/// Watches a store for commits, whoever makes them.
pub trait ChangeWatch: Send + Sync + fmt::Debug {
    /// The present moment, which sees every commit that was acknowledged before. None where that cannot be
    /// said at the moment.
    fn mark(&self) -> Option<ChangeMark>;
}

/// A store that others may change without this process learning of it.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl ChangeWatch for Unwatched {
    fn mark(&self) -> Option<ChangeMark> {
        None
    }
}
