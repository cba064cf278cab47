use domain::{Role, UserId};
use http::Method;
use serde_json::{Value, json};
use service_kit::{access_token::ACCESS_TOKEN_SECONDS, identity::Identity};

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
