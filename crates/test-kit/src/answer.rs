use axum::response::Response;
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;

/// A response that was read to its end.
#[derive(Debug, Clone)]
pub struct HttpAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub text: String,
    /// The body as JSON; null if it is none.
    pub body: Value,
}

impl HttpAnswer {
    /// Reads a response to its end.
    pub async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body breaks off").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("the body is no text");
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: parts.status, headers: parts.headers, text, body }
    }

    /// Status and problem code (empty without one): what a client switches on.
    pub fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or_default())
    }

    /// A text field of the body.
    pub fn str(&self, field: &str) -> &str {
        self.body[field].as_str().unwrap_or_else(|| panic!("no text {field:?} in {}", self.text))
    }

    /// A header's value; empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("the header is no text"))
    }

    /// The pointers of a problem's faults, sorted.
    pub fn pointers(&self) -> Vec<&str> {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        let mut pointers: Vec<_> = errors.filter_map(|fault| fault["pointer"].as_str()).collect();
        pointers.sort_unstable();
        pointers
    }

    /// The ids of a page's items, in their order.
    pub fn ids(&self) -> Vec<&str> {
        let items = self.body["items"].as_array().unwrap_or_else(|| panic!("no page: {}", self.text));
        items.iter().filter_map(|item| item["id"].as_str()).collect()
    }
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_problem_is_taken_apart() {
        let body = json!({"code": "VALIDATION_FAILED", "errors": [{"pointer": "/b"}, {"pointer": "/a"}]});
        let response = (StatusCode::BAD_REQUEST, [("x-test", "yes")], body.to_string()).into_response();
        let answer = HttpAnswer::read(response).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
        assert_eq!(answer.pointers(), ["/a", "/b"]);
        assert_eq!((answer.header("x-test"), answer.header("x-other")), ("yes", ""));
        assert_eq!(answer.str("code"), "VALIDATION_FAILED");
    }

    #[tokio::test]
    async fn what_is_no_json_has_no_outcome_but_its_status() {
        let answer = HttpAnswer::read("plain".into_response()).await;
        assert_eq!(
            (answer.outcome(), answer.text.as_str(), &answer.body),
            ((200, ""), "plain", &Value::Null)
        );
    }
}
