use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{Router, body::Body, response::Response};
use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, StatusCode, Uri, Version, header,
    uri::{Authority, InvalidUri, Parts, PathAndQuery, Scheme},
};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use service_kit::{
    health::Dependency,
    identity::{Audience, IDENTITY_HEADER, Identity, IdentityKey},
    internal_api::{CHECK_SESSIONS_PATH, SessionsAnswer, SessionsQuestion, ShownSession},
};
use tower::ServiceExt;

use crate::session::{Session, SessionCheck, SessionsUnavailable};

/// How long to wait for a connection to a service.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a connection is kept for the next request: less than the services keep theirs, so that none is used that is
/// just being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a session check may take before its requests are answered 503.
const CHECK_TIMEOUT: Duration = Duration::from_millis(1500);

/// A service the gateway hands requests to.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// In this process: a call.
    InProcess(Router),
    /// In another: HTTP.
    Http(Arc<HttpUpstream>),
}

/// The service did not answer. What exactly went wrong is for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpstreamError {
    #[error("the upstream service did not answer: {0}")]
    Call(#[from] hyper_util::client::legacy::Error),
    #[error("the upstream service cannot be asked for this path: {0}")]
    Uri(#[from] http::uri::InvalidUriParts),
}

impl Upstream {
    pub(crate) async fn call(&self, request: Request<Full<Bytes>>) -> Result<Response, UpstreamError> {
        match self {
            Upstream::InProcess(router) => {
                let answer = router.clone().oneshot(request.map(Body::new)).await;
                Ok(answer.unwrap_or_else(|never| match never {}))
            }
            Upstream::Http(upstream) => upstream.call(request).await,
        }
    }
}

/// A service behind HTTP, with its pool of connections.
#[derive(Debug)]
pub struct HttpUpstream {
    name: &'static str,
    authority: Authority,
    client: Client<HttpConnector, Full<Bytes>>,
    identity: IdentityKey,
}

impl HttpUpstream {
    /// A service at `host:port`, known to operators as `name`; the host is a name or an address.
    pub fn new(name: &'static str, host: &str, port: u16, identity: IdentityKey) -> Result<Self, InvalidUri> {
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let authority = if is_bare_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_TIMEOUT).build(connector);
        Ok(Self { name, authority: authority.parse()?, client, identity })
    }

    async fn call(&self, mut request: Request<Full<Bytes>>) -> Result<Response, UpstreamError> {
        // Whatever host the client wrote, only ours is called; and whatever HTTP it speaks, the services speak 1.1.
        let mut uri = Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = request.uri().path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        *request.uri_mut() = Uri::from_parts(uri)?;
        *request.version_mut() = Version::HTTP_11;
        Ok(self.client.request(request).await?.map(Body::new))
    }

    async fn ask(&self, request: Request<Full<Bytes>>) -> Option<Bytes> {
        let answer = async {
            let response = self.call(request).await.ok()?;
            let ok = response.status() == StatusCode::OK;
            let body = response.into_body().collect().await.ok()?.to_bytes();
            ok.then_some(body)
        };
        tokio::time::timeout(CHECK_TIMEOUT, answer).await.ok()?
    }
}

#[async_trait]
impl SessionCheck for HttpUpstream {
    async fn are_current(&self, sessions: Vec<Session>) -> Result<Vec<bool>, SessionsUnavailable> {
        let sessions = sessions
            .into_iter()
            .map(|Session { user, token }| ShownSession { user_id: user, token })
            .collect();
        let body = serde_json::to_vec(&SessionsQuestion { sessions }).map_err(|_| SessionsUnavailable)?;
        let identity =
            self.identity.sign(Audience::Auth, Identity::Gateway).map_err(|_| SessionsUnavailable)?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(CHECK_SESSIONS_PATH)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(IDENTITY_HEADER, identity)
            .body(Full::from(body))
            .map_err(|_| SessionsUnavailable)?;
        let answer = self.ask(request).await.ok_or(SessionsUnavailable)?;
        let SessionsAnswer { current } = serde_json::from_slice(&answer).map_err(|_| SessionsUnavailable)?;
        Ok(current)
    }
}

#[async_trait]
impl Dependency for HttpUpstream {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn answers(&self) -> bool {
        let request = Request::builder().uri("/readyz").body(Full::default());
        match request {
            Ok(request) => self.ask(request).await.is_some(),
            Err(_) => false,
        }
    }
}
