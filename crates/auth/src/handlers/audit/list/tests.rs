use domain::Role;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use service_kit::identity::Identity;

use crate::test_app::{TestApp, identity_of};

const PATH: &str = "/audit/users";

#[tokio::test]
async fn what_was_changed_is_shown_with_who_did_it_and_by_which_request() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let body = json!({ "roles": ["USER", "OPERATOR"] });
    let path = format!("/users/{}/roles", mina.id);
    let mut request = app.request(identity_of(&admin), Method::PUT, &path, Some(&body));
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("r-42"));
    assert_eq!(app.send(request).await.outcome(), (200, ""));
    app.clock.advance_seconds(60);
    let key = json!({ "name": "Shop", "scopes": ["events:read"] });
    let key = app.post(identity_of(&admin), "/api-keys", &key).await;
    let path = format!("/api-keys/{}", key.str("id"));
    app.send(app.request(identity_of(&admin), Method::DELETE, &path, None)).await;

    let auditor = identity_of(&app.user("auditor@example.com", &[Role::Auditor]).await);
    let listed = app.get(auditor, PATH).await;
    let items = listed.body["items"].as_array().unwrap();
    let actions: Vec<_> = items.iter().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["api_key.deleted", "api_key.created", "user.roles.replaced"]);
    let first = &items[2];
    let expected = json!({
        "sequence": 1,
        "id": first["id"],
        "at": "2026-05-01T09:00:00.000Z",
        "actor": { "kind": "user", "id": admin.id },
        "action": "user.roles.replaced",
        "object": { "kind": "user", "id": mina.id },
        "before": { "roles": ["USER"] },
        "after": { "roles": ["USER", "OPERATOR"] },
        "requestId": "r-42",
        "previousHash": "0".repeat(64),
        "hash": first["hash"],
    });
    assert_eq!(first, &expected);
    assert_eq!((&items[1]["before"], &items[0]["after"]), (&Value::Null, &Value::Null));
    assert_eq!(items[0]["before"]["name"], "Shop");
    assert!(!listed.text.contains(key.str("key")), "{}", listed.text);
    let head = app.get(auditor, "/audit/users/head").await;
    assert_eq!(head.body, json!({ "sequence": 3, "hash": items[0]["hash"] }));

    let minute = "2026-05-01T09:01:00Z";
    for (query, count) in [
        (format!("actor={}", admin.id), 3),
        (format!("actor={}", mina.id), 0),
        (format!("object={}&action=user.roles.replaced", mina.id), 1),
        (format!("from={minute}"), 2),
        (format!("to={minute}&limit=1"), 1),
    ] {
        let found = app.get(auditor, &format!("{PATH}?{query}")).await;
        assert_eq!(found.body["items"].as_array().map(Vec::len), Some(count), "{query}: {}", found.text);
    }
    let page = app.get(auditor, &format!("{PATH}?limit=2")).await;
    let rest = app.get(auditor, &format!("{PATH}?cursor={}", page.str("nextCursor"))).await;
    assert_eq!(rest.body["items"], json!([first]));
}

#[tokio::test]
async fn a_log_without_entries_has_a_head_of_zeros() {
    let app = TestApp::start().await;
    let auditor = identity_of(&app.user("auditor@example.com", &[Role::Auditor]).await);
    assert_eq!(app.get(auditor, PATH).await.body, json!({ "items": [], "nextCursor": null }));
    let head = app.get(auditor, "/audit/users/head").await;
    assert_eq!(head.body, json!({ "sequence": 0, "hash": "0".repeat(64) }));
}

#[tokio::test]
async fn the_log_is_for_auditors_and_administrators_and_filters_that_are_misspelt_are_refused() {
    let app = TestApp::start().await;
    for role in Role::ALL {
        let who = identity_of(&app.user(&format!("{role}@example.com"), &[role]).await);
        let status = if matches!(role, Role::Auditor | Role::Admin) { 200 } else { 403 };
        for path in [PATH, "/audit/users/head"] {
            assert_eq!(app.get(who, path).await.status.as_u16(), status, "{role} {path}");
        }
        if status == 200 {
            let answer = app.get(who, &format!("{PATH}?actor=me&action=made&since=now&from=x")).await;
            assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
            let mut named = answer.pointers();
            named.sort_unstable();
            assert_eq!(named, ["?action", "?actor", "?from", "?since"]);
        }
    }
    assert_eq!(app.get(Identity::Anonymous, PATH).await.outcome(), (401, "UNAUTHENTICATED"));
}
