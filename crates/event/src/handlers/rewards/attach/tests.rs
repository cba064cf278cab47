use futures::future::join_all;
use serde_json::{Value, json};

use test_kit::callers::{as_operator, as_user};

use crate::test_app::TestApp;

const NOBODY: &str = "6650f1a2c3d4e5f601234567";

fn points_reward() -> Value {
    json!({"type": "POINT", "name": "Starter points", "points": 500})
}

#[tokio::test]
async fn a_new_reward_is_answered_with_its_id() {
    let app = TestApp::start().await;
    let path = format!("/events/{}/rewards", app.new_event(&json!({})).await);
    let attached = app.post(as_operator(), &path, &points_reward()).await;
    assert_eq!(attached.status, 201);
    let expected = json!({
        "id": attached.str("id"),
        "type": "POINT",
        "name": "Starter points",
        "points": 500,
        "stock": null,
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(attached.body, expected);
    assert_eq!(app.get(as_user(1), &path).await.body, json!([expected]));
}

#[tokio::test]
async fn a_reward_can_be_attached_to_many_events_but_to_each_once() {
    let app = TestApp::start().await;
    let (one, other) = (app.new_event(&json!({})).await, app.new_event(&json!({})).await);
    let reward = app.post(as_operator(), &format!("/events/{one}/rewards"), &points_reward()).await;
    let by_id = json!({"rewardId": reward.str("id")});
    let again = app.post(as_operator(), &format!("/events/{one}/rewards"), &by_id).await;
    assert_eq!(again.outcome(), (409, "REWARD_ATTACHED"));
    let path = format!("/events/{other}/rewards");
    let attempts = join_all((0..50).map(|_| app.post(as_operator(), &path, &by_id))).await;
    let attached = attempts.iter().filter(|answer| answer.status == 201).count();
    let refused = attempts.iter().filter(|answer| answer.outcome() == (409, "REWARD_ATTACHED")).count();
    assert_eq!((attached, refused), (1, 49));
    assert_eq!(app.get(as_user(1), &path).await.body, json!([reward.body]));
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let path = format!("/events/{}/rewards", app.new_event(&json!({})).await);
    let unknown_event = app.post(as_operator(), &format!("/events/{NOBODY}/rewards"), &points_reward()).await;
    assert_eq!(unknown_event.outcome(), (404, "NOT_FOUND"));
    let unknown_reward = app.post(as_operator(), &path, &json!({ "rewardId": NOBODY })).await;
    assert_eq!(unknown_reward.outcome(), (404, "NOT_FOUND"));
    let invalid = app.post(as_operator(), &path, &json!({"type": "POINT", "name": "x"})).await;
    assert_eq!((invalid.outcome(), invalid.pointers()), ((400, "VALIDATION_FAILED"), vec!["/points"]));
    assert_eq!(app.get(as_operator(), &path).await.body, json!([]));
}
