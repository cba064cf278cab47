//! Sessions: how they begin, go on and end, and that an end counts at once.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use e2e::{Answer, Api, PASSWORD, Setup, System, on_every_setup, on_setup, text};
use futures::{StreamExt, future::join_all, stream};
use reqwest::Client;
use serde_json::{Value, json};

on_every_setup!(
    a_refresh_token_works_once_and_using_it_again_ends_the_session,
    concurrent_refreshes_with_one_token_are_one_session,
    without_a_grace_a_token_that_was_used_again_ends_the_session,
    a_logout_kills_both_tokens_before_it_returns,
    after_a_logout_has_returned_no_request_passes,
    a_change_of_roles_counts_at_once,
    a_new_login_takes_the_place_of_the_old_session,
    browsers_refresh_with_a_cookie_scripts_cannot_read,
    a_wrong_password_and_an_unknown_address_look_the_same,
);

on_setup!(
    embedded_split,
    EmbeddedSplit,
    a_refresh_token_works_once_and_using_it_again_ends_the_session,
    concurrent_refreshes_with_one_token_are_one_session,
    without_a_grace_a_token_that_was_used_again_ends_the_session,
    a_logout_kills_both_tokens_before_it_returns,
    after_a_logout_has_returned_no_request_passes,
    a_change_of_roles_counts_at_once,
    a_new_login_takes_the_place_of_the_old_session,
    browsers_refresh_with_a_cookie_scripts_cannot_read,
    a_wrong_password_and_an_unknown_address_look_the_same,
);

async fn start(setup: Setup) -> (System, Value) {
    let system = System::start(setup).await;
    system.api.register("mina@example.com").await;
    let session = system.api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    (system, session)
}

async fn refresh(api: &Api, session: &Value) -> Answer {
    api.post_anonymously("/auth/refresh", &json!({ "refreshToken": session["refreshToken"] })).await
}

async fn me(api: &Api, session: &Value) -> Answer {
    api.get("/users/me", &text(session, "/accessToken")).await
}

async fn a_refresh_token_works_once_and_using_it_again_ends_the_session(setup: Setup) {
    let (system, first) = start(setup).await;
    let api = &system.api;
    let second = refresh(api, &first).await.expect(200);
    assert_ne!(first["refreshToken"], second["refreshToken"]);
    assert_eq!((&second["tokenType"], &second["expiresIn"]), (&json!("Bearer"), &json!(900)));
    assert!(second.get("user").is_none(), "{second:#}");
    me(api, &first).await.expect_problem(401, "SESSION_REVOKED");
    me(api, &second).await.expect(200);

    // A retry, as after a lost answer, gets the very same successor.
    let retried = refresh(api, &first).await.expect(200);
    assert_eq!(retried["refreshToken"], second["refreshToken"]);
    me(api, &second).await.expect_problem(401, "SESSION_REVOKED");
    me(api, &retried).await.expect(200);

    // Once the successor has been used, the first token can only be a stolen one.
    let third = refresh(api, &second).await.expect(200);
    refresh(api, &first).await.expect_problem(401, "SESSION_REVOKED");
    me(api, &third).await.expect_problem(401, "SESSION_REVOKED");
    assert_eq!(refresh(api, &third).await.status, 401);
}

async fn without_a_grace_a_token_that_was_used_again_ends_the_session(setup: Setup) {
    let settings = [("RATE_LIMIT", "off"), ("REFRESH_GRACE_SECONDS", "0")];
    let system = System::start_with(setup, &settings).await;
    let api = &system.api;
    api.register("mina@example.com").await;
    let first = api.log_in_with("mina@example.com", PASSWORD).await.expect(200);
    let second = refresh(api, &first).await.expect(200);
    refresh(api, &first).await.expect_problem(401, "SESSION_REVOKED");
    me(api, &second).await.expect_problem(401, "SESSION_REVOKED");
}

async fn concurrent_refreshes_with_one_token_are_one_session(setup: Setup) {
    let (system, session) = start(setup).await;
    let answers = join_all((0..20).map(|_| refresh(&system.api, &session))).await;
    let sessions: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)).collect();
    assert!(sessions.iter().all(|one| one["refreshToken"] == sessions[0]["refreshToken"]));
    let mut current = 0;
    for one in &sessions {
        current += u32::from(me(&system.api, one).await.status == 200);
    }
    assert!(current <= 1, "{current} access tokens are current");
    refresh(&system.api, &sessions[0]).await.expect(200);
}

async fn a_logout_kills_both_tokens_before_it_returns(setup: Setup) {
    let (system, session) = start(setup).await;
    let api = &system.api;
    api.post("/auth/logout", &text(&session, "/accessToken"), &Value::Null).await.expect(204);
    me(api, &session).await.expect_problem(401, "SESSION_REVOKED");
    assert_eq!(refresh(api, &session).await.status, 401);
    me(api, &json!({ "accessToken": api.log_in("mina@example.com").await })).await.expect(200);
}

async fn after_a_logout_has_returned_no_request_passes(setup: Setup) {
    let (system, session) = start(setup).await;
    let (api, ended) = (&system.api, Arc::new(AtomicBool::new(false)));
    let callers = (0..16).map(|_| {
        let (api, session, ended) = (api.clone(), session.clone(), Arc::clone(&ended));
        tokio::spawn(async move {
            let (mut passed, mut refused) = (0, 0);
            while refused < 20 {
                let sent_after = ended.load(Ordering::SeqCst);
                let answer = me(&api, &session).await;
                assert!(answer.status == 401 || !sent_after, "passed after the logout");
                passed += u32::from(answer.status == 200);
                refused += u32::from(answer.status == 401);
                assert!(answer.status == 200 || answer.status == 401, "{}", answer.text);
            }
            passed
        })
    });
    let callers: Vec<_> = callers.collect();
    // In the midst of them.
    tokio::time::sleep(Duration::from_millis(100)).await;
    api.post("/auth/logout", &text(&session, "/accessToken"), &Value::Null).await.expect(204);
    ended.store(true, Ordering::SeqCst);
    let mut passed = 0;
    for caller in callers {
        passed += caller.await.expect("no request passed after the logout");
    }
    assert!(passed > 0, "nobody ever passed, so this shows nothing");
}

async fn a_change_of_roles_counts_at_once(setup: Setup) {
    let (system, session) = start(setup).await;
    let (api, admin) = (&system.api, system.admin().await);
    let roles = format!("/users/{}/roles", text(&session, "/user/id"));
    api.get("/users", &text(&session, "/accessToken")).await.expect_problem(403, "FORBIDDEN");

    let changed = api.put(&roles, &admin, &json!({ "roles": ["ADMIN"] })).await.expect(200);
    assert_eq!(changed["roles"], json!(["ADMIN"]));
    me(api, &session).await.expect_problem(401, "SESSION_REVOKED");
    let promoted = refresh(api, &session).await.expect(200);
    api.get("/users", &text(&promoted, "/accessToken")).await.expect(200);

    api.put(&roles, &admin, &json!({ "roles": ["USER"] })).await.expect(200);
    api.get("/users", &text(&promoted, "/accessToken")).await.expect_problem(401, "SESSION_REVOKED");
    let demoted = refresh(api, &promoted).await.expect(200);
    api.get("/users", &text(&demoted, "/accessToken")).await.expect_problem(403, "FORBIDDEN");
}

async fn a_new_login_takes_the_place_of_the_old_session(setup: Setup) {
    let (system, first) = start(setup).await;
    let api = &system.api;
    let second = api.log_in_with("Mina@Example.com", PASSWORD).await.expect(200);
    me(api, &first).await.expect_problem(401, "SESSION_REVOKED");
    assert_eq!(refresh(api, &first).await.status, 401);
    me(api, &second).await.expect(200);
    refresh(api, &second).await.expect(200);
}

async fn browsers_refresh_with_a_cookie_scripts_cannot_read(setup: Setup) {
    let (system, _) = start(setup).await;
    let browser = Client::builder().cookie_store(true).build().expect("a client");
    let api = Api { client: browser, base: system.api.base.clone() };
    let login = api.log_in_with("mina@example.com", PASSWORD).await;
    let cookie = login.header("set-cookie").to_owned();
    let refresh_token = text(&login.body, "/refreshToken");
    assert!(cookie.starts_with(&format!("refreshToken={refresh_token};")));
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/auth", "Max-Age=604800"] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{attribute} of {cookie}");
    }
    let renewed = api.post_anonymously("/auth/refresh", &Value::Null).await.expect(200);
    me(&api, &renewed).await.expect(200);
    let again = api.post_anonymously("/auth/refresh", &Value::Null).await.expect(200);
    api.post("/auth/logout", &text(&again, "/accessToken"), &Value::Null).await.expect(204);
    api.post_anonymously("/auth/refresh", &Value::Null).await.expect_problem(400, "VALIDATION_FAILED");
}

async fn a_wrong_password_and_an_unknown_address_look_the_same(setup: Setup) {
    let (system, _) = start(setup).await;
    let mut answers = Vec::new();
    for email in ["mina@example.com", "nobody@example.com"] {
        let answer = system.api.log_in_with(email, "not the password").await;
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        let mut body = answer.expect_problem(401, "INVALID_CREDENTIALS");
        body["requestId"].take();
        answers.push(body);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_concurrent_requests_share_few_questions_to_auth() {
    let (system, session) = start(Setup::EmbeddedSplit).await;
    let requests = stream::iter(0..2000).map(|_| me(&system.api, &session)).buffer_unordered(200);
    let passed = requests.filter(|answer| std::future::ready(answer.status == 200)).count().await;
    assert_eq!(passed, 2000);
    let figures = system.figures().await;
    let count = |kind| figures.sum("guerdon_session_checks_total", &[("kind", kind)]).unwrap_or_default();
    let (asked, calls) = (count("asked"), count("calls"));
    assert!(asked >= 2000.0 && calls > 0.0 && calls * 4.0 < asked, "{calls} calls for {asked} questions");
}
