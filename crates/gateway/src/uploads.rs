//! Large bodies: few at the same time, since each is in memory as a whole.

use std::{sync::Arc, time::Duration};

use http::request::Parts;
use service_kit::{
    budget,
    extract::is_csv,
    problem::{Problem, ProblemCode},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    gateway::Gateway,
    guard::{check_credentials, check_token},
    routes::Route,
};

/// Large bodies that are received or worked through at the same time.
const AT_ONCE: usize = 2;

/// Whose turn it is to send a large body. Cheap to clone.
#[derive(Debug, Clone)]
pub struct UploadTurns(Arc<Semaphore>);

impl UploadTurns {
    /// Two at the same time.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    fn take(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let turn = Arc::clone(&self.0).try_acquire_owned();
        turn.map_err(|none| Problem::new(ProblemCode::Unavailable).caused_by(none))
    }
}

impl Default for UploadTurns {
    fn default() -> Self {
        Self::new()
    }
}

/// How large a request's body may be, and how long it may take.
#[derive(Debug)]
pub(crate) struct RequestBounds {
    pub(crate) bytes: usize,
    pub(crate) arrival: Duration,
    pub(crate) answer: Duration,
    /// Held until it is answered.
    _turn: Option<OwnedSemaphorePermit>,
}

impl RequestBounds {
    /// The bounds of a request on a route. Whoever wants to send a large body must be allowed to before it is read: a turn is
    /// not for everybody who is logged in.
    pub(crate) async fn find(gateway: &Gateway, route: &Route, request: &Parts) -> Result<Self, Problem> {
        if route.upload_limit == 0 || !is_csv(&request.headers) {
            let (arrival, answer) = (budget::REQUEST_BODY, budget::SERVICE_ANSWER);
            return Ok(Self { bytes: route.body_limit, arrival, answer, _turn: None });
        }
        let credentials = check_token(gateway, route, request)?;
        let allowed = timeout(budget::SERVICE_ANSWER, check_credentials(gateway, route, credentials)).await;
        allowed.map_err(|late| Problem::new(ProblemCode::Unavailable).caused_by(late))??;
        let (arrival, answer) = (budget::UPLOAD_BODY, budget::UPLOAD_ANSWER);
        Ok(Self { bytes: route.upload_limit, arrival, answer, _turn: Some(gateway.uploads.take()?) })
    }
}
