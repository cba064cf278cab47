use domain::{Role, User};
use http::{HeaderValue, Method, header};
use serde_json::{Value, json};
use service_kit::identity::Identity::{Anonymous, Gateway};

use crate::{
    REFRESH_TOKEN_SECONDS,
    test_app::{HttpAnswer, TestApp, identity_of, new_token},
};

const PATH: &str = "/auth/logout";

async fn log_out(app: &TestApp, user: &User) -> HttpAnswer {
    app.send(app.request(identity_of(user), Method::POST, PATH, None)).await
}

#[tokio::test]
async fn both_tokens_are_dead_when_it_returns_and_the_cookie_is_cleared() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    let (session, other) = (app.log_in(&mina).await, app.log_in(&jun).await);
    let answer = log_out(&app, &mina).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert_eq!(
        answer.header("set-cookie"),
        "refreshToken=; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=0"
    );
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    assert!(app.lets_in(jun.id, other.str("accessToken")).await);
    assert_eq!(app.refresh(other.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_session_that_was_renewed_ends_as_a_whole() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    log_out(&app, &mina).await;
    for session in [&first, &second] {
        assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
        assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn logging_out_twice_is_fine_and_one_can_log_in_again() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    app.log_in(&mina).await;
    for _ in 0..2 {
        assert_eq!(log_out(&app, &mina).await.outcome(), (204, ""));
    }
    let session = app.log_in(&mina).await;
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
}

#[tokio::test]
async fn who_is_not_logged_in_cannot_log_out() {
    let app = TestApp::start().await;
    for who in [Anonymous, Gateway] {
        let answer = app.send(app.request(who, Method::POST, PATH, None)).await;
        assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED"));
    }
}

async fn log_out_by(app: &TestApp, cookie: Option<&str>, body: Option<&Value>) -> HttpAnswer {
    let mut request = app.request(Anonymous, Method::POST, PATH, body);
    if let Some(cookie) = cookie {
        let cookie = HeaderValue::try_from(format!("refreshToken={cookie}")).unwrap();
        request.headers_mut().insert(header::COOKIE, cookie);
    }
    app.send(request).await
}

#[tokio::test]
async fn a_refresh_token_logs_out_as_well_in_the_body_or_the_cookie() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for in_cookie in [true, false] {
        let session = app.log_in(&mina).await;
        let token = session.str("refreshToken");
        let answer = if in_cookie {
            log_out_by(&app, Some(token), None).await
        } else {
            log_out_by(&app, None, Some(&json!({ "refreshToken": token }))).await
        };
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert!(answer.header("set-cookie").starts_with("refreshToken=; "));
        assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
        assert_eq!(app.refresh(token).await.outcome(), (401, "UNAUTHENTICATED"));
        // Trying again is fine.
        assert_eq!(log_out_by(&app, Some(token), None).await.outcome(), (204, ""));
    }
}

#[tokio::test]
async fn a_used_or_expired_refresh_token_ends_its_session_too() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    app.clock.advance_seconds(REFRESH_TOKEN_SECONDS + 1);
    assert_eq!(log_out_by(&app, Some(first.str("refreshToken")), None).await.outcome(), (204, ""));
    assert_eq!(app.refresh(second.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn a_token_that_is_not_of_the_session_ends_nothing() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let earlier = app.log_in(&mina).await;
    let session = app.log_in(&mina).await;
    for foreign in ["garbage", earlier.str("refreshToken"), &new_token(mina.id).reveal()] {
        let answer = log_out_by(&app, Some(foreign), None).await;
        assert_eq!(answer.outcome(), (204, ""), "it is as dead as it can be");
        assert!(answer.header("set-cookie").starts_with("refreshToken=; "));
    }
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_logout_by_refresh_token_that_fails_can_be_tried_again() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let token = session.str("refreshToken");
    app.set_token_db_down(true);
    assert_eq!(log_out_by(&app, Some(token), None).await.outcome(), (503, "UNAVAILABLE"));
    app.set_token_db_down(false);
    assert_eq!(log_out_by(&app, Some(token), None).await.outcome(), (204, ""));
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
}

#[tokio::test]
async fn what_is_wrong_with_the_body_is_told() {
    let app = TestApp::start().await;
    let answer = log_out_by(&app, None, Some(&json!({ "refreshToken": 5, "all": true }))).await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
}

#[tokio::test]
async fn while_token_db_is_down_nobody_is_told_they_are_logged_out() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    app.set_token_db_down(true);
    let answer = log_out(&app, &mina).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "1"));
    assert_eq!(answer.header("set-cookie"), "");
    app.set_token_db_down(false);
    assert_eq!(log_out(&app, &mina).await.outcome(), (204, ""));
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
}
