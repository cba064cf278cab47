//! Reading a request's body within its limits, and what becomes of the body of a request that is refused.

use axum::{
    body::{Body, HttpBody},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::Faults;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use service_kit::{
    budget,
    problem::{Problem, ProblemCode},
};
use tokio::time::timeout;

use crate::uploads::RequestBounds;

/// How much of a refused request's body is read and dropped.
const REFUSED_BYTES: usize = 1024 * 1024;

/// A body that is still on its way.
#[derive(Debug)]
pub(crate) struct RequestBody {
    body: Body,
    declared_bytes: Option<usize>,
    /// The client waits for a word before it sends the body (RFC 9110, 10.1.1).
    waits_for_word: bool,
}

impl RequestBody {
    pub(crate) fn new(headers: &HeaderMap, body: Body) -> Self {
        let declared_bytes =
            headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        Self { body, declared_bytes, waits_for_word: headers.contains_key(header::EXPECT) }
    }

    /// The whole body within its bounds; with 0 bytes there must be none.
    pub(crate) async fn read(&mut self, bounds: &RequestBounds) -> Result<Bytes, Problem> {
        let limit = bounds.bytes;
        if self.body.is_end_stream() {
            return Ok(Bytes::new());
        }
        let too_large = || match limit {
            0 => Problem::invalid(Faults::new("", "must be left out: this route takes no body")),
            _ => Problem::new(ProblemCode::BodyTooLarge)
                .detail(format!("The body may have at most {limit} bytes")),
        };
        if self.declared_bytes.is_some_and(|declared| declared > limit) {
            return Err(too_large());
        }
        match timeout(bounds.arrival, Limited::new(&mut self.body, limit).collect()).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
            Ok(Err(_)) => Err(Problem::new(ProblemCode::MalformedBody).detail("The body ended early")),
            Err(_) => Err(Problem::new(ProblemCode::RequestTimeout)),
        }
    }

    /// Answers with a problem, perhaps before the body was read. Closing on a client that is still sending
    /// can cost it the answer, and its next request the connection: so the rest is read and dropped, and past
    /// a bound the answer says that the connection ends (RFC 9112, 9.6).
    pub(crate) async fn refuse(mut self, problem: Problem) -> Response {
        let on_its_way = !self.waits_for_word && problem.code() != ProblemCode::RequestTimeout;
        let read = self.body.is_end_stream() || (on_its_way && self.drop_rest().await);
        let mut response = problem.into_response();
        if !read {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Whether the body came to its end within the bounds.
    async fn drop_rest(&mut self) -> bool {
        let mut left = REFUSED_BYTES;
        let to_the_end = async {
            while let Some(frame) = self.body.frame().await {
                left = left.checked_sub(frame.ok()?.data_ref().map_or(0, Bytes::len))?;
            }
            Some(())
        };
        matches!(timeout(budget::REFUSED_BODY, to_the_end).await, Ok(Some(())))
    }
}
