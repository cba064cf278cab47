use domain::ApiKeyScope;
use serde_json::json;
use service_kit::worker::Worker;
use test_kit::callers::{as_auditor, as_operator, as_server, as_user, user_id};

use crate::test_app::TestApp;

#[tokio::test]
async fn users_see_their_own_entries_staff_sees_all_and_servers_see_no_codes() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let coupon =
        json!({"type": "COUPON", "name": "c", "couponCode": "SPRING10", "expiry": "2027-01-01T00:00:00Z"});
    app.post(as_operator(), &format!("/events/{event}/rewards"), &coupon).await;
    for user in [1, 2] {
        let claim = app.claim(as_user(user), &event, None).await.str("id").to_owned();
        app.patch(as_operator(), &format!("/events/requests/{claim}"), &json!({"status": "APPROVED"})).await;
    }
    app.events.claim_settler().1.step().await.unwrap();
    let own = app.get(as_user(1), "/grants").await.body;
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["userId"], user_id(1).to_string());
    assert_eq!(own["items"][0]["reward"]["couponCode"], "SPRING10");
    assert_eq!((&own["items"][0]["kind"], &own["items"][0]["eventId"]), (&json!("GRANT"), &json!(event)));
    let others = app.get(as_user(1), &format!("/grants?userId={}", user_id(2))).await;
    assert_eq!(others.outcome(), (403, "FORBIDDEN"));
    let all = app.get(as_auditor(), &format!("/grants?eventId={event}")).await.body;
    assert_eq!(all["items"].as_array().unwrap().len(), 2);
    let server = as_server(&[ApiKeyScope::GrantsRead]);
    let seen = app.get(server, &format!("/grants?userId={}", user_id(2))).await.body;
    assert_eq!(seen["items"][0]["reward"]["type"], "COUPON");
    assert_eq!(seen["items"][0]["reward"]["couponCode"], json!(null));
    let wallet = format!("/users/{}/wallet", user_id(2));
    assert_eq!(app.get(server, &wallet).await.body["coupons"][0]["couponCode"], json!(null));
    assert_eq!(app.get(as_user(2), &wallet).await.body["coupons"][0]["couponCode"], "SPRING10");
    assert_eq!(app.get(as_user(1), &wallet).await.outcome(), (403, "FORBIDDEN"));
}
