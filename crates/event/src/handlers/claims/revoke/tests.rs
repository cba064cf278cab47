use serde_json::json;
use test_kit::callers::{as_admin, as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn only_an_approved_request_can_be_taken_back_and_with_a_reason() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let claim = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    let path = format!("/events/requests/{claim}/revoke");
    let reason = json!({"reason": "Fraud"});
    let pending = app.post(as_admin(), &path, &reason).await;
    assert_eq!((pending.outcome(), pending.str("currentStatus")), ((409, "NOT_APPROVED"), "PENDING"));
    app.patch(as_operator(), &format!("/events/requests/{claim}"), &json!({"status": "APPROVED"})).await;
    assert_eq!(app.post(as_operator(), &path, &reason).await.outcome(), (403, "FORBIDDEN"));
    for (body, pointer) in [(json!({}), "/reason"), (json!({"reason": null}), "/reason")] {
        let answer = app.post(as_admin(), &path, &body).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), vec![pointer]));
    }
    let revoked = app.post(as_admin(), &path, &reason).await;
    assert_eq!((revoked.str("status"), revoked.str("revokedReason")), ("REVOKED", "Fraud"));
    let unknown = app.post(as_admin(), "/events/requests/6650f1a2c3d4e5f601234567/revoke", &reason).await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
}
