use std::sync::Arc;

use domain::ApiKeyScope;
use http::Method;
use serde_json::json;
use test_kit::callers::{as_admin, as_auditor, as_operator, as_server, as_user, user_id};

use crate::test_app::TestApp;

/// The path of a new claim of this user.
async fn claimed(app: &TestApp, user: u8) -> String {
    let event = app.new_event(&json!({})).await;
    format!("/events/requests/{}", app.claim(as_user(user), &event, None).await.str("id"))
}

#[tokio::test]
async fn a_decision_says_who_made_it_when_and_why() {
    let app = TestApp::start().await;
    for (status, reason) in
        [("APPROVED", Some("  Looks right ")), ("REJECTED", None), ("REJECTED", Some(" "))]
    {
        let path = claimed(&app, 1).await;
        app.clock.advance_seconds(60);
        let decided = app.patch(as_operator(), &path, &json!({"status": status, "reason": reason})).await;
        assert_eq!(decided.status, 200, "{}", decided.text);
        let at = decided.str("decidedAt").to_owned();
        assert_eq!((decided.str("status"), decided.str("updatedAt")), (status, &*at));
        assert!(at.as_str() > decided.str("createdAt"));
        assert_eq!(decided.str("decidedBy"), user_id(200).to_string());
        let kept = reason.map(str::trim).filter(|reason| !reason.is_empty());
        assert_eq!(decided.body.get("reason").and_then(|reason| reason.as_str()), kept);
        let seen = app.get(as_user(1), &path).await;
        for field in ["status", "decidedBy", "decidedAt", "reason"] {
            assert_eq!(seen.body.get(field), decided.body.get(field), "{field}");
        }
    }
}

#[tokio::test]
async fn a_claim_is_decided_once() {
    let app = TestApp::start().await;
    let path = claimed(&app, 1).await;
    let first = app.patch(as_operator(), &path, &json!({"status": "REJECTED"})).await;
    for status in ["APPROVED", "REJECTED"] {
        let second = app.patch(as_admin(), &path, &json!({ "status": status })).await;
        assert_eq!(second.outcome(), (409, "ALREADY_DECIDED"));
        assert_eq!(second.str("currentStatus"), "REJECTED");
    }
    let seen = app.get(as_admin(), &path).await;
    assert_eq!(seen.body["decidedBy"], first.body["decidedBy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_decide_at_once_one_does() {
    let app = Arc::new(TestApp::start().await);
    let path = claimed(&app, 1).await;
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let (app, path) = (Arc::clone(&app), path.clone());
            let status = ["APPROVED", "REJECTED"][n % 2];
            tokio::spawn(async move { app.patch(as_operator(), &path, &json!({ "status": status })).await })
        })
        .collect();
    let (mut winners, mut told) = (Vec::new(), Vec::new());
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.outcome() {
            (200, _) => winners.push(answer.str("status").to_owned()),
            (409, "ALREADY_DECIDED") => told.push(answer.str("currentStatus").to_owned()),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((winners.len(), told.len()), (1, 49));
    assert!(told.iter().all(|status| *status == winners[0]));
}

#[tokio::test]
async fn a_server_with_the_scope_decides_and_is_named() {
    let app = TestApp::start().await;
    let path = claimed(&app, 1).await;
    let lacking =
        app.patch(as_server(&[ApiKeyScope::RequestsWrite]), &path, &json!({"status": "APPROVED"})).await;
    assert_eq!(lacking.outcome(), (403, "FORBIDDEN"));
    let server = as_server(&[ApiKeyScope::RequestsDecide]);
    let decided = app.patch(server, &path, &json!({"status": "APPROVED"})).await;
    assert_eq!(
        (decided.status.as_u16(), decided.str("decidedBy")),
        (200, &*format!("key:{}", "cb".repeat(12)))
    );
}

#[tokio::test]
async fn neither_users_nor_auditors_decide() {
    let app = TestApp::start().await;
    let path = claimed(&app, 1).await;
    for who in [as_user(1), as_auditor()] {
        assert_eq!(app.patch(who, &path, &json!({"status": "APPROVED"})).await.outcome(), (403, "FORBIDDEN"));
    }
}

#[tokio::test]
async fn what_is_no_decision_is_refused_and_changes_nothing() {
    let app = TestApp::start().await;
    let path = claimed(&app, 1).await;
    for (body, pointers) in [
        (json!({}), vec!["/status"]),
        (json!({"status": "PENDING"}), vec!["/status"]),
        (json!({"status": "REVOKED", "why": "x"}), vec!["/status", "/why"]),
        (json!({"status": "APPROVED", "reason": "x".repeat(501)}), vec!["/reason"]),
        (json!({"status": "APPROVED", "reason": 5}), vec!["/reason"]),
    ] {
        let answer = app.patch(as_operator(), &path, &body).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), pointers), "{body}");
    }
    let none = app.send(app.build_request(as_operator(), Method::PATCH, &path, None)).await;
    assert_eq!(none.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(app.get(as_operator(), &path).await.str("status"), "PENDING");
    let unknown = "/events/requests/6650f1a2c3d4e5f601234567";
    let answer = app.patch(as_operator(), unknown, &json!({"status": "APPROVED"})).await;
    assert_eq!(answer.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_retry_of_a_claim_that_is_decided_gets_its_first_answer() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let first = app.claim(as_user(1), &event, Some("k")).await;
    app.clock.advance_seconds(5);
    let path = format!("/events/requests/{}", first.str("id"));
    assert_eq!(app.patch(as_operator(), &path, &json!({"status": "REJECTED"})).await.status, 200);
    assert_eq!(app.claim(as_user(1), &event, Some("k")).await.body, first.body);
    let without_key = app.claim(as_user(1), &event, None).await;
    assert_eq!(
        without_key.outcome(),
        (409, "ALREADY_REQUESTED"),
        "also a rejected claim is the user's only one"
    );
}
