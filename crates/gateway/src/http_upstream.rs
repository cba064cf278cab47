//! A service in another process, reached over HTTP.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use axum::{body::Body, response::Response};
use bytes::Bytes;
use domain::{RoleSet, UserId};
use http::{
    HeaderValue, Request, StatusCode, Uri, Version, header,
    uri::{Authority, InvalidUri, Parts, PathAndQuery, Scheme},
};
use http_body_util::{BodyExt, Full};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::{
    budget,
    health::Dependency,
    http_client::{InternalClient, internal_client},
    identity::{Audience, IDENTITY_HEADER, Identity, IdentityKey, VouchedCall},
    identity_gate::{IDENTITY_REFUSED, READY_PATH},
    internal_api::{
        CHECK_SESSIONS_PATH, SessionsAnswer, SessionsQuestion, ShownSession, USER_ROLES_PATH,
        UserRolesAnswer, UserRolesQuestion,
    },
    traces::{CallKind, CallSpan, continue_trace, mark_failed},
};
use tokio::time::timeout;
use tracing::Instrument;

use crate::{
    sessions::{CredentialsAnswer, CredentialsQuestion, PresentedSession, SessionCheck, SessionsUnavailable},
    subjects::{SubjectsUnavailable, UserRoles},
    upstream::UpstreamError,
};

/// How often a refused signature is logged: every request would be.
const COMPLAINT_INTERVAL: Duration = Duration::from_mins(1);

/// A service behind HTTP, with its pool of connections.
#[derive(Debug)]
pub struct HttpUpstream {
    audience: Audience,
    authority: Authority,
    client: InternalClient,
    identity: IdentityKey,
    complained_at: Mutex<Option<Instant>>,
}

impl HttpUpstream {
    /// The service `audience` at `host:port`; the host is a name or an address.
    pub fn new(audience: Audience, host: &str, port: u16, identity: IdentityKey) -> Result<Self, InvalidUri> {
        let is_bare_ipv6 = host.contains(':') && !host.starts_with('[');
        let authority = if is_bare_ipv6 { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        let authority = authority.parse()?;
        Ok(Self { audience, authority, client: internal_client(), identity, complained_at: Mutex::new(None) })
    }

    /// Asks the service and reads its whole answer: what breaks off half way must not look like an answer,
    /// and a client that reads slowly must not hold the service.
    pub(crate) async fn call(
        &self,
        request: Request<Bytes>,
        call: impl Into<VouchedCall>,
    ) -> Result<Response, UpstreamError> {
        let request = self.address_request(request, call.into())?;
        let (parts, body) = self.client.request(request).await?.into_parts();
        if parts.headers.get(IDENTITY_HEADER) == Some(&IDENTITY_REFUSED) {
            self.complain_about_refused_signature();
            return Err(UpstreamError::SignatureRefused);
        }
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(parts, Body::from(body)))
    }

    /// Whatever host the client wrote, only ours is called; and whatever HTTP it speaks, the services speak
    /// 1.1.
    fn address_request(
        &self,
        request: Request<Bytes>,
        call: VouchedCall,
    ) -> Result<Request<Full<Bytes>>, UpstreamError> {
        let signed = self.identity.sign(self.audience, call).map_err(|_| UpstreamError::Signing)?;
        let signed = HeaderValue::try_from(signed).map_err(|_| UpstreamError::Signing)?;
        let mut uri = Parts::default();
        uri.scheme = Some(Scheme::HTTP);
        uri.authority = Some(self.authority.clone());
        uri.path_and_query = request.uri().path_and_query().cloned().or(Some(PathAndQuery::from_static("/")));
        let mut request = request.map(Full::from);
        *request.uri_mut() = Uri::from_parts(uri)?;
        *request.version_mut() = Version::HTTP_11;
        request.headers_mut().insert(IDENTITY_HEADER, signed);
        continue_trace(request.headers_mut());
        Ok(request)
    }

    fn complain_about_refused_signature(&self) {
        let mut complained_at = self.complained_at.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if complained_at.is_none_or(|at| at.elapsed() >= COMPLAINT_INTERVAL) {
            *complained_at = Some(Instant::now());
            let service = self.audience.name();
            tracing::error!(
                service,
                "{service} does not accept this gateway's signature: do both have the same JWT_SECRET, and clocks \
                 that agree within seconds?"
            );
        }
    }

    /// Asks for the gateway itself. `None` if the answer is not the expected one, or does not come in time.
    async fn ask_as_gateway(&self, request: Request<Bytes>, expected: StatusCode) -> Option<Bytes> {
        let answer = async {
            let response = self.call(request, Identity::Gateway).await.ok()?;
            let as_expected = response.status() == expected;
            let body = response.into_body().collect().await.ok()?.to_bytes();
            as_expected.then_some(body)
        };
        timeout(budget::STORE_OPERATION, answer).await.ok()?
    }

    /// Asks one of the questions that only the gateway may ask.
    async fn ask_question<A: DeserializeOwned>(
        &self,
        path: &'static str,
        question: &impl Serialize,
    ) -> Option<A> {
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Bytes::from(serde_json::to_vec(question).ok()?))
            .ok()?;
        let service = self.audience.name();
        let span = CallSpan { kind: CallKind::Http, service, method: "POST", route: path }.start();
        let answer = self.ask_as_gateway(request, StatusCode::OK).instrument(span.clone()).await;
        if answer.is_none() {
            mark_failed(&span);
        }
        serde_json::from_slice(&answer?).ok()
    }

    async fn answers_with(&self, path: &'static str, expected: StatusCode) -> bool {
        match Request::get(path).body(Bytes::new()) {
            Ok(request) => self.ask_as_gateway(request, expected).await.is_some(),
            Err(_) => false,
        }
    }
}

#[async_trait]
impl SessionCheck for HttpUpstream {
    async fn check(&self, question: CredentialsQuestion) -> Result<CredentialsAnswer, SessionsUnavailable> {
        let CredentialsQuestion { sessions, keys } = question;
        let shown = |PresentedSession { user, token }| ShownSession { user_id: user, token };
        let question = SessionsQuestion { sessions: sessions.into_iter().map(shown).collect(), keys };
        let answer = self.ask_question(CHECK_SESSIONS_PATH, &question).await.ok_or(SessionsUnavailable)?;
        let SessionsAnswer { current, keys } = answer;
        Ok(CredentialsAnswer { sessions: current, keys })
    }
}

#[async_trait]
impl UserRoles for HttpUpstream {
    async fn roles_of(&self, users: Vec<UserId>) -> Result<Vec<Option<RoleSet>>, SubjectsUnavailable> {
        let answer = self.ask_question(USER_ROLES_PATH, &UserRolesQuestion { users }).await;
        answer.map(|UserRolesAnswer { roles }| roles).ok_or(SubjectsUnavailable)
    }
}

#[async_trait]
impl Dependency for HttpUpstream {
    fn name(&self) -> &'static str {
        self.audience.name()
    }

    /// Whether the service has what it needs, and accepts this gateway's signature: without that it answers
    /// nobody.
    async fn answers(&self) -> bool {
        let (ready, accepted) = tokio::join!(
            self.answers_with("/readyz", StatusCode::OK),
            self.answers_with(READY_PATH, StatusCode::NO_CONTENT)
        );
        ready && accepted
    }
}
