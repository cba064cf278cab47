use serde_json::{Value, json};
use test_kit::callers::{as_auditor, as_operator, as_server, as_user, user_id};

use crate::test_app::TestApp;

const PATH: &str = "/events/requests/counts";

#[tokio::test]
async fn numbers_follow_claims_and_decisions() {
    let app = TestApp::start().await;
    let counts = async |query: &str| app.get(as_auditor(), &format!("{PATH}{query}")).await.body;
    let none = json!({"pending": 0, "approved": 0, "rejected": 0, "revoked": 0, "oldestPending": null});
    assert_eq!(counts("").await, none);
    let events = [app.new_event(&json!({})).await, app.new_event(&json!({})).await];
    let mut ids = Vec::new();
    for (event, user) in [(0, 1), (0, 2), (0, 3), (1, 1)] {
        ids.push(app.claim(as_user(user), &events[event], None).await.str("id").to_owned());
        app.clock.advance_seconds(1);
    }
    for (id, status) in [(&ids[0], "APPROVED"), (&ids[1], "REJECTED")] {
        let path = format!("/events/requests/{id}");
        assert_eq!(app.patch(as_operator(), &path, &json!({ "status": status })).await.status, 200);
    }
    let expected = |numbers: [u64; 3], oldest: Option<(&String, &str)>| -> Value {
        let [pending, approved, rejected] = numbers;
        let oldest = oldest.map(|(id, at)| json!({"id": id, "createdAt": at}));
        json!({"pending": pending, "approved": approved, "rejected": rejected, "revoked": 0, "oldestPending": oldest})
    };
    let third = Some((&ids[2], "2026-05-01T09:00:02.000Z"));
    let fourth = Some((&ids[3], "2026-05-01T09:00:03.000Z"));
    assert_eq!(counts("").await, expected([2, 1, 1], third));
    assert_eq!(counts(&format!("?eventId={}", events[0])).await, expected([1, 1, 1], third));
    assert_eq!(counts(&format!("?eventId={}", events[1])).await, expected([1, 0, 0], fourth));
    assert_eq!(counts(&format!("?userId={}", user_id(1))).await, expected([1, 1, 0], fourth));
    let both = format!("?userId={}&eventId={}", user_id(2), events[0]);
    assert_eq!(counts(&both).await, expected([0, 0, 1], None));
    assert_eq!(counts("?eventId=6650f1a2c3d4e5f601234567").await, none);
}

#[tokio::test]
async fn staff_alone_may_count() {
    let app = TestApp::start().await;
    for who in [as_user(1), as_server(&domain::ApiKeyScope::ALL)] {
        assert_eq!(app.get(who, PATH).await.outcome(), (403, "FORBIDDEN"));
    }
    let answer = app.get(as_operator(), &format!("{PATH}?status=PENDING&userId=x")).await;
    assert_eq!(
        (answer.outcome(), answer.pointers()),
        ((400, "VALIDATION_FAILED"), vec!["?status", "?userId"])
    );
}
