use std::time::Duration;

use reqwest::{Client, Method, header::HeaderMap};
use serde_json::{Value, json};

use crate::{openapi::assert_documented, system::PASSWORD};

/// How often somebody who is told to come back does so.
const PATIENCE: u32 = 20;

/// A client of one system.
#[derive(Debug, Clone)]
pub struct Api {
    /// Sends the requests; keeps no cookies.
    pub client: Client,
    /// `http://host:port` of the public API.
    pub base: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, or null if it is no JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// A header's text, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body, if the answer is this problem.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), "application/problem+json", "{:#}", self.body);
        assert_eq!((self.status, &self.body["code"]), (status, &json!(code)), "{:#}", self.body);
        assert_eq!(self.body["status"], json!(status));
        self.body
    }
}

/// The text at a JSON pointer.
#[track_caller]
pub fn text(body: &Value, pointer: &str) -> String {
    let text = body.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_else(|| panic!("no text at {pointer} of {body:#}")).to_owned()
}

impl Api {
    /// A client of the API at this address.
    pub fn new(address: &str) -> Self {
        Self { client: Client::new(), base: format!("http://{address}") }
    }

    /// Sends a request; a null body is none.
    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: &Value) -> Answer {
        self.try_call(method, path, token, body).await.expect("the system answers")
    }

    /// Sends a request that may find nobody.
    pub async fn try_call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method.clone(), format!("{}{path}", self.base));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = Answer::read(request.send().await?).await?;
        assert_documented(method.as_str(), path, &answer);
        Ok(answer)
    }

    /// GET.
    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), &Value::Null).await
    }

    /// POST.
    pub async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(token), body).await
    }

    /// POST without being logged in.
    pub async fn post_anonymously(&self, path: &str, body: &Value) -> Answer {
        self.call(Method::POST, path, None, body).await
    }

    /// Claims an event's rewards.
    pub async fn claim(&self, token: &str, event: &str) -> Answer {
        self.post(&format!("/events/{event}/request"), token, &Value::Null).await
    }

    /// Every item of a list, page by page.
    pub async fn all_pages(&self, path: &str, token: &str, limit: usize) -> Vec<Value> {
        let (mut items, mut cursor) = (Vec::new(), None::<String>);
        let joint = if path.contains('?') { '&' } else { '?' };
        loop {
            let cursor_part = cursor.as_ref().map(|cursor| format!("&cursor={cursor}")).unwrap_or_default();
            let mut page =
                self.get(&format!("{path}{joint}limit={limit}{cursor_part}"), token).await.expect(200);
            let found = page["items"].as_array_mut().expect("a page has items");
            assert!(found.len() <= limit);
            items.append(found);
            match page["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return items,
            }
        }
    }

    /// PUT.
    pub async fn put(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.call(Method::PUT, path, Some(token), body).await
    }

    /// Registers with the usual password; returns the id.
    pub async fn register(&self, email: &str) -> String {
        let body = json!({ "email": email, "password": PASSWORD });
        let mut answer = self.post_anonymously("/users", &body).await;
        // Many who register at once may be told to come back, since hashing takes its time.
        for _ in 0..PATIENCE {
            if answer.header("retry-after").is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            answer = self.post_anonymously("/users", &body).await;
        }
        text(&answer.expect(201), "/id")
    }

    /// Logs in; returns the whole answer.
    pub async fn log_in_with(&self, email: &str, password: &str) -> Answer {
        self.post_anonymously("/auth/login", &json!({ "email": email, "password": password })).await
    }

    /// Logs in with the usual password; returns the access token.
    pub async fn log_in(&self, email: &str) -> String {
        let session = self.log_in_with(email, PASSWORD).await.expect(200);
        text(&session, "/accessToken")
    }

    /// Registers somebody, gives them exactly these roles and logs them in; returns id and access token.
    pub async fn member(&self, admin: &str, email: &str, roles: &[&str]) -> (String, String) {
        let id = self.register(email).await;
        self.put(&format!("/users/{id}/roles"), admin, &json!({ "roles": roles })).await.expect(200);
        (id, self.log_in(email).await)
    }

    /// Creates an event that runs now and admits everybody, changed by `change`; returns its id.
    pub async fn event(&self, operator: &str, change: &Value) -> String {
        let mut event = json!({
            "name": "Welcome",
            "condition": {},
            "periodStart": "2020-01-01T00:00:00Z",
            "periodEnd": "2099-01-01T00:00:00Z",
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        let event = self.post("/events", operator, &event).await.expect(201);
        text(&event, "/id")
    }
}

impl Answer {
    /// Reads a response to its end.
    pub async fn read(response: reqwest::Response) -> reqwest::Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, body, text })
    }
}
