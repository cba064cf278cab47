use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use service_kit::identity::CLIENT_HEADER;

/// Whoever stands behind a request, as the gateway's rate limits know them. The gateway strips the header from what comes
/// from outside.
#[derive(Debug)]
pub(crate) struct ClientName(pub(super) String);

impl<S: Sync> FromRequestParts<S> for ClientName {
    type Rejection = Infallible;

    /// A gateway of an earlier version does not tell: then all clients are one.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let name = parts.headers.get(CLIENT_HEADER).and_then(|value| value.to_str().ok());
        Ok(Self(name.unwrap_or("unknown").to_owned()))
    }
}
