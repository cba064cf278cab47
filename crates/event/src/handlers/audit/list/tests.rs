use domain::{ApiKeyScope, Role};
use serde_json::{Value, json};
use service_kit::identity::Identity;
use test_kit::callers::{about, as_admin, as_auditor, as_operator, as_roles, as_server, as_user, user_id};

use crate::test_app::TestApp;

const PATH: &str = "/audit/events";

async fn entries(app: &TestApp) -> Vec<Value> {
    let listed = app.get(as_auditor(), &format!("{PATH}?limit=100")).await;
    assert_eq!(listed.status, 200, "{}", listed.text);
    listed.body["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_staff_and_servers_do_is_recorded_and_what_users_do_is_not() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    let coupon = json!({
        "type": "COUPON", "name": "c", "couponCode": "SPRING10", "expiry": "2027-01-01T00:00:00Z", "stock": 5,
    });
    let reward = app.post(as_operator(), &rewards, &coupon).await.str("id").to_owned();
    let place = format!("{rewards}/{reward}");
    for stock in [json!(7), Value::Null] {
        assert_eq!(app.patch(as_operator(), &place, &json!({ "stock": stock })).await.status, 200);
    }
    app.patch(as_operator(), &format!("/events/{event}"), &json!({ "name": "Later" })).await;
    let clone = app.post(as_operator(), &format!("/events/{event}/clone"), &json!({})).await;
    assert_eq!(clone.status, 201, "{}", clone.text);
    let clone = clone.str("id").to_owned();
    assert_eq!(app.delete(as_admin(), &format!("/events/{clone}")).await.status, 204);
    let own = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    let server = about(as_server(&[ApiKeyScope::RequestsWrite]), 2, &[Role::User]);
    let body = json!({ "userId": user_id(2) });
    let others = app.post(server, &format!("/events/{event}/request"), &body).await;
    assert_eq!(others.status, 201, "{}", others.text);
    let ids = json!({ "ids": [own, others.str("id")], "status": "APPROVED", "reason": "ok" });
    assert_eq!(app.post(as_operator(), "/events/requests/decisions", &ids).await.status, 200);
    let revoke = format!("/events/requests/{own}/revoke");
    assert_eq!(app.post(as_admin(), &revoke, &json!({ "reason": "x" })).await.status, 200);
    let attributes = json!({ "attributes": { "level": 3 } });
    let put = format!("/users/{}/attributes", user_id(1));
    assert_eq!(app.put(as_operator(), &put, &attributes).await.status, 200);

    let entries = entries(&app).await;
    let actions: Vec<_> = entries.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    let expected = [
        "event.created",
        "event.reward.attached",
        "event.stock.changed",
        "event.stock.changed",
        "event.changed",
        "event.cloned",
        "event.deleted",
        "request.created",
        "request.approved",
        "request.approved",
        "request.revoked",
        "attributes.replaced",
    ];
    assert_eq!(actions, expected);
    let of = |action: &str| entries.iter().rev().find(|entry| entry["action"] == action).unwrap();
    let stock = of("event.stock.changed");
    assert_eq!((&stock["before"]["stock"], &stock["after"]["stock"]), (&json!(5), &json!(7)));
    assert_eq!(of("event.changed")["after"], json!({ "name": "Later" }));
    assert_eq!(of("event.reward.attached")["after"]["stock"], 5);
    assert_eq!(of("request.created")["actor"]["kind"], "api_key");
    assert_eq!(of("request.revoked")["actor"]["id"], json!(user_id(202)));
    assert_eq!(of("attributes.replaced")["object"], json!({ "kind": "user", "id": user_id(1) }));
    assert!(!json!(entries).to_string().contains("SPRING10"));
    let head = app.get(as_auditor(), "/audit/events/head").await;
    assert_eq!(head.body, json!({ "sequence": 12, "hash": entries[0]["hash"] }));
    for (query, count) in [
        (format!("object={event}"), 5),
        (format!("actor={}&action=request.revoked", user_id(202)), 1),
        ("to=2026-05-01T09:00:00Z".to_owned(), 0),
    ] {
        let found = app.get(as_auditor(), &format!("{PATH}?{query}")).await;
        assert_eq!(found.body["items"].as_array().map(Vec::len), Some(count), "{query}: {}", found.text);
    }
}

#[tokio::test]
async fn what_an_event_decides_by_itself_is_not_recorded() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({ "approval": "AUTO" })).await;
    app.claim(as_user(1), &event, None).await;
    assert_eq!(app.events.approve_undecided().await.unwrap().approved, 1);
    assert_eq!(entries(&app).await.len(), 1);
}

#[tokio::test]
async fn the_log_is_for_auditors_and_administrators() {
    let app = TestApp::start().await;
    for role in Role::ALL {
        let status = if matches!(role, Role::Auditor | Role::Admin) { 200 } else { 403 };
        for path in [PATH, "/audit/events/head"] {
            let answer = app.get(as_roles(1, &[role]), path).await;
            assert_eq!(answer.status.as_u16(), status, "{role} {path}");
        }
    }
    assert_eq!(app.get(Identity::Anonymous, PATH).await.outcome(), (401, "UNAUTHENTICATED"));
    assert_eq!(app.get(as_auditor(), "/audit/events?since=now").await.outcome(), (400, "VALIDATION_FAILED"));
}
