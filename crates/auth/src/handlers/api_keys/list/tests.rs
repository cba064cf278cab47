use std::time::Duration;

use domain::Role;
use serde_json::{Value, json};
use service_kit::{api_key::ApiKeyToken, identity::Identity};

use crate::test_app::{TestApp, identity_of};

const PATH: &str = "/api-keys";

async fn make_key(app: &TestApp, admin: Identity, name: &str) -> ApiKeyToken {
    let answer = app.post(admin, PATH, &json!({ "name": name, "scopes": ["events:read"] })).await;
    answer.str("key").parse().unwrap()
}

/// When the newest key was last used, as soon as it is this.
async fn wait_for_use(app: &TestApp, admin: Identity, expected: &str) {
    for _ in 0..500 {
        if app.get(admin, PATH).await.body["items"][0]["lastUsedAt"] == expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not {expected}: {}", app.get(admin, PATH).await.text);
}

#[tokio::test]
async fn keys_are_listed_newest_first_in_pages_to_administrators_and_auditors() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    for name in ["one", "two", "three"] {
        make_key(&app, admin, name).await;
    }
    let auditor = identity_of(&app.user("auditor@example.com", &[Role::Auditor]).await);
    let page = app.get(auditor, "/api-keys?limit=2").await;
    let names: Vec<_> = page.body["items"].as_array().unwrap().iter().map(|key| &key["name"]).collect();
    assert_eq!(names, ["three", "two"]);
    let rest = app.get(auditor, &format!("/api-keys?cursor={}", page.str("nextCursor"))).await;
    assert_eq!(rest.body["items"][0]["name"], "one");
    assert_eq!((&rest.body["nextCursor"], rest.body["items"].as_array().unwrap().len()), (&Value::Null, 1));
    let refused = app.get(auditor, "/api-keys?name=one&limit=0").await;
    assert_eq!(refused.outcome(), (400, "VALIDATION_FAILED"));
    for role in [Role::User, Role::Operator] {
        let who = app.user(&format!("{role}@example.com"), &[role]).await;
        assert_eq!(app.get(identity_of(&who), PATH).await.outcome(), (403, "FORBIDDEN"));
    }
}

#[tokio::test]
async fn the_last_use_is_told_to_the_minute() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    let token = make_key(&app, admin, "Shop").await;
    assert_eq!(app.get(admin, PATH).await.body["items"][0]["lastUsedAt"], Value::Null);
    app.clock.advance_seconds(59);
    app.auth.check_api_keys(&[token.hash()]).await.unwrap();
    wait_for_use(&app, admin, "2026-05-01T09:00:00.000Z").await;
    app.clock.advance_seconds(1);
    app.auth.check_api_keys(&[token.hash(); 100]).await.unwrap();
    wait_for_use(&app, admin, "2026-05-01T09:01:00.000Z").await;
}

#[tokio::test]
async fn a_use_that_cannot_be_noted_costs_no_request() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    let token = make_key(&app, admin, "Shop").await;
    app.user_db.refuse_writes(true).await;
    let standing = app.auth.check_api_keys(&[token.hash()]).await.unwrap();
    assert!(matches!(standing[0], service_kit::internal_api::KeyStanding::Valid(_)));
}
