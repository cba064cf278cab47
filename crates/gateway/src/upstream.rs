//! A service the gateway hands requests to, in this process or another.

use std::sync::Arc;

use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use http::Request;
use service_kit::{
    identity::{Identity, VouchedCall},
    identity_gate::vouch_for,
    traces::{CallKind, CallSpan, mark_failed, record_status},
};
use tower::ServiceExt;
use tracing::Instrument;

use crate::{http_upstream::HttpUpstream, routes::Route};

/// A service the gateway hands requests to.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// In this process: a call, which carries the identity as a typed extension.
    InProcess(Router),
    /// In another: HTTP, which carries it as a signed token.
    Http(Arc<HttpUpstream>),
}

/// The service did not answer. What exactly went wrong is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the service did not answer: {0}")]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error("the service broke off its answer: {0}")]
    BrokenOff(#[from] hyper::Error),
    #[error("the service cannot be asked for this path: {0}")]
    Uri(#[from] http::uri::InvalidUriParts),
    #[error("the identity cannot be signed")]
    Signing,
    #[error("the service does not accept this gateway's signature")]
    SignatureRefused,
}

impl Upstream {
    /// Asks the service for what `route` promises, vouching for who calls and whom it is about. Its caller bounds the time.
    pub(crate) async fn call(
        &self,
        route: &Route,
        request: Request<Bytes>,
        call: VouchedCall,
    ) -> Result<Response, UpstreamError> {
        let kind = match self {
            Upstream::InProcess(_) => CallKind::InProcess,
            Upstream::Http(_) => CallKind::Http,
        };
        let (service, method) = (route.service.name(), route.method.as_str());
        let span = CallSpan { kind, service, method, route: route.path }.start();
        let answer = self.pass_on(request, call).instrument(span.clone()).await;
        match &answer {
            Ok(response) => record_status(&span, response.status().as_u16()),
            Err(_) => mark_failed(&span),
        }
        answer
    }

    /// Asks the service for the gateway itself, beside any request.
    pub(crate) async fn call_as_gateway(&self, request: Request<Bytes>) -> Result<Response, UpstreamError> {
        self.pass_on(request, Identity::Gateway.into()).await
    }

    async fn pass_on(
        &self,
        mut request: Request<Bytes>,
        call: VouchedCall,
    ) -> Result<Response, UpstreamError> {
        match self {
            Upstream::InProcess(router) => {
                vouch_for(&mut request, call);
                let answer = router.clone().oneshot(request.map(Body::from)).await;
                Ok(answer.unwrap_or_else(|never| match never {}))
            }
            Upstream::Http(upstream) => upstream.call(request, call).await,
        }
    }
}
