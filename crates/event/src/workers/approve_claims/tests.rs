use serde_json::json;
use service_kit::worker::{StepReport, Worker};
use test_kit::callers::{as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn a_claim_on_an_event_that_decides_by_itself_is_pending_until_the_worker_approves_it() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"approval": "AUTO"})).await;
    let manual = app.new_event(&json!({})).await;
    let claimed = app.claim(as_user(1), &event, None).await;
    let waiting = app.claim(as_user(1), &manual, None).await;
    assert_eq!((claimed.status.as_u16(), claimed.str("status")), (201, "PENDING"));
    app.clock.advance_seconds(1);
    let (_, worker) = app.events.claim_approver();
    assert_eq!(worker.step().await.unwrap(), StepReport::finished(1));
    let seen = app.get(as_user(1), &format!("/events/requests/{}", claimed.str("id"))).await;
    assert_eq!((seen.str("status"), seen.str("decidedBy")), ("APPROVED", "AUTO"));
    assert_eq!(seen.str("decidedAt"), "2026-05-01T09:00:01.000Z");
    let other = app.get(as_user(1), &format!("/events/requests/{}", waiting.str("id"))).await;
    assert_eq!(other.str("status"), "PENDING");
    assert_eq!(worker.step().await.unwrap(), StepReport::finished(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn several_workers_approve_each_claim_once_and_leave_what_an_operator_was_first_to_decide() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"approval": "AUTO"})).await;
    let mut ids = Vec::new();
    for user in 1..=100 {
        ids.push(app.claim(as_user(user), &event, None).await.str("id").to_owned());
    }
    let path = format!("/events/requests/{}", ids[50]);
    assert_eq!(app.patch(as_operator(), &path, &json!({"status": "REJECTED"})).await.status, 200);
    let steps = (0..8).map(|_| {
        let (_, worker) = app.events.claim_approver();
        tokio::spawn(async move { worker.step().await.unwrap().processed })
    });
    let steps: Vec<_> = steps.collect();
    let mut approved = 0;
    for step in steps {
        approved += step.await.unwrap();
    }
    assert_eq!(approved, 99);
    assert_eq!(app.get(as_operator(), &path).await.str("status"), "REJECTED");
}
