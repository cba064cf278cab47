use std::sync::Arc;

use axum::{Router, body::Body};
use domain::Clock;
use http::{HeaderValue, Method, Request, header};
use serde_json::Value;
use service_kit::identity::{Audience, IDENTITY_HEADER, IdentityKey, VouchedCall};
use tower::ServiceExt;

use crate::HttpAnswer;

/// The secret that tests' services share with their gateway.
pub const TEST_SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

/// The key derived from [`TEST_SECRET`], on this clock.
pub fn test_identity_key(clock: Arc<dyn Clock>) -> IdentityKey {
    IdentityKey::derive(TEST_SECRET, clock)
}

/// A service's router, called as the gateway calls it: with a signed identity.
#[derive(Debug, Clone)]
pub struct TestService {
    /// The service.
    pub router: Router,
    /// What the gateway signs with.
    pub identity: IdentityKey,
    audience: Audience,
}

impl TestService {
    /// A service that trusts this key and knows itself under this name.
    pub fn new(router: Router, identity: IdentityKey, audience: Audience) -> Self {
        Self { router, identity, audience }
    }

    /// A request on behalf of `who`, with a JSON body or none. Besides who calls, a [`VouchedCall`] says whom
    /// it is about.
    pub fn build_request(
        &self,
        who: impl Into<VouchedCall>,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Request<Body> {
        let signed = self.identity.sign(self.audience, who).expect("an identity can be signed");
        let request = Request::builder().method(method).uri(path).header(IDENTITY_HEADER, signed);
        let request = match body {
            Some(body) => {
                request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string()))
            }
            None => request.body(Body::empty()),
        };
        request.unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Sends a request and reads its answer.
    pub async fn send(&self, request: Request<Body>) -> HttpAnswer {
        let Ok(response) = self.router.clone().oneshot(request).await;
        HttpAnswer::read(response).await
    }

    /// Sends a body as it is, declared as this media type.
    pub async fn send_text(
        &self,
        who: impl Into<VouchedCall>,
        method: Method,
        path: &str,
        media_type: &'static str,
        body: impl Into<Body>,
    ) -> HttpAnswer {
        let mut request = self.build_request(who, method, path, None);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        *request.body_mut() = body.into();
        self.send(request).await
    }

    /// `GET`.
    pub async fn get(&self, who: impl Into<VouchedCall>, path: &str) -> HttpAnswer {
        self.send(self.build_request(who, Method::GET, path, None)).await
    }

    /// `POST` with a JSON body.
    pub async fn post(&self, who: impl Into<VouchedCall>, path: &str, body: &Value) -> HttpAnswer {
        self.send(self.build_request(who, Method::POST, path, Some(body))).await
    }

    /// `PUT` with a JSON body.
    pub async fn put(&self, who: impl Into<VouchedCall>, path: &str, body: &Value) -> HttpAnswer {
        self.send(self.build_request(who, Method::PUT, path, Some(body))).await
    }

    /// `PATCH` with a JSON body.
    pub async fn patch(&self, who: impl Into<VouchedCall>, path: &str, body: &Value) -> HttpAnswer {
        self.send(self.build_request(who, Method::PATCH, path, Some(body))).await
    }

    /// `DELETE`.
    pub async fn delete(&self, who: impl Into<VouchedCall>, path: &str) -> HttpAnswer {
        self.send(self.build_request(who, Method::DELETE, path, None)).await
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::any;
    use domain::ManualClock;

    use super::*;
    use crate::callers::as_user;

    #[tokio::test]
    async fn every_request_carries_an_identity_signed_for_the_service() {
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        let key = test_identity_key(Arc::new(clock));
        let verifier = key.clone();
        let echo = async move |request: axum::extract::Request| {
            let signed = request.headers()[IDENTITY_HEADER].to_str().unwrap().to_owned();
            assert_eq!(verifier.verify(Audience::Event, &signed), Ok(as_user(1).into()));
            format!("{} {}", request.method(), request.uri().path())
        };
        let service = TestService::new(Router::new().fallback(any(echo)), key, Audience::Event);
        let path = "/events";
        assert_eq!(service.get(as_user(1), path).await.text, "GET /events");
        assert_eq!(service.post(as_user(1), path, &Value::Null).await.text, "POST /events");
        assert_eq!(service.put(as_user(1), path, &Value::Null).await.text, "PUT /events");
        assert_eq!(service.patch(as_user(1), path, &Value::Null).await.text, "PATCH /events");
        assert_eq!(service.delete(as_user(1), path).await.text, "DELETE /events");
        let text = service.send_text(as_user(1), Method::POST, path, "text/csv", "a,b").await;
        assert_eq!(text.text, "POST /events");
    }
}
