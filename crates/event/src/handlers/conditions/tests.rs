use domain::Role;
use http::StatusCode;
use serde_json::{Value, json};
use test_kit::callers::{about, as_auditor, as_operator, as_user, user_id};

use crate::test_app::TestApp;

async fn record(app: &TestApp, activities: Vec<Value>) {
    let sent = app.post(as_operator(), "/activities", &json!({ "activities": activities })).await;
    assert_eq!(sent.body["accepted"], activities.len());
}

fn purchase(user: u8, value: u32) -> Value {
    let id = format!("p-{user}-{value}");
    json!({"id": id, "userId": user_id(user), "type": "purchase", "at": "2026-04-20T12:00:00Z", "value": value})
}

#[tokio::test]
async fn the_vocabulary_has_facts_operators_and_what_was_reported() {
    let app = TestApp::start().await;
    record(&app, vec![purchase(1, 5)]).await;
    app.put(
        as_operator(),
        &format!("/users/{}/attributes", user_id(1)),
        &json!({"attributes": {"level": 3}}),
    )
    .await;
    let seen = app.get(as_auditor(), "/facts").await;
    assert_eq!(
        (&seen.body["activityTypes"], &seen.body["attributeNames"]),
        (&json!(["purchase"]), &json!(["level"]))
    );
    assert_eq!(seen.body["facts"].as_array().unwrap().len(), 10);
    assert!(seen.body["operators"].as_array().unwrap().iter().any(|one| one["name"] == ">="));
    assert_eq!(app.get(as_user(1), "/facts").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_condition_is_tried_on_facts_or_on_a_user() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    record(&app, vec![purchase(1, 5), purchase(1, 7)]).await;
    let condition = json!({">=": [{"var": "activity.purchase.sum"}, 20]});
    let given = json!({"condition": condition, "facts": {"activity": {"purchase": {"sum": 20}}}});
    let tried = app.post(as_auditor(), "/conditions/evaluate", &given).await;
    assert_eq!((tried.status, &tried.body["eligible"]), (StatusCode::OK, &json!(true)));
    assert_eq!(tried.body["trace"]["value"], true);
    let on_user = json!({"condition": condition, "userId": user_id(1), "eventId": event});
    let tried = app.post(about(as_operator(), 1, &[Role::User]), "/conditions/evaluate", &on_user).await;
    assert_eq!((&tried.body["eligible"], &tried.body["progress"][0]["actual"]), (&json!(false), &json!(12)));
    assert_eq!(tried.body["reasons"][0]["code"], "CONDITION_NOT_MET");
}

#[tokio::test]
async fn what_cannot_be_tried_is_told() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    for (body, pointer) in [
        (json!({"condition": {}}), ""),
        (json!({"condition": {}, "facts": {}, "userId": user_id(1), "eventId": event}), ""),
        (json!({"condition": {}, "userId": user_id(1)}), ""),
        (json!({"condition": {">=": [{"var": "level"}, 1]}, "facts": {}}), "/condition/>=/0/var"),
        (
            json!({"condition": {}, "facts": {"activity": {"login": {"days": "many"}}}}),
            "/facts/activity/login/days",
        ),
        (json!({"condition": {}, "facts": {"planet": 1}}), "/facts/planet"),
    ] {
        let answer = app.post(as_auditor(), "/conditions/evaluate", &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.body["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn a_draft_is_tried_on_everybody_step_by_step() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"condition": {">=": [{"var": "activity.purchase.sum"}, 100]}})).await;
    record(&app, (1..=150).map(|user| purchase(user, u32::from(user))).collect()).await;
    let draft = json!({"and": [
        {">=": [{"var": "activity.purchase.sum"}, 90]},
        {"<": [{"var": "activity.purchase.sum"}, 140]},
    ]});
    let path = format!("/events/{event}/condition/backtest");
    let seen = app.post(as_auditor(), &path, &json!({ "condition": draft })).await;
    assert_eq!(seen.status, StatusCode::OK, "{}", seen.text);
    assert_eq!((&seen.body["evaluated"], &seen.body["qualifying"]), (&json!(150), &json!(50)));
    assert_eq!((&seen.body["gained"]["count"], &seen.body["lost"]["count"]), (&json!(10), &json!(11)));
    assert_eq!(seen.body["gained"]["sampleUserIds"][0], json!(user_id(90)));
    assert_eq!(seen.body["nextCursor"], Value::Null);
    let rest = app.post(as_auditor(), &path, &json!({ "condition": draft, "cursor": user_id(139) })).await;
    assert_eq!((&rest.body["evaluated"], &rest.body["qualifying"]), (&json!(11), &json!(0)));
    assert_eq!(
        app.post(as_user(1), &path, &json!({ "condition": draft })).await.status,
        StatusCode::FORBIDDEN
    );
}
