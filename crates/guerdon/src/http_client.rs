//! Asks an instance of this program over HTTP.

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

/// Sends requests straight to where they go: never through a proxy that the environment names.
#[derive(Debug, Clone)]
pub(crate) struct DirectClient(Client<HttpConnector, Full<Bytes>>);

/// What came back.
pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) text: String,
}

/// Why nothing came back.
pub(crate) type ClientError = Box<dyn std::error::Error + Send + Sync>;

impl DirectClient {
    pub(crate) fn new() -> Self {
        Self(Client::builder(TokioExecutor::new()).build_http())
    }

    /// Sends a request; a null body is none.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &str,
        bearer: Option<&str>,
        body: &Value,
    ) -> Result<HttpAnswer, ClientError> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(token) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let mut bytes = Bytes::new();
        if !body.is_null() {
            request = request.header(header::CONTENT_TYPE, "application/json");
            bytes = serde_json::to_vec(body)?.into();
        }
        let answer = self.0.request(request.body(Full::new(bytes))?).await?;
        let status = answer.status();
        let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().into())?;
        Ok(HttpAnswer { status, text })
    }
}
