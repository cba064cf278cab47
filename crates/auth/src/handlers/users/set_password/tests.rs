use std::sync::Arc;

use domain::{Role, User};
use serde_json::json;
use service_kit::{
    identity::Identity::{Anonymous, Gateway},
    ratelimit::{MemoryRateLimits, RateClass, RateQuotas},
};

use crate::test_app::{HttpAnswer, PASSWORD, TestApp, identity_of};

const PATH: &str = "/users/me/password";
const NEXT: &str = "battery staple horse";

async fn set_password(app: &TestApp, user: &User, current: &str, next: &str) -> HttpAnswer {
    app.put(identity_of(user), PATH, &json!({ "currentPassword": current, "newPassword": next })).await
}

async fn log_in_with(app: &TestApp, user: &User, password: &str) -> HttpAnswer {
    app.post(Anonymous, "/auth/login", &json!({ "email": user.email, "password": password })).await
}

#[tokio::test]
async fn the_new_password_counts_and_every_session_has_ended() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    let (session, other) = (app.log_in(&mina).await, app.log_in(&jun).await);
    let answer = set_password(&app, &mina, PASSWORD, NEXT).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    assert_eq!(log_in_with(&app, &mina, PASSWORD).await.outcome(), (401, "INVALID_CREDENTIALS"));
    assert_eq!(log_in_with(&app, &mina, NEXT).await.outcome(), (200, ""));
    assert!(app.lets_in(jun.id, other.str("accessToken")).await);
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let answer = set_password(&app, &mina, "correct horse batterY", NEXT).await;
    assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS"));
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(log_in_with(&app, &mina, PASSWORD).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_new_password_that_is_easy_to_guess_is_refused_at_its_place() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for weak in ["Passw0rd!", "my name is Mina"] {
        let answer = set_password(&app, &mina, PASSWORD, weak).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), vec!["/newPassword"]));
        assert_eq!(log_in_with(&app, &mina, PASSWORD).await.outcome(), (200, ""));
    }
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let body = json!({ "currentPassword": 5, "newPassword": "short", "email": "x" });
    let answer = app.put(identity_of(&mina), PATH, &body).await;
    let mut named = answer.pointers();
    named.sort_unstable();
    assert_eq!(
        (answer.outcome(), named),
        ((400, "VALIDATION_FAILED"), vec!["/currentPassword", "/email", "/newPassword"])
    );
}

#[tokio::test]
async fn whoever_is_not_logged_in_has_no_password_to_change() {
    let app = TestApp::start().await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": NEXT });
    for who in [Anonymous, Gateway] {
        assert_eq!(app.put(who, PATH, &body).await.outcome(), (401, "UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn guesses_at_the_current_password_are_limited() {
    let mut quotas = RateQuotas::from_fn(|_| "1000/s".parse().unwrap());
    quotas[RateClass::PasswordChange] = "2/h".parse().unwrap();
    let app = TestApp::start_with(|parts| parts.limits = Arc::new(MemoryRateLimits::new(&quotas))).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for _ in 0..2 {
        assert_eq!(set_password(&app, &mina, "wrong", NEXT).await.outcome(), (401, "INVALID_CREDENTIALS"));
    }
    assert_eq!(set_password(&app, &mina, PASSWORD, NEXT).await.outcome(), (429, "RATE_LIMITED"));
}

#[tokio::test]
async fn of_two_changes_at_once_one_succeeds() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let nexts = ["battery staple horse", "staple horse battery"];
    let (one, other) = tokio::join!(
        set_password(&app, &mina, PASSWORD, nexts[0]),
        set_password(&app, &mina, PASSWORD, nexts[1]),
    );
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 401]);
    let winner = if one.status.as_u16() == 204 { nexts[0] } else { nexts[1] };
    assert_eq!(log_in_with(&app, &mina, winner).await.outcome(), (200, ""));
}

#[tokio::test]
async fn while_a_store_is_down_nothing_changes() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    app.set_token_db_down(true);
    assert_eq!(set_password(&app, &mina, PASSWORD, NEXT).await.outcome(), (503, "UNAVAILABLE"));
    app.set_token_db_down(false);
    app.user_db.refuse_writes(true).await;
    assert_eq!(set_password(&app, &mina, PASSWORD, NEXT).await.outcome(), (503, "UNAVAILABLE"));
    app.user_db.refuse_writes(false).await;
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(log_in_with(&app, &mina, PASSWORD).await.outcome(), (200, ""));
}
