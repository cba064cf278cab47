//! Prepares what is measured, through the public API and nothing else.

use std::net::SocketAddr;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};

use crate::{
    bench_error::{BenchError, BenchResult},
    http_connection::HttpConnection,
};

/// The password of everybody who is registered here.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// The first administrator.
pub(crate) const ADMIN: &str = "admin@guerdon.local";
/// Requests of a preparation under way at once: enough for the store to group writes, few enough for the hashes' queue.
const AT_ONCE: usize = 8;

/// How often a batch of activities is sent again.
const MOST_REPEATS: u32 = 20;

/// Calls one system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ApiClient {
    pub(crate) address: SocketAddr,
}

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) email: String,
    pub(crate) token: String,
}

impl ApiClient {
    /// Sends one request on a connection of its own; a null body is none. Anything but 2xx is an error.
    async fn call(&self, method: &str, path: &str, token: Option<&str>, body: &Value) -> BenchResult<Value> {
        let mut connection = HttpConnection::open(self.address).await?;
        let request = prepare_request(self.address, method, path, token, body);
        let answer = connection.exchange(&request).await?;
        if !(200..300).contains(&answer.status) {
            return Err(BenchError::Refused {
                request: format!("{method} {path}"),
                status: answer.status,
                body: String::from_utf8_lossy(answer.body).into_owned(),
            });
        }
        if answer.body.is_empty() { Ok(Value::Null) } else { Ok(serde_json::from_slice(answer.body)?) }
    }

    pub(crate) async fn log_in(&self, email: &str, password: &str) -> BenchResult<Member> {
        let body = json!({"email": email, "password": password});
        let session = self.call("POST", "/auth/login", None, &body).await?;
        let token = text_at(&session, "/accessToken")?;
        Ok(Member { email: email.to_owned(), token })
    }

    /// Somebody new with the role USER, logged in.
    async fn join_in(&self, email: &str) -> BenchResult<Member> {
        self.call("POST", "/users", None, &json!({"email": email, "password": PASSWORD})).await?;
        self.log_in(email, PASSWORD).await
    }

    /// So many new users, logged in.
    pub(crate) async fn members(&self, prefix: &str, count: usize) -> BenchResult<Vec<Member>> {
        let joining = (0..count)
            .map(|number| async move { self.join_in(&format!("{prefix}{number}@example.com")).await });
        stream::iter(joining).buffered(AT_ONCE).try_collect().await
    }

    /// Logs in those who have the usual password.
    pub(crate) async fn log_in_all(&self, emails: &[String]) -> BenchResult<Vec<Member>> {
        let logins = emails.iter().map(|email| self.log_in(email, PASSWORD));
        stream::iter(logins).buffered(AT_ONCE).try_collect().await
    }

    /// The id of who is logged in.
    pub(crate) async fn user_id(&self, token: &str) -> BenchResult<String> {
        text_at(&self.call("GET", "/users/me", Some(token), &Value::Null).await?, "/id")
    }

    /// Reports new activities as servers do: a batch that is told to come back is sent again, and what was stored of it
    /// meanwhile is a duplicate then.
    pub(crate) async fn record_activities(&self, staff: &str, batch: &Value) -> BenchResult<()> {
        let reported = batch["activities"].as_array().map_or(0, Vec::len) as u64;
        let mut attempts = 0;
        let receipt = loop {
            match self.call("POST", "/activities", Some(staff), batch).await {
                Err(BenchError::Refused { status: 503, .. }) if attempts < MOST_REPEATS => attempts += 1,
                answer => break answer?,
            }
        };
        let [accepted, duplicates] =
            ["accepted", "duplicates"].map(|name| receipt[name].as_u64().unwrap_or_default());
        let is_whole = accepted + duplicates == reported && (duplicates == 0 || attempts > 0);
        is_whole
            .then_some(())
            .ok_or_else(|| BenchError::Unusable(format!("activities are not taken: {receipt}")))
    }

    /// An event that runs now, for whoever meets the condition.
    pub(crate) async fn create_event(&self, staff: &str, condition: &Value) -> BenchResult<String> {
        let event = json!({
            "name": "Spring welcome",
            "condition": condition,
            "periodStart": "2020-01-01T00:00:00Z",
            "periodEnd": "2099-01-01T00:00:00Z",
        });
        text_at(&self.call("POST", "/events", Some(staff), &event).await?, "/id")
    }

    /// So many events for whoever has the role USER.
    pub(crate) async fn events(&self, staff: &str, count: usize) -> BenchResult<Vec<String>> {
        let condition = json!({"in": ["USER", {"var": "user.roles"}]});
        let creating = (0..count).map(|_| self.create_event(staff, &condition));
        stream::iter(creating).buffered(AT_ONCE).try_collect().await
    }

    pub(crate) async fn claim(&self, token: &str, event: &str) -> BenchResult<()> {
        self.call("POST", &format!("/events/{event}/request"), Some(token), &Value::Null).await.map(drop)
    }

    /// Attaches a reward of each type.
    pub(crate) async fn attach_rewards(&self, staff: &str, event: &str) -> BenchResult<()> {
        for reward in [
            json!({"type": "POINT", "name": "Starter points", "points": 500}),
            json!({"type": "ITEM", "name": "Potions", "itemId": "potion-s", "quantity": 3}),
            json!({"type": "COUPON", "name": "Ten percent off", "couponCode": "SPRING10",
                "expiry": "2099-01-01T00:00:00Z"}),
            json!({"type": "BADGE", "name": "Early bird", "badgeId": "early-bird"}),
        ] {
            self.call("POST", &format!("/events/{event}/rewards"), Some(staff), &reward).await?;
        }
        Ok(())
    }
}

/// The bytes of a request; a null body is none.
pub(crate) fn prepare_request(
    address: SocketAddr,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: &Value,
) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = if method == "GET" { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\n{token}{kind}{length}\r\n{body}").into_bytes()
}

fn text_at(body: &Value, pointer: &str) -> BenchResult<String> {
    let text = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    text.ok_or_else(|| BenchError::Unusable(format!("an answer has no {pointer}: {body}")))
}
