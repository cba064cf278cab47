use std::time::Duration;

use domain::{Clock, ObjectId, Role, UserId};
use http::{HeaderValue, Method, header};
use serde_json::json;
use service_kit::identity::Identity::Anonymous;

use crate::{
    REFRESH_TOKEN_SECONDS, RefreshToken, RefreshTokenKey,
    store::TokenRotation,
    test_app::{HttpAnswer, TestApp, identity_of, new_token, successor_of},
};

const PATH: &str = "/auth/refresh";

async fn refresh_by_cookie(app: &TestApp, cookie: &str, body: Option<&serde_json::Value>) -> HttpAnswer {
    let mut request = app.request(Anonymous, Method::POST, PATH, body);
    request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
    app.send(request).await
}

#[tokio::test]
async fn a_refresh_is_answered_with_the_next_tokens_and_replaces_the_last() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    assert_eq!(second.outcome(), (200, ""));
    let expected = json!({
        "accessToken": second.str("accessToken"),
        "refreshToken": second.str("refreshToken"),
        "tokenType": "Bearer",
        "expiresIn": 900,
    });
    assert_eq!(second.body, expected);
    let cookie =
        format!("refreshToken={}; HttpOnly; SameSite=Strict; Path=/auth", second.str("refreshToken"));
    assert!(second.header("set-cookie").starts_with(&cookie));
    assert_eq!(second.header("cache-control"), "no-store");
    assert_ne!(first.str("refreshToken"), second.str("refreshToken"));
    assert!(!app.lets_in(mina.id, first.str("accessToken")).await);
    assert!(app.lets_in(mina.id, second.str("accessToken")).await);
    assert_eq!(app.refresh(second.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn browsers_refresh_with_the_cookie_alone() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let cookie = first.header("set-cookie").split(';').next().unwrap().to_owned();
    let second = refresh_by_cookie(&app, &format!("theme=dark; {cookie}"), None).await;
    assert_eq!(second.outcome(), (200, ""));
    let cookie = format!("refreshToken={}", second.str("refreshToken"));
    assert_eq!(refresh_by_cookie(&app, &cookie, Some(&json!({}))).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_token_in_the_body_wins_over_the_cookie() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let body = json!({ "refreshToken": "garbage" });
    let cookie = format!("refreshToken={}", first.str("refreshToken"));
    assert_eq!(refresh_by_cookie(&app, &cookie, Some(&body)).await.outcome(), (401, "UNAUTHENTICATED"));
    let body = json!({ "refreshToken": first.str("refreshToken") });
    assert_eq!(refresh_by_cookie(&app, "refreshToken=garbage", Some(&body)).await.outcome(), (200, ""));
}

#[tokio::test]
async fn what_is_wrong_with_the_body_is_told() {
    let app = TestApp::start().await;
    let nothing = app.send(app.request(Anonymous, Method::POST, PATH, None)).await;
    assert_eq!((nothing.outcome(), nothing.pointers()), ((400, "VALIDATION_FAILED"), vec!["/refreshToken"]));
    for (body, pointers) in [
        (json!({}), vec!["/refreshToken"]),
        (json!({ "refreshToken": 5, "token": "x" }), vec!["/refreshToken", "/token"]),
        (json!("x"), vec![""]),
    ] {
        let answer = app.post(Anonymous, PATH, &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut named = answer.pointers();
        named.sort_unstable();
        assert_eq!(named, pointers, "{}", answer.text);
    }
    let malformed = app.send_text(Anonymous, Method::POST, PATH, "application/json", "{").await;
    assert_eq!(malformed.outcome(), (400, "MALFORMED_BODY"));
    let form = app
        .send_text(Anonymous, Method::POST, PATH, "application/x-www-form-urlencoded", "refreshToken=x")
        .await;
    assert_eq!(form.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn a_made_up_token_is_refused_and_ends_no_session() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let nobody = UserId(ObjectId::from_bytes([7; 12]));
    for made_up in [
        "garbage".to_owned(),
        session.str("accessToken").to_owned(),
        new_token(nobody).reveal(),
        new_token(mina.id).reveal(),
    ] {
        let answer = app.refresh(&made_up).await;
        assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED"));
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert!(!answer.text.contains(&made_up));
    }
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_token_used_again_revokes_what_was_made_of_it() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    let third = app.refresh(second.str("refreshToken")).await;
    let again = app.refresh(first.str("refreshToken")).await;
    assert_eq!(again.outcome(), (401, "SESSION_REVOKED"));
    assert!(again.header("www-authenticate").contains("error=\"invalid_token\""));
    assert_eq!(again.header("set-cookie"), "");
    assert!(!app.lets_in(mina.id, third.str("accessToken")).await);
    assert_eq!(app.refresh(third.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    assert_eq!(app.log_in(&mina).await.outcome(), (200, ""));
}

#[tokio::test]
async fn an_earlier_logins_token_is_refused_and_leaves_the_later_session_alone() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let earlier = app.log_in(&mina).await;
    let later = app.log_in(&mina).await;
    assert_eq!(app.refresh(earlier.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    assert!(app.lets_in(mina.id, later.str("accessToken")).await);
    assert_eq!(app.refresh(later.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_token_lasts_seven_days_from_the_last_refresh() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    app.clock.advance_seconds(REFRESH_TOKEN_SECONDS - 1);
    let second = app.refresh(first.str("refreshToken")).await;
    assert_eq!(second.outcome(), (200, ""));
    app.clock.advance_seconds(REFRESH_TOKEN_SECONDS);
    for _ in 0..2 {
        let late = app.refresh(second.str("refreshToken")).await;
        assert_eq!(late.outcome(), (401, "TOKEN_EXPIRED"));
    }
}

#[tokio::test]
async fn the_next_access_token_carries_the_roles_of_now() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let roles = json!({ "roles": ["OPERATOR", "USER"] });
    let changed = app.put(identity_of(&admin), &format!("/users/{}/roles", mina.id), &roles).await;
    assert_eq!(changed.outcome(), (200, ""));
    assert!(!app.lets_in(mina.id, first.str("accessToken")).await);
    let second = app.refresh(first.str("refreshToken")).await;
    let claims = app.access_key.verify(second.str("accessToken")).unwrap();
    assert_eq!(claims.roles, [Role::User, Role::Operator].into_iter().collect());
    assert!(app.lets_in(mina.id, second.str("accessToken")).await);
}

#[tokio::test]
async fn while_token_db_is_down_a_refresh_is_unavailable_and_the_token_is_not_used_up() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    app.set_token_db_down(true);
    for _ in 0..2 {
        let answer = app.refresh(session.str("refreshToken")).await;
        assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "1"));
    }
    app.set_token_db_down(false);
    assert_eq!(app.refresh(session.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn reuse_during_an_outage_of_token_db_is_found_again_after_it() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    app.clock.advance_seconds(10);
    app.set_token_db_down(true);
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (503, "UNAVAILABLE"));
    app.set_token_db_down(false);
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (401, "SESSION_REVOKED"));
    assert!(!app.lets_in(mina.id, second.str("accessToken")).await);
    assert_eq!(app.refresh(second.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn within_the_grace_the_last_token_gets_the_very_same_successor_again() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    app.clock.advance_seconds(9);
    for _ in 0..3 {
        let again = app.refresh(first.str("refreshToken")).await;
        assert_eq!(again.outcome(), (200, ""));
        assert_eq!(again.str("refreshToken"), second.str("refreshToken"));
        assert_ne!(again.str("accessToken"), second.str("accessToken"));
        assert!(app.lets_in(mina.id, again.str("accessToken")).await);
    }
    assert!(!app.lets_in(mina.id, second.str("accessToken")).await);
    assert_eq!(app.refresh(second.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn after_the_grace_the_last_token_revokes_the_session() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let second = app.refresh(first.str("refreshToken")).await;
    app.clock.advance_seconds(10);
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (401, "SESSION_REVOKED"));
    assert!(!app.lets_in(mina.id, second.str("accessToken")).await);
    assert_eq!(app.refresh(second.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
}

#[tokio::test]
async fn without_a_grace_a_token_works_once() {
    let app = TestApp::start_with(|parts| parts.refresh_grace = Duration::ZERO).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (200, ""));
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (401, "SESSION_REVOKED"));
}

/// The successor was derived with the secret from before.
#[tokio::test]
async fn the_grace_outlives_a_change_of_the_secret() {
    let app = TestApp::start_with(|parts| {
        parts.refresh_key = RefreshTokenKey::derive(b"another secret of at least 32 bytes!")
            .accepting_previous(b"0123456789abcdef0123456789abcdef");
    })
    .await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let first = app.log_in(&mina).await;
    let presented: RefreshToken = first.str("refreshToken").parse().unwrap();
    let now = app.clock.now();
    let rotation = TokenRotation {
        user: mina.id,
        presented: presented.fingerprint(),
        next: successor_of(&presented).fingerprint().hash,
        expires_at: now.plus_seconds(100),
        now,
        repeatable_since: now,
    };
    app.auth.refresh_tokens.rotate(&rotation).await.unwrap();
    let again = app.refresh(first.str("refreshToken")).await;
    assert_eq!(
        (again.outcome(), again.str("refreshToken")),
        ((200, ""), &*successor_of(&presented).reveal())
    );
    assert_eq!(app.refresh(again.str("refreshToken")).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_cookie_that_is_refused_is_cleared_and_a_store_that_is_down_clears_none() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let cleared = "refreshToken=; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=0";
    for dead in ["garbage".to_owned(), new_token(mina.id).reveal()] {
        let answer = refresh_by_cookie(&app, &format!("refreshToken={dead}"), None).await;
        assert_eq!((answer.outcome(), answer.header("set-cookie")), ((401, "UNAUTHENTICATED"), cleared));
        let by_body = app.refresh(&dead).await;
        assert_eq!((by_body.outcome(), by_body.header("set-cookie")), ((401, "UNAUTHENTICATED"), ""));
    }
    let cookie = format!("refreshToken={}", session.str("refreshToken"));
    app.set_token_db_down(true);
    let answer = refresh_by_cookie(&app, &cookie, None).await;
    assert_eq!((answer.outcome(), answer.header("set-cookie")), ((503, "UNAVAILABLE"), ""));
    app.set_token_db_down(false);
    app.clock.advance_seconds(REFRESH_TOKEN_SECONDS);
    let answer = refresh_by_cookie(&app, &cookie, None).await;
    assert_eq!((answer.outcome(), answer.header("set-cookie")), ((401, "TOKEN_EXPIRED"), cleared));
}

#[tokio::test]
async fn pages_get_the_next_token_in_the_cookie_alone() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    let mut request = app.request(Anonymous, Method::POST, PATH, None);
    let cookie = format!("refreshToken={}", session.str("refreshToken"));
    request.headers_mut().insert(header::COOKIE, HeaderValue::from_str(&cookie).unwrap());
    request.headers_mut().insert("x-token-delivery", HeaderValue::from_static("cookie"));
    let answer = app.send(request).await;
    assert_eq!(answer.outcome(), (200, ""));
    let mut members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    members.sort_unstable();
    assert_eq!(members, ["accessToken", "expiresIn", "tokenType"]);
    let next = answer.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(refresh_by_cookie(&app, &next, None).await.outcome(), (200, ""));
}
