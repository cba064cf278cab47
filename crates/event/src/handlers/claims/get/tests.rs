use serde_json::json;

use test_kit::callers::{as_auditor, as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn the_owner_and_staff_see_a_request_and_nobody_else() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let id = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    let path = format!("/events/requests/{id}");
    for who in [as_user(1), as_operator(), as_auditor()] {
        let seen = app.get(who, &path).await;
        assert_eq!((seen.status.as_u16(), seen.str("id")), (200, id.as_str()));
        assert_eq!(seen.body["decision"]["eventRevision"], 1);
    }
    let unknown = app.get(as_operator(), "/events/requests/6650f1a2c3d4e5f601234567").await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
    let others = app.get(as_user(2), &path).await;
    assert_eq!((others.outcome(), others.str("detail")), (unknown.outcome(), unknown.str("detail")));
    assert_eq!(app.get(as_operator(), "/events/requests/mine").await.outcome(), (400, "VALIDATION_FAILED"));
}
