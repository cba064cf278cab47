use serde_json::json;

use test_kit::callers::{as_auditor, as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn rewards_come_in_the_order_they_were_attached_and_codes_go_to_staff_only() {
    let app = TestApp::start().await;
    let path = format!("/events/{}/rewards", app.new_event(&json!({})).await);
    for body in [
        json!({"type": "COUPON", "name": "c", "couponCode": "SPRING10", "expiry": "2027-01-01T00:00:00Z"}),
        json!({"type": "POINT", "name": "p", "points": 1}),
        json!({"type": "ITEM", "name": "i", "itemId": "sword", "quantity": 1}),
        json!({"type": "BADGE", "name": "b", "badgeId": "early"}),
    ] {
        assert_eq!(app.post(as_operator(), &path, &body).await.status, 201);
    }
    for (who, code) in
        [(as_operator(), json!("SPRING10")), (as_auditor(), json!("SPRING10")), (as_user(1), json!(null))]
    {
        let listed = app.get(who, &path).await;
        let types: Vec<_> = listed.body.as_array().unwrap().iter().map(|reward| &reward["type"]).collect();
        assert_eq!(types, ["COUPON", "POINT", "ITEM", "BADGE"]);
        assert_eq!(listed.body[0]["couponCode"], code);
        assert_eq!(listed.body[0]["expiry"], "2027-01-01T00:00:00.000Z");
    }
}

#[tokio::test]
async fn users_do_not_find_the_rewards_of_events_they_do_not_see() {
    let app = TestApp::start().await;
    let off = format!("/events/{}/rewards", app.new_event(&json!({"status": "INACTIVE"})).await);
    assert_eq!(app.get(as_user(1), &off).await.outcome(), (404, "NOT_FOUND"));
    assert_eq!(app.get(as_operator(), &off).await.body, json!([]));
    let unknown = app.get(as_operator(), "/events/6650f1a2c3d4e5f601234567/rewards").await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
}
