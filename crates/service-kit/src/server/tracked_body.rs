//! An answer's body that tells when the connection has taken all of it.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::activity::ConnectionActivity;

/// Counts a request as in flight for as long as it lives.
#[derive(Debug)]
pub(super) struct RequestInFlight(Arc<ConnectionActivity>);

impl RequestInFlight {
    /// A request whose head has been read.
    pub(super) fn new(activity: &Arc<ConnectionActivity>, is_http2: bool) -> Self {
        activity.request_began(is_http2);
        Self(Arc::clone(activity))
    }
}

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.request_ended();
    }
}

pin_project_lite::pin_project! {
    /// The body of an answer, whose request is in flight until the body is dropped.
    #[derive(Debug)]
    pub(super) struct TrackedBody {
        #[pin]
        body: Body,
        request: RequestInFlight,
    }
}

impl TrackedBody {
    pub(super) fn new(body: Body, request: RequestInFlight) -> Self {
        Self { body, request }
    }
}

impl http_body::Body for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.project().body.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
