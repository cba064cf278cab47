use std::sync::Arc;

use domain::Role;
use http::{Method, header};
use serde_json::json;
use service_kit::{
    access_token::AccessClaims,
    identity::Identity::Anonymous,
    ratelimit::{MemoryRateLimits, RateClass, RateQuotas},
};

use super::*;
use crate::{
    PasswordPool,
    test_app::{PASSWORD, TestApp, by, fill},
};

const PATH: &str = "/auth/login";

#[tokio::test]
async fn a_login_is_answered_with_both_tokens_and_the_user() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User, Role::Auditor]).await;
    let answer =
        app.post(Anonymous, PATH, &json!({ "email": "MINA@example.com", "password": PASSWORD })).await;
    assert_eq!(answer.outcome(), (200, ""));
    let expected = json!({
        "accessToken": answer.str("accessToken"),
        "refreshToken": answer.str("refreshToken"),
        "tokenType": "Bearer",
        "expiresIn": 900,
        "user": mina,
    });
    assert_eq!(answer.body, expected);
    let AccessClaims { sub, roles, iat, exp, .. } = app.access_key.verify(answer.str("accessToken")).unwrap();
    assert_eq!((sub, roles, exp - iat), (mina.id, mina.roles, 900));
    assert!(app.lets_in(mina.id, answer.str("accessToken")).await);
}

#[tokio::test]
async fn browsers_keep_the_refresh_token_as_a_cookie_and_nobody_caches_the_answer() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let answer = app.log_in(&mina).await;
    let expected = format!(
        "refreshToken={}; HttpOnly; SameSite=Strict; Path=/auth; Max-Age=604800",
        answer.str("refreshToken")
    );
    assert_eq!(answer.header("set-cookie"), expected);
    assert_eq!(answer.header("cache-control"), "no-store");
    let https = TestApp::start_with(|parts| parts.cookie_secure = true).await;
    let mina = https.user("mina@example.com", &[Role::User]).await;
    assert!(https.log_in(&mina).await.header("set-cookie").ends_with("; Secure"));
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_look_the_same() {
    let app = TestApp::start().await;
    app.user("mina@example.com", &[Role::User]).await;
    let mut seen = Vec::new();
    for (email, password) in [
        ("mina@example.com", "correct horse batterY"),
        ("mina@example.com", ""),
        ("jun@example.com", PASSWORD),
        ("jun@example.com", "short"),
    ] {
        let mut answer = app.post(Anonymous, PATH, &json!({ "email": email, "password": password })).await;
        assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS"));
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"guerdon\"");
        assert_eq!(answer.header("set-cookie"), "");
        assert!(answer.headers.remove("x-request-id").is_some());
        assert!(answer.body.as_object_mut().unwrap().remove("requestId").is_some());
        seen.push((answer.headers, answer.body));
    }
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
}

#[tokio::test]
async fn every_fault_is_named_at_once() {
    let app = TestApp::start().await;
    for (body, pointers) in [
        (json!({}), vec!["/email", "/password"]),
        (
            json!({ "email": "mina", "password": 5, "remember": true }),
            vec!["/email", "/password", "/remember"],
        ),
        (json!({ "email": null, "password": "x".repeat(1025) }), vec!["/email", "/password"]),
        (json!([]), vec![""]),
    ] {
        let answer = app.post(Anonymous, PATH, &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut named = answer.pointers();
        named.sort_unstable();
        assert_eq!(named, pointers, "{}", answer.text);
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let app = TestApp::start().await;
    let malformed = app.send_text(Anonymous, Method::POST, PATH, "application/json", "{\"email\":").await;
    assert_eq!(malformed.outcome(), (400, "MALFORMED_BODY"));
    let form = app.send_text(Anonymous, Method::POST, PATH, "text/plain", "{}").await;
    assert_eq!(form.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let undeclared = app.send(app.request(Anonymous, Method::POST, PATH, None)).await;
    assert_eq!(undeclared.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn an_account_that_is_tried_too_often_is_closed_for_a_while_even_to_the_right_password() {
    let plenty = "1000/s".parse().unwrap();
    let mut quotas = RateQuotas::from_fn(|_| plenty);
    quotas[RateClass::LoginAccount] = "3/h".parse().unwrap();
    let app = TestApp::start_with(|parts| parts.limits = Arc::new(MemoryRateLimits::new(&quotas))).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    for email in ["mina@example.com", "Mina@Example.com", "MINA@EXAMPLE.COM"] {
        let answer = app.post(Anonymous, PATH, &json!({ "email": email, "password": "wrong" })).await;
        assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS"));
    }
    let answer = app.log_in(&mina).await;
    assert_eq!(answer.outcome(), (429, "RATE_LIMITED"));
    let wait: u64 = answer.header("retry-after").parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(app.log_in(&jun).await.outcome(), (200, ""));
}

#[tokio::test]
async fn a_flood_of_logins_is_shed() {
    let pool = PasswordPool::with(1, 1);
    let app = TestApp::start_with(|parts| parts.passwords = pool.clone()).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let full = fill(&pool).await;
    let answer = app.log_in(&mina).await;
    assert_eq!(answer.outcome(), (503, "UNAVAILABLE"));
    assert_eq!(answer.header("retry-after"), "2");
    drop(full);
}

#[tokio::test]
async fn a_new_login_ends_the_session_before_it() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    let (first, other) = (app.log_in(&mina).await, app.log_in(&jun).await);
    let second = app.log_in(&mina).await;
    assert!(!app.lets_in(mina.id, first.str("accessToken")).await);
    assert_eq!(app.refresh(first.str("refreshToken")).await.outcome(), (401, "UNAUTHENTICATED"));
    assert!(app.lets_in(mina.id, second.str("accessToken")).await);
    assert!(app.lets_in(jun.id, other.str("accessToken")).await);
}

#[tokio::test]
async fn while_token_db_is_down_logins_are_unavailable_and_end_no_session() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let before = app.log_in(&mina).await;
    app.token_db.set_down(true);
    let answer = app.log_in(&mina).await;
    assert_eq!(answer.outcome(), (503, "UNAVAILABLE"));
    assert_eq!((answer.header("retry-after"), answer.header("set-cookie")), ("1", ""));
    app.token_db.set_down(false);
    assert_eq!(app.refresh(before.str("refreshToken")).await.outcome(), (200, ""));
    assert_eq!(app.log_in(&mina).await.outcome(), (200, ""));
}

#[tokio::test]
async fn neither_passwords_nor_tokens_are_ever_printed() {
    let login: Login =
        deserr::deserialize::<_, _, Faults>(json!({ "email": "mina@example.com", "password": PASSWORD }))
            .unwrap();
    assert!(!format!("{login:?}").contains(PASSWORD));
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let answer = app.log_in(&mina).await;
    let printed = format!("{:?}", app.auth);
    assert!(printed.contains(&mina.id.to_string()), "{printed}");
    for secret in [PASSWORD, "argon2id", answer.str("accessToken"), answer.str("refreshToken")] {
        assert!(!printed.contains(secret));
    }
    let held = app.auth.refresh_tokens.find(mina.id).await.unwrap();
    assert!(!format!("{held:?}").contains(answer.str("refreshToken")));
    let wrong = json!({ "email": mina.email, "password": "hunter2hunter2" });
    assert!(!app.post(by(&mina), PATH, &wrong).await.text.contains("hunter2"));
    assert_eq!(answer.headers.get_all(header::SET_COOKIE).iter().count(), 1);
}
