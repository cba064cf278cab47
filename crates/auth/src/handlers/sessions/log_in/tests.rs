use std::sync::Arc;

use domain::Role;
use http::{HeaderValue, Method, header};
use serde_json::json;
use service_kit::{
    access_token::AccessClaims,
    identity::CLIENT_HEADER,
    identity::Identity::Anonymous,
    ratelimit::{MemoryRateLimits, RateClass, RateQuotas},
};

use super::*;
use crate::{
    PasswordPool,
    test_app::{HttpAnswer, PASSWORD, TestApp, fill_pool, identity_of},
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
    let AccessClaims { sub, roles, iat, exp, .. } =
        &*app.access_key.verify(answer.str("accessToken")).unwrap();
    assert_eq!((*sub, *roles, exp - iat), (mina.id, mina.roles, 900));
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
    assert!(https.log_in(&mina).await.header("set-cookie").contains("; Secure;"));
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

/// A login as the gateway passes it on for a client.
async fn log_in_from(app: &TestApp, client: &'static str, email: &str, password: &str) -> HttpAnswer {
    let body = json!({ "email": email, "password": password });
    let mut request = app.request(Anonymous, Method::POST, PATH, Some(&body));
    request.headers_mut().insert(CLIENT_HEADER, HeaderValue::from_static(client));
    app.send(request).await
}

async fn start_limited(class: RateClass, quota: &str) -> TestApp {
    let plenty = "1000/s".parse().unwrap();
    let mut quotas = RateQuotas::from_fn(|_| plenty);
    quotas[class] = quota.parse().unwrap();
    TestApp::start_with(|parts| parts.limits = Arc::new(MemoryRateLimits::new(&quotas))).await
}

#[tokio::test]
async fn a_client_that_tries_an_account_too_often_is_shut_out_and_its_owner_elsewhere_is_not() {
    let app = start_limited(RateClass::LoginPair, "3/h").await;
    app.user("mina@example.com", &[Role::User]).await;
    app.user("jun@example.com", &[Role::User]).await;
    for email in ["mina@example.com", "Mina@Example.com", "MINA@EXAMPLE.COM"] {
        let answer = log_in_from(&app, "6.6.6.6", email, "wrong").await;
        assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS"));
    }
    let shut_out = log_in_from(&app, "6.6.6.6", "mina@example.com", PASSWORD).await;
    assert_eq!(shut_out.outcome(), (429, "RATE_LIMITED"));
    let wait: u64 = shut_out.header("retry-after").parse().unwrap();
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(log_in_from(&app, "1.2.3.4", "mina@example.com", PASSWORD).await.outcome(), (200, ""));
    assert_eq!(log_in_from(&app, "6.6.6.6", "jun@example.com", PASSWORD).await.outcome(), (200, ""));
}

#[tokio::test]
async fn an_account_that_is_tried_too_often_from_everywhere_is_closed_for_a_while() {
    let app = start_limited(RateClass::LoginAccount, "3/h").await;
    app.user("mina@example.com", &[Role::User]).await;
    for client in ["6.6.6.6", "7.7.7.7", "8.8.8.8"] {
        let answer = log_in_from(&app, client, "mina@example.com", "wrong").await;
        assert_eq!(answer.outcome(), (401, "INVALID_CREDENTIALS"));
    }
    let closed = log_in_from(&app, "1.2.3.4", "mina@example.com", PASSWORD).await;
    assert_eq!(closed.outcome(), (429, "RATE_LIMITED"));
}

#[tokio::test]
async fn a_client_that_is_shut_out_does_not_use_up_what_the_account_has_for_others() {
    let plenty = "1000/s".parse().unwrap();
    let mut quotas = RateQuotas::from_fn(|_| plenty);
    quotas[RateClass::LoginPair] = "1/h".parse().unwrap();
    quotas[RateClass::LoginAccount] = "3/h".parse().unwrap();
    let app = TestApp::start_with(|parts| parts.limits = Arc::new(MemoryRateLimits::new(&quotas))).await;
    app.user("mina@example.com", &[Role::User]).await;
    for _ in 0..10 {
        log_in_from(&app, "6.6.6.6", "mina@example.com", "wrong").await;
    }
    assert_eq!(log_in_from(&app, "1.2.3.4", "mina@example.com", PASSWORD).await.outcome(), (200, ""));
}

#[tokio::test]
async fn pages_get_the_refresh_token_in_the_cookie_alone() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let body = json!({ "email": mina.email, "password": PASSWORD });
    let send = async |values: &[&'static str]| {
        let mut request = app.request(Anonymous, Method::POST, PATH, Some(&body));
        for value in values {
            request.headers_mut().append("x-token-delivery", HeaderValue::from_static(value));
        }
        app.send(request).await
    };
    let answer = send(&["cookie"]).await;
    assert_eq!(answer.outcome(), (200, ""));
    let mut members: Vec<_> = answer.body.as_object().unwrap().keys().collect();
    members.sort_unstable();
    assert_eq!(members, ["accessToken", "expiresIn", "tokenType", "user"]);
    let cookie = answer.header("set-cookie").split(';').next().unwrap();
    let (_, token) = cookie.split_once('=').unwrap();
    assert!(!answer.text.contains(token));
    assert_eq!(app.refresh(token).await.outcome(), (200, ""));
    for bad in [&["body"][..], &[""], &["cookie", "cookie"]] {
        let refused = send(bad).await;
        assert_eq!(
            (refused.outcome(), refused.pointers()),
            ((400, "VALIDATION_FAILED"), vec!["X-Token-Delivery"])
        );
    }
}

#[tokio::test]
async fn a_flood_of_logins_is_shed() {
    let pool = PasswordPool::with(1, 1);
    let app = TestApp::start_with(|parts| parts.passwords = pool.clone()).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let full = fill_pool(&pool).await;
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
    app.set_token_db_down(true);
    let answer = app.log_in(&mina).await;
    assert_eq!(answer.outcome(), (503, "UNAVAILABLE"));
    assert_eq!((answer.header("retry-after"), answer.header("set-cookie")), ("1", ""));
    app.set_token_db_down(false);
    assert!(app.lets_in(mina.id, before.str("accessToken")).await);
    assert_eq!(app.refresh(before.str("refreshToken")).await.outcome(), (200, ""));
    assert_eq!(app.log_in(&mina).await.outcome(), (200, ""));
}

#[tokio::test]
async fn neither_passwords_nor_tokens_are_ever_printed() {
    let login: LoginBody =
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
    assert!(!app.post(identity_of(&mina), PATH, &wrong).await.text.contains("hunter2"));
    assert_eq!(answer.headers.get_all(header::SET_COOKIE).iter().count(), 1);
}
