//! Errors as the outside sees them: `application/problem+json` (RFC 9457) with a stable `code`.
//!
//! This is the one place that turns codes into HTTP. Causes go to the log, never into an answer.

mod code;
mod describe;
mod refusal;

use std::{error::Error, sync::Arc};

use axum::response::{IntoResponse, Response};
use domain::{ApiKeyScope, Fault, Faults};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value};

pub use self::{
    code::ProblemCode,
    describe::{CODES_EXTENSION, ProblemBody, add_problem_schemas, problem_response, refusal_responses},
    refusal::{Refusal, Refused},
};

/// The members RFC 9457 and this API define; an extension member cannot take the place of one.
const STANDARD_MEMBERS: [&str; 8] =
    ["type", "title", "status", "detail", "instance", "code", "requestId", "errors"];
/// How long a caller waits before the next try, in seconds, if the problem does not say.
const DEFAULT_RETRY_SECONDS: u64 = 1;

/// An error on its way to the caller.
#[derive(Debug, Clone)]
pub struct Problem(Box<ProblemParts>);

#[derive(Debug, Clone)]
struct ProblemParts {
    code: ProblemCode,
    detail: Option<String>,
    faults: Vec<Fault>,
    members: Map<String, Value>,
    retry_after_seconds: Option<u64>,
    token_was_given: bool,
    scope_needed: Option<ApiKeyScope>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with this code and no further detail.
    pub fn new(code: ProblemCode) -> Self {
        let waits = matches!(code, ProblemCode::RateLimited | ProblemCode::Unavailable);
        Self(Box::new(ProblemParts {
            code,
            detail: None,
            faults: Vec::new(),
            members: Map::new(),
            retry_after_seconds: waits.then_some(DEFAULT_RETRY_SECONDS),
            token_was_given: matches!(code, ProblemCode::TokenExpired | ProblemCode::SessionRevoked),
            scope_needed: None,
            cause: None,
        }))
    }

    /// The faults of an input: 400 `VALIDATION_FAILED`. At most 100 are told, and an answer stays below 64 KiB: what a
    /// caller sent is not to come back many times over.
    pub fn invalid(faults: Faults) -> Self {
        let mut problem = Self::new(ProblemCode::ValidationFailed);
        problem.0.faults = faults.into_vec();
        problem
    }

    /// 401 `UNAUTHENTICATED` for an access token that was given and is not one of ours. The answer names the error
    /// `invalid_token`, which it must not where no token was given (RFC 6750, 3.1).
    pub fn invalid_token() -> Self {
        let mut problem = Self::new(ProblemCode::Unauthenticated).detail("The access token is not valid");
        problem.0.token_was_given = true;
        problem
    }

    /// 403 `FORBIDDEN` for an API key that lacks a scope. The answer names it (RFC 6750, 3.1).
    pub fn scope_needed(scope: ApiKeyScope) -> Self {
        let mut problem = Self::new(ProblemCode::Forbidden).detail(format!("This needs the scope {scope}"));
        problem.0.scope_needed = Some(scope);
        problem
    }

    /// 403 `FORBIDDEN` for an API key where no scope would help.
    pub fn keys_refused() -> Self {
        Self::new(ProblemCode::Forbidden).detail("This is for people who are logged in, not for API keys")
    }

    /// Explains this occurrence in a sentence that is safe to show.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds an extension member (RFC 9457, 3.2). The names of standard members are ignored.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if !STANDARD_MEMBERS.contains(&name) {
            self.0.members.insert(name.to_owned(), value.into());
        }
        self
    }

    /// Tells the caller how many seconds to wait before trying again; at least one.
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
    pub fn code(&self) -> ProblemCode {
        self.0.code
    }

    /// What caused it, for the log.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.0.cause.as_deref()
    }

    /// The answer, naming the request it belongs to.
    pub fn into_response_for(self, correlation_id: &str) -> Response {
        let parts = *self.0;
        let (status, title) = (parts.code.status(), parts.code.title());
        let mut body = parts.members;
        body.insert("type".into(), "about:blank".into());
        body.insert("title".into(), title.into());
        body.insert("status".into(), status.as_u16().into());
        body.insert("detail".into(), parts.detail.unwrap_or_else(|| title.to_owned()).into());
        body.insert("code".into(), parts.code.name().into());
        body.insert("requestId".into(), correlation_id.into());
        if !parts.faults.is_empty() {
            body.insert("errors".into(), serde_json::to_value(parts.faults).unwrap_or_default());
        }
        let mut response = (status, Value::Object(body).to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(seconds) = parts.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, challenge(parts.code, parts.token_was_given));
        }
        if let Some(challenge) = parts.scope_needed.and_then(scope_challenge) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}

/// RFC 6750, 3: a token that was given and refused is named `invalid_token`; without a token no error is named.
fn challenge(code: ProblemCode, token_was_given: bool) -> HeaderValue {
    HeaderValue::from_static(match (token_was_given, code) {
        (false, _) => "Bearer realm=\"guerdon\"",
        (true, ProblemCode::TokenExpired) => {
            "Bearer realm=\"guerdon\", error=\"invalid_token\", error_description=\"expired\""
        }
        (true, ProblemCode::SessionRevoked) => {
            "Bearer realm=\"guerdon\", error=\"invalid_token\", error_description=\"revoked\""
        }
        (true, _) => "Bearer realm=\"guerdon\", error=\"invalid_token\"",
    })
}

/// RFC 6750, 3.1: the scope that would have been enough.
fn scope_challenge(scope: ApiKeyScope) -> Option<HeaderValue> {
    let challenge = format!("Bearer realm=\"guerdon\", error=\"insufficient_scope\", scope=\"{scope}\"");
    HeaderValue::try_from(challenge).ok()
}

/// Leaves the problem in the response's extensions: [`crate::observe`] writes the body, since it knows the request id.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Faults> for Problem {
    fn from(faults: Faults) -> Self {
        Problem::invalid(faults)
    }
}

impl From<ProblemCode> for Problem {
    fn from(code: ProblemCode) -> Self {
        Problem::new(code)
    }
}

#[cfg(test)]
mod tests;
