use serde_json::json;

use test_kit::callers::{as_auditor, as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn users_find_active_events_and_staff_finds_all() {
    let app = TestApp::start().await;
    let on = app.new_event(&json!({})).await;
    let off = app.new_event(&json!({"status": "INACTIVE"})).await;
    let seen = async |who, id: &str| app.get(who, &format!("/events/{id}")).await.status.as_u16();
    assert_eq!(seen(as_user(1), &on).await, 200);
    assert_eq!(seen(as_user(1), &off).await, 404);
    for staff in [as_operator(), as_auditor()] {
        assert_eq!(seen(staff, &on).await, 200);
        assert_eq!(seen(staff, &off).await, 200);
    }
}

#[tokio::test]
async fn the_revision_is_the_entity_tag() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    assert_eq!(app.get(as_user(1), &format!("/events/{event}")).await.header("etag"), "\"1\"");
}

#[tokio::test]
async fn an_unknown_id_is_not_found_and_nonsense_is_invalid() {
    let app = TestApp::start().await;
    let unknown = app.get(as_user(1), "/events/6650f1a2c3d4e5f601234567").await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
    let nonsense = app.get(as_user(1), "/events/tomorrow").await;
    assert_eq!(nonsense.outcome(), (400, "VALIDATION_FAILED"));
    assert_eq!(nonsense.pointers(), [":eventId"]);
}

#[tokio::test]
async fn the_phase_follows_the_clock() {
    let app = TestApp::start().await;
    let period = json!({"periodStart": "2026-05-01T09:00:10Z", "periodEnd": "2026-05-01T09:00:20Z"});
    let path = format!("/events/{}", app.new_event(&period).await);
    for phase in ["UPCOMING", "ONGOING", "ENDED"] {
        assert_eq!(app.get(as_user(1), &path).await.str("phase"), phase);
        app.clock.advance_seconds(10);
    }
}
