use http::Method;
use serde_json::json;
use test_kit::callers::{as_auditor, as_operator};

use crate::test_app::TestApp;

#[tokio::test]
async fn what_is_wrong_is_told_with_the_most_that_the_event_can_give() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"condition": {"==": [1, 2]}})).await;
    let look = async |event: &str| {
        let path = format!("/events/{event}/preflight");
        app.send(app.build_request(as_auditor(), Method::POST, &path, None)).await
    };
    let found = look(&event).await;
    assert_eq!(found.status, 200, "{}", found.text);
    let codes: Vec<_> = found.body["findings"].as_array().unwrap().iter().map(|it| &it["code"]).collect();
    assert_eq!(codes, ["CONDITION_NEVER_HOLDS", "NO_REWARDS"]);
    assert_eq!(found.body["worstCase"], json!({"claims": null, "rewards": []}));
    let limited = json!({"type": "POINT", "name": "p", "points": 5, "stock": 10});
    let attached = app.post(as_operator(), &format!("/events/{event}/rewards"), &limited).await;
    let found = look(&event).await.body;
    let payout = json!([{"rewardId": attached.str("id"), "name": "p", "type": "POINT", "amount": 50}]);
    assert_eq!(found["worstCase"], json!({"claims": 10, "rewards": payout}));
    assert_eq!(look("6650f1a2c3d4e5f601234567").await.outcome(), (404, "NOT_FOUND"));
}
