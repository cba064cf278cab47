use domain::{Role, UserId};
use http::Method;
use serde_json::{Value, json};
use service_kit::{access_token::ACCESS_TOKEN_SECONDS, api_key::ApiKeyToken, identity::Identity};

use crate::test_app::{TestApp, identity_of};

const PATH: &str = "/internal/sessions/check";

fn question_of(sessions: &[(UserId, &str)]) -> Value {
    let sessions: Vec<_> =
        sessions.iter().map(|(user, token)| json!({ "userId": user, "token": token })).collect();
    json!({ "sessions": sessions })
}

#[tokio::test]
async fn each_session_is_judged_by_itself_and_in_order() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let (second, other) = (app.log_in(&mina).await, app.log_in(&jun).await);
    let asked = question_of(&[
        (mina.id, first.str("accessToken")),
        (mina.id, second.str("accessToken")),
        (jun.id, second.str("accessToken")),
        (jun.id, other.str("accessToken")),
        (jun.id, ""),
        (mina.id, second.str("accessToken")),
    ]);
    let answer = app.post(Identity::Gateway, PATH, &asked).await;
    assert_eq!(answer.outcome(), (200, ""));
    assert_eq!(answer.body, json!({ "current": [false, true, false, true, false, true] }));
    let nothing = app.post(Identity::Gateway, PATH, &question_of(&[])).await;
    assert_eq!(nothing.body, json!({ "current": [] }));
    app.clock.advance_seconds(ACCESS_TOKEN_SECONDS);
    let late = app.post(Identity::Gateway, PATH, &asked).await;
    assert_eq!(late.body, json!({ "current": [false, false, false, false, false, false] }));
}

#[tokio::test]
async fn nobody_but_the_gateway_may_ask() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &Role::ALL).await;
    for who in [Identity::Anonymous, identity_of(&admin)] {
        assert_eq!(app.post(who, PATH, &question_of(&[])).await.outcome(), (403, "FORBIDDEN"));
    }
}

#[tokio::test]
async fn a_question_has_at_most_1024_sessions() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let many = |count: usize| question_of(&vec![(mina.id, session.str("accessToken")); count]);
    let answer = app.post(Identity::Gateway, PATH, &many(1024)).await;
    assert_eq!(answer.body, json!({ "current": vec![true; 1024] }));
    let answer = app.post(Identity::Gateway, PATH, &many(1025)).await;
    assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), vec!["/sessions"]));
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let app = TestApp::start().await;
    let body = json!({ "sessions": [{ "userId": "x", "token": 5 }, { "toke": "" }], "more": 1 });
    let answer = app.post(Identity::Gateway, PATH, &body).await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
    let mut named = answer.pointers();
    named.sort_unstable();
    let expected = [
        "/more",
        "/sessions/0/token",
        "/sessions/0/userId",
        "/sessions/1/toke",
        "/sessions/1/token",
        "/sessions/1/userId",
    ];
    assert_eq!(named, expected);
    let malformed = app.send_text(Identity::Gateway, Method::POST, PATH, "application/json", "{").await;
    assert_eq!(malformed.outcome(), (400, "MALFORMED_BODY"));
    let text = app.send_text(Identity::Gateway, Method::POST, PATH, "text/plain", "{}").await;
    assert_eq!(text.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn while_token_db_is_down_no_session_is_called_ended() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let asked = question_of(&[(mina.id, session.str("accessToken"))]);
    app.set_token_db_down(true);
    let answer = app.post(Identity::Gateway, PATH, &asked).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "1"));
    app.set_token_db_down(false);
    assert_eq!(app.post(Identity::Gateway, PATH, &asked).await.body, json!({ "current": [true] }));
}

#[tokio::test]
async fn keys_are_judged_in_the_same_question_each_by_itself_and_in_order() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let session = app.log_in(&admin).await;
    let make_key = async |body: Value| {
        let answer = app.post(identity_of(&admin), "/api-keys", &body).await;
        (answer.str("id").to_owned(), answer.str("key").parse::<ApiKeyToken>().unwrap().hash())
    };
    let (id, valid) = make_key(json!({ "name": "Shop", "scopes": ["events:read"] })).await;
    let short = json!({ "name": "Short", "scopes": ["events:read"], "expiresAt": "2026-05-01T09:00:01Z" });
    let (_, expired) = make_key(short).await;
    app.clock.advance_seconds(1);
    let unknown = "0".repeat(64);
    let mut asked = question_of(&[(admin.id, session.str("accessToken"))]);
    asked["keys"] = json!([expired, valid, unknown, valid]);
    let answer = app.post(Identity::Gateway, PATH, &asked).await;
    let counts = json!({ "standing": "valid", "key": id, "scopes": ["events:read"] });
    assert_eq!(
        answer.body,
        json!({
            "current": [true],
            "keys": [{ "standing": "expired" }, counts, { "standing": "unknown" }, counts],
        })
    );
    // An outage of the sessions' store is not the keys'.
    app.set_token_db_down(true);
    let keys_alone = json!({ "sessions": [], "keys": [valid] });
    assert_eq!(app.post(Identity::Gateway, PATH, &keys_alone).await.body["keys"], json!([counts]));
    for (keys, pointer) in [(json!(vec![valid; 1025]), "/keys"), (json!(["gdn_x"]), "/keys/0")] {
        let answer = app.post(Identity::Gateway, PATH, &json!({ "sessions": [], "keys": keys })).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), vec![pointer]));
    }
}
