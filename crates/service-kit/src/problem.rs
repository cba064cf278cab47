//! Errors as the outside sees them: `application/problem+json` (RFC 9457) with a stable `code`.
//!
//! This is the one place that turns codes into HTTP. Causes go to the log, never into an answer.

use std::{error::Error, sync::Arc};

use axum::response::{IntoResponse, Response};
use domain::{Fault, Faults};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// Every code an answer can carry. Clients switch on these; they never change meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "each code's meaning is the title beside it")]
pub enum Code {
    ValidationFailed,
    MalformedBody,
    Unauthenticated,
    TokenExpired,
    SessionRevoked,
    InvalidCredentials,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    EmailTaken,
    LastAdmin,
    RewardAttached,
    EventNotActive,
    EventNotStarted,
    EventEnded,
    AlreadyRequested,
    BodyTooLarge,
    UnsupportedMediaType,
    ConditionNotMet,
    RateLimited,
    Internal,
    Unavailable,
}

impl Code {
    /// All codes, so that a test can ask whether each is produced somewhere.
    pub const ALL: [Code; 23] = [
        Code::ValidationFailed,
        Code::MalformedBody,
        Code::Unauthenticated,
        Code::TokenExpired,
        Code::SessionRevoked,
        Code::InvalidCredentials,
        Code::Forbidden,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::RequestTimeout,
        Code::EmailTaken,
        Code::LastAdmin,
        Code::RewardAttached,
        Code::EventNotActive,
        Code::EventNotStarted,
        Code::EventEnded,
        Code::AlreadyRequested,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::ConditionNotMet,
        Code::RateLimited,
        Code::Internal,
        Code::Unavailable,
    ];

    /// The status and the short summary that go with this code.
    pub fn status_and_title(self) -> (StatusCode, &'static str) {
        match self {
            Code::ValidationFailed => (StatusCode::BAD_REQUEST, "The request has invalid values"),
            Code::MalformedBody => (StatusCode::BAD_REQUEST, "The body is not valid JSON"),
            Code::Unauthenticated => (StatusCode::UNAUTHORIZED, "A valid access token is required"),
            Code::TokenExpired => (StatusCode::UNAUTHORIZED, "The token has expired"),
            Code::SessionRevoked => (StatusCode::UNAUTHORIZED, "The session is no longer valid"),
            Code::InvalidCredentials => (StatusCode::UNAUTHORIZED, "Email or password is wrong"),
            Code::Forbidden => (StatusCode::FORBIDDEN, "Your roles do not allow this"),
            Code::NotFound => (StatusCode::NOT_FOUND, "There is nothing here"),
            Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "This path has no such method"),
            Code::RequestTimeout => (StatusCode::REQUEST_TIMEOUT, "The request took too long to arrive"),
            Code::EmailTaken => (StatusCode::CONFLICT, "The email address is already registered"),
            Code::LastAdmin => (StatusCode::CONFLICT, "The last administrator must remain"),
            Code::RewardAttached => (StatusCode::CONFLICT, "The reward is already attached to this event"),
            Code::EventNotActive => (StatusCode::CONFLICT, "The event is not active"),
            Code::EventNotStarted => (StatusCode::CONFLICT, "The event has not started"),
            Code::EventEnded => (StatusCode::CONFLICT, "The event has ended"),
            Code::AlreadyRequested => (StatusCode::CONFLICT, "This event's reward was already requested"),
            Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The body is too large"),
            Code::UnsupportedMediaType => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body must be application/json")
            }
            Code::ConditionNotMet => (StatusCode::UNPROCESSABLE_ENTITY, "The event's condition is not met"),
            Code::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side"),
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "Temporarily unavailable, try again"),
        }
    }

    /// The code as it is written in answers.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    detail: Option<String>,
    faults: Vec<Fault>,
    members: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with this code and no further detail.
    pub fn new(code: Code) -> Self {
        let retry_after_seconds = matches!(code, Code::RateLimited | Code::Unavailable).then_some(1);
        Self(Box::new(Inner {
            code,
            detail: None,
            faults: Vec::new(),
            members: Map::new(),
            retry_after_seconds,
            cause: None,
        }))
    }

    /// Every fault of an input at once: 400 `VALIDATION_FAILED`.
    pub fn invalid(faults: Faults) -> Self {
        let mut problem = Self::new(Code::ValidationFailed);
        problem.0.faults = faults.into_vec();
        problem
    }

    /// Explains this occurrence in a sentence that is safe to show.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds an extension member (RFC 9457, 3.2).
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.members.insert(name.to_owned(), value.into());
        self
    }

    /// Tells the caller how many seconds to wait before trying again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.0.retry_after_seconds = Some(seconds.max(1));
        self
    }

    /// Keeps the cause for the log. It is never sent.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// What caused it, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.0.cause.as_deref()
    }

    /// The answer, naming the request it belongs to.
    pub fn into_response_for(self, correlation_id: &str) -> Response {
        let inner = *self.0;
        let (status, title) = inner.code.status_and_title();
        let mut body = Map::new();
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("detail".into(), inner.detail.unwrap_or_else(|| title.to_owned()).into());
        body.insert("code".into(), inner.code.name().into());
        body.insert("requestId".into(), correlation_id.into());
        if !inner.faults.is_empty() {
            body.insert("errors".into(), serde_json::to_value(inner.faults).unwrap_or_default());
        }
        body.extend(inner.members);
        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = inner.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(inner.code));
        }
        response
    }
}

/// RFC 6750, 3: a token that was given and refused is named `invalid_token`.
fn challenge(code: Code) -> HeaderValue {
    HeaderValue::from_static(match code {
        Code::TokenExpired => {
            "Bearer realm=\"guerdon\", error=\"invalid_token\", error_description=\"expired\""
        }
        Code::SessionRevoked => {
            "Bearer realm=\"guerdon\", error=\"invalid_token\", error_description=\"revoked\""
        }
        _ => "Bearer realm=\"guerdon\"",
    })
}

/// Leaves the problem in the response's extensions: [`crate::observe`] writes the body, since it knows the request id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.code.status_and_title().0.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Problem::invalid(faults)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Problem::new(code)
    }
}

/// How problems look in the OpenAPI document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// Always `about:blank`: the `code` tells problems apart.
    #[schema(example = "about:blank")]
    pub r#type: String,
    /// A short summary of the code.
    pub title: String,
    /// The HTTP status.
    #[schema(example = 409)]
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// Stable, for programs.
    pub code: Code,
    /// The `x-request-id` of this request; for `ALREADY_REQUESTED` the id of the earlier reward request.
    pub request_id: String,
    /// One entry per fault, with `VALIDATION_FAILED`.
    pub errors: Option<Vec<Fault>>,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_has_its_own_name_and_an_error_status() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        for code in Code::ALL {
            let (status, title) = code.status_and_title();
            assert!(status.is_client_error() || status.is_server_error(), "{title}");
        }
    }

    #[tokio::test]
    async fn the_cause_is_never_part_of_the_answer() {
        let problem =
            Problem::new(Code::Unavailable).caused_by(std::io::Error::other("secret-host:5432 refused"));
        let response = problem.clone().into_response_for("r-1");
        assert_eq!(response.headers()["retry-after"], "1");
        let body = axum::body::to_bytes(response.into_body(), 10_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("\"code\":\"UNAVAILABLE\"") && body.contains("\"requestId\":\"r-1\""));
        assert!(!body.contains("secret-host"));
    }
}
