//! What every connected store can do besides keeping things.

use std::fmt;

use async_trait::async_trait;
use service_kit::health::Dependency;

/// A store that is open: it can be asked whether it works, and closed in good order.
#[async_trait]
pub trait StoreConnection: Dependency + fmt::Debug {
    /// Answers what waits, refuses what comes later as unavailable, and closes. Returns when that is done; calling it again
    /// does nothing. Whoever stops the process bounds it in time.
    async fn close(&self);
}
