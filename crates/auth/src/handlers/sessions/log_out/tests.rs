use domain::{Role, User};
use http::Method;
use service_kit::identity::Identity::{Anonymous, Gateway};

use crate::test_app::{Answer, TestApp, by};

const PATH: &str = "/auth/logout";

async fn log_out(app: &TestApp, user: &User) -> Answer {
    app.send(app.request(by(user), Method::POST, PATH, None)).await
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

#[tokio::test]
async fn while_token_db_is_down_nobody_is_told_they_are_logged_out() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    app.token_db.set_down(true);
    let answer = log_out(&app, &mina).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "1"));
    assert_eq!(answer.header("set-cookie"), "");
    app.token_db.set_down(false);
    assert_eq!(log_out(&app, &mina).await.outcome(), (204, ""));
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
}
