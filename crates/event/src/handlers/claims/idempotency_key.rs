use axum::extract::FromRequestParts;
use domain::Faults;
use http::{HeaderName, request::Parts};
use service_kit::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const LONGEST: usize = 255;

/// The header `Idempotency-Key`, by which a claimant recognises a retry: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdempotencyKey(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        match value.to_str() {
            Ok(key) if (1..=LONGEST).contains(&key.len()) => Ok(Self(Some(key.to_owned()))),
            _ => Err(Faults::new("Idempotency-Key", "must have 1 to 255 visible ASCII characters").into()),
        }
    }
}
