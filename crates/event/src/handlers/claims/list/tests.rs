use serde_json::json;

use test_kit::callers::{as_auditor, as_operator, as_user, user_id};

use crate::test_app::TestApp;

#[tokio::test]
async fn users_see_their_own_requests_and_staff_sees_all() {
    let app = TestApp::start().await;
    let (one, other) = (app.new_event(&json!({})).await, app.new_event(&json!({})).await);
    let mut made = Vec::new();
    for (who, event) in [(1, &one), (2, &one), (1, &other)] {
        made.push(app.claim(as_user(who), event, None).await.str("id").to_owned());
        app.clock.advance_seconds(60);
    }
    let [first, second, third] = made.try_into().unwrap();
    let (mina, jun) = (user_id(1).to_string(), user_id(2).to_string());
    for (who, query, expected) in [
        (as_operator(), String::new(), vec![&third, &second, &first]),
        (as_auditor(), format!("?userId={mina}"), vec![&third, &first]),
        (as_operator(), format!("?eventId={one}"), vec![&second, &first]),
        (as_operator(), format!("?eventId={one}&userId={jun}"), vec![&second]),
        (as_operator(), "?status=PENDING&limit=1".into(), vec![&third]),
        (as_operator(), "?status=APPROVED".into(), vec![]),
        (as_operator(), format!("?eventId={one}&status=PENDING"), vec![&second, &first]),
        (as_operator(), "?from=2026-05-01T09:01:00Z".into(), vec![&third, &second]),
        (as_operator(), "?to=2026-05-01T09:01:00Z".into(), vec![&first]),
        (as_operator(), "?from=2026-05-01T09:00:00.001Z&to=2026-05-01T09:02:00Z".into(), vec![&second]),
        (as_user(1), String::new(), vec![&third, &first]),
        (as_user(1), format!("?userId={mina}&eventId={one}"), vec![&first]),
        (as_user(3), String::new(), vec![]),
    ] {
        let listed = app.get(who, &format!("/events/requests{query}")).await;
        assert_eq!(listed.ids(), expected, "{query}");
    }
    let foreign = app.get(as_user(1), &format!("/events/requests?userId={jun}")).await;
    assert_eq!(foreign.outcome(), (403, "FORBIDDEN"));
}

#[tokio::test]
async fn a_filter_that_does_not_read_is_refused() {
    let app = TestApp::start().await;
    let answer = app.get(as_operator(), "/events/requests?userId=me&from=now&state=PENDING").await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
    assert_eq!(answer.pointers(), ["?from", "?state", "?userId"]);
}
