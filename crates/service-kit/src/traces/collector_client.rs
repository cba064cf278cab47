use std::{
    error::Error,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use opentelemetry_http::{HttpClient, HttpError};
use tokio::{runtime::Handle, time::timeout};

use super::settings::{CollectorEndpoint, CollectorHeaders};
use crate::{
    budget,
    http_client::{InternalClient, internal_client},
};

/// The most that is read of an answer: there is little in it to know.
const ANSWER_BYTES: usize = 64 * 1024;

/// Sends what the exporter has written to the collector.
pub(super) struct CollectorClient {
    endpoint: CollectorEndpoint,
    headers: HeaderMap,
    client: InternalClient,
    /// Requests need it, and the exporter has a thread of its own.
    runtime: Handle,
    is_failing: AtomicBool,
}

impl CollectorClient {
    /// Sends from the runtime in which this is called.
    pub(super) fn new(endpoint: CollectorEndpoint, headers: &CollectorHeaders) -> Self {
        let (headers, runtime) = (headers.map().clone(), Handle::current());
        Self { endpoint, headers, client: internal_client(), runtime, is_failing: AtomicBool::new(false) }
    }

    /// The exporter reads variables by itself. Here only the settings count, so the request is made anew.
    fn address_request(&self, written: Request<Bytes>) -> Request<Full<Bytes>> {
        let (written, body) = written.into_parts();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = written.method;
        *request.uri_mut() = self.endpoint.uri().clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(content_type) = written.headers.get(header::CONTENT_TYPE) {
            request.headers_mut().insert(header::CONTENT_TYPE, content_type.clone());
        }
        request
    }

    /// Says once that the collector takes nothing, and once that it does again.
    fn note_outcome(&self, outcome: &Result<Response<Bytes>, HttpError>) {
        let reason = match outcome {
            Ok(response) if response.status().is_success() => {
                if self.is_failing.swap(false, Ordering::Relaxed) {
                    tracing::info!("the collector takes traces again");
                }
                return;
            }
            Ok(response) => format!("it answers {}", response.status()),
            Err(error) => reason_of(&**error),
        };
        if !self.is_failing.swap(true, Ordering::Relaxed) {
            tracing::warn!(reason, "the collector takes no traces: they are lost until it does");
        }
    }
}

#[async_trait]
impl HttpClient for CollectorClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = read_answer(self.client.clone(), self.address_request(request));
        let sent = self.runtime.spawn(async move { timeout(budget::TRACE_EXPORT, answer).await });
        let outcome = match sent.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(late)) => Err(late.into()),
            // The runtime is ending.
            Err(stopped) => return Err(stopped.into()),
        };
        self.note_outcome(&outcome);
        outcome
    }
}

async fn read_answer(
    client: InternalClient,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, HttpError> {
    let (parts, body) = client.request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

/// Without the headers, which may hold a secret.
impl fmt::Debug for CollectorClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorClient").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// What went wrong, down to the first cause: the error alone would say that there was one.
fn reason_of(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        reason = format!("{reason}: {deeper}");
        cause = deeper.source();
    }
    reason
}
