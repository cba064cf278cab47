use std::sync::Arc;

use domain::ApiKeyScope;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use service_kit::{identity::Identity, internal_api::RECORD_LOGINS_PATH};
use test_kit::callers::{as_auditor, as_operator, as_roles, as_server, as_user, user_id};

use crate::test_app::TestApp;

fn activity(id: &str, user: u8, at: &str) -> Value {
    json!({"id": id, "userId": user_id(user), "type": "purchase", "at": at, "value": 12.5})
}

#[tokio::test]
async fn a_batch_is_recorded_once_however_often_it_is_sent() {
    let app = TestApp::start().await;
    let batch = json!({"activities": [
        activity("a", 1, "2026-05-01T08:00:00Z"),
        activity("b", 1, "2026-05-01T08:30:00+09:00"),
        activity("a", 2, "2026-05-01T08:00:00Z"),
    ]});
    let server = as_server(&[ApiKeyScope::ActivitiesWrite]);
    let first = app.post(server, "/activities", &batch).await;
    assert_eq!(
        (first.status, &first.body),
        (StatusCode::OK, &json!({"accepted": 2, "duplicates": 1, "rejected": []}))
    );
    let again = app.post(as_operator(), "/activities", &batch).await;
    assert_eq!(again.body, json!({"accepted": 0, "duplicates": 3, "rejected": []}));
    let listed = app.get(as_auditor(), &format!("/activities?userId={}", user_id(1))).await;
    let ids: Vec<_> = listed.body["items"].as_array().unwrap().iter().map(|one| one["id"].clone()).collect();
    assert_eq!(ids, ["a", "b"]);
    let expected = json!({
        "id": "b", "userId": user_id(1), "type": "purchase", "at": "2026-04-30T23:30:00.000Z", "value": 12.5,
        "recordedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(listed.body["items"][1], expected);
}

#[tokio::test]
async fn the_same_batch_from_eight_clients_at_the_same_moment_is_recorded_once() {
    let app = Arc::new(TestApp::start().await);
    let activities: Vec<_> =
        (0..300).map(|n| activity(&format!("n{n}"), 1, "2026-05-01T08:00:00Z")).collect();
    let batch = Arc::new(json!({ "activities": activities }));
    let sends: Vec<_> = (0..8)
        .map(|_| {
            let (app, batch) = (Arc::clone(&app), Arc::clone(&batch));
            tokio::spawn(async move { app.post(as_operator(), "/activities", &batch).await.body })
        })
        .collect();
    let mut accepted = 0;
    for sent in sends {
        let receipt = sent.await.unwrap();
        accepted += receipt["accepted"].as_u64().unwrap();
        assert_eq!(receipt["accepted"].as_u64().unwrap() + receipt["duplicates"].as_u64().unwrap(), 300);
    }
    assert_eq!(accepted, 300);
}

#[tokio::test]
async fn what_is_wrong_with_one_activity_keeps_no_other_from_being_recorded() {
    let app = TestApp::start().await;
    let wrong = [
        json!(7),
        json!({"id": "x"}),
        json!({"id": "", "userId": "1", "type": "a.b", "at": "yesterday", "value": "1", "properties": 3, "more": 1}),
        json!({"id": "v", "userId": user_id(1), "type": "a", "value": 0.00001}),
        json!({"id": "w", "userId": user_id(1), "type": "a", "value": 9_007_199_254_740_992_u64}),
        json!({"id": "p", "userId": user_id(1), "type": "a", "properties": {"a": "x".repeat(5000)}}),
        activity("future", 1, "2026-05-01T09:05:00.001Z"),
    ];
    let mut batch: Vec<_> = wrong.to_vec();
    batch.insert(3, activity("right", 1, "2026-05-01T09:05:00Z"));
    let answer = app.post(as_operator(), "/activities", &json!({ "activities": batch })).await;
    assert_eq!((answer.status, &answer.body["accepted"]), (StatusCode::OK, &json!(1)));
    let rejected = answer.body["rejected"].as_array().unwrap();
    let indexes: Vec<_> = rejected.iter().map(|one| one["index"].as_u64().unwrap()).collect();
    assert_eq!(indexes, [0, 1, 2, 4, 5, 6, 7]);
    assert_eq!(rejected[6]["code"], "IN_FUTURE");
    assert!(rejected[..6].iter().all(|one| one["code"] == "VALIDATION_FAILED"));
    let told = rejected[2]["message"].as_str().unwrap();
    for place in ["/id", "/userId", "/type", "/at", "/value", "/more"] {
        assert!(told.contains(place), "{place} in {told}");
    }
    let listed = app.get(as_auditor(), "/activities").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_batch_is_refused_as_a_whole() {
    let app = TestApp::start().await;
    let many: Vec<_> = (0..1001).map(|n| activity(&n.to_string(), 1, "2026-05-01T08:00:00Z")).collect();
    for (body, pointer) in [
        (json!([]), ""),
        (json!({}), "/activities"),
        (json!({"activities": {}}), "/activities"),
        (json!({"activities": [], "more": 1}), "/more"),
        (json!({ "activities": many }), "/activities"),
    ] {
        let answer = app.post(as_operator(), "/activities", &body).await;
        assert_eq!((answer.status, answer.str("code")), (StatusCode::BAD_REQUEST, "VALIDATION_FAILED"));
        assert_eq!(answer.body["errors"][0]["pointer"], pointer);
    }
    let twice = r#"{"activities": [], "activities": []}"#;
    let answer = app.send_text(as_operator(), Method::POST, "/activities", "application/json", twice).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get(as_auditor(), "/activities").await.body["items"], json!([]));
}

#[tokio::test]
async fn only_those_who_may_report_and_only_staff_reads() {
    let app = TestApp::start().await;
    let empty = json!({"activities": []});
    for (who, status) in [
        (as_user(1), 403),
        (as_auditor(), 403),
        (as_server(&[ApiKeyScope::AttributesWrite]), 403),
        (Identity::Anonymous, 401),
        (as_server(&[ApiKeyScope::ActivitiesWrite]), 200),
    ] {
        assert_eq!(app.post(who, "/activities", &empty).await.status, status, "{who:?}");
    }
    for (who, status) in [(as_user(1), 403), (as_operator(), 200), (as_roles(1, &[]), 403)] {
        assert_eq!(app.get(who, "/activities").await.status, status, "{who:?}");
    }
}

#[tokio::test]
async fn logins_that_the_gateway_reports_are_activities_and_nobody_else_can_report_them() {
    let app = TestApp::start().await;
    let login =
        json!({"id": "6650f1a2c3d4e5f601234567", "userId": user_id(1), "at": "2026-05-01T08:59:59.000Z"});
    let report = json!({ "logins": [login, login] });
    for _ in 0..2 {
        assert_eq!(
            app.post(Identity::Gateway, RECORD_LOGINS_PATH, &report).await.status,
            StatusCode::NO_CONTENT
        );
    }
    let listed = app.get(as_auditor(), "/activities?type=login").await;
    assert_eq!(listed.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(app.post(as_operator(), RECORD_LOGINS_PATH, &report).await.status, StatusCode::FORBIDDEN);
}
