use domain::Role;
use serde_json::{Value, json};
use service_kit::{
    api_key::ApiKeyToken,
    identity::{Identity, KeyCaller},
    internal_api::KeyStanding,
};

use crate::test_app::{TestApp, identity_of};

const PATH: &str = "/api-keys";

fn shop_key() -> Value {
    json!({ "name": "  Shop\u{301}  ", "scopes": ["users:read", "events:read"] })
}

#[tokio::test]
async fn a_key_is_shown_once_and_counts_from_then_on() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mut body = shop_key();
    body["expiresAt"] = "2026-05-01T18:00:01+09:00".into();
    let answer = app.post(identity_of(&admin), PATH, &body).await;
    assert_eq!(answer.outcome(), (201, ""), "{}", answer.text);
    let token: ApiKeyToken = answer.str("key").parse().unwrap();
    let mut shown = answer.body.clone();
    shown.as_object_mut().unwrap().remove("key");
    let id = answer.str("id");
    assert_eq!(
        shown,
        json!({
            "id": id,
            "name": "Shoṕ",
            "scopes": ["events:read", "users:read"],
            "createdBy": admin.id,
            "createdAt": "2026-05-01T09:00:00.000Z",
            "expiresAt": "2026-05-01T09:00:01.000Z",
            "lastUsedAt": null,
        })
    );
    let scopes = serde_json::from_value(json!(["events:read", "users:read"])).unwrap();
    let valid = KeyStanding::Valid(KeyCaller { id: id.parse().unwrap(), scopes });
    assert_eq!(app.auth.check_api_keys(&[token.hash()]).await.unwrap(), [valid]);
    app.clock.advance_seconds(1);
    assert_eq!(app.auth.check_api_keys(&[token.hash()]).await.unwrap(), [KeyStanding::Expired]);
    let list = app.get(identity_of(&admin), PATH).await;
    assert!(!list.text.contains(token.reveal()) && !list.text.contains(&token.hash().to_string()));
}

#[tokio::test]
async fn two_keys_are_never_alike() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    let (one, other) = (app.post(admin, PATH, &shop_key()).await, app.post(admin, PATH, &shop_key()).await);
    assert_eq!((one.status.as_u16(), other.status.as_u16()), (201, 201));
    assert_ne!(one.str("key"), other.str("key"));
    assert_ne!(one.str("id"), other.str("id"));
}

#[tokio::test]
async fn every_fault_of_a_key_is_named() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    for (body, pointers) in [
        (json!({}), vec!["/name", "/scopes"]),
        (json!({ "name": "", "scopes": ["events:read", "everything"] }), vec!["/name", "/scopes/1"]),
        (json!({ "name": "a\u{202e}b", "scopes": "events:read" }), vec!["/name", "/scopes"]),
        (json!({ "name": "n".repeat(201), "scopes": [5], "key": "x" }), vec!["/key", "/name", "/scopes/0"]),
        (json!({ "name": "Shop", "scopes": [] }), vec!["/scopes"]),
        (json!({ "name": "Shop", "scopes": ["events:read"], "expiresAt": "soon" }), vec!["/expiresAt"]),
        (
            json!({ "name": "Shop", "scopes": [], "expiresAt": "2026-05-01T09:00:00Z" }),
            vec!["/expiresAt", "/scopes"],
        ),
        (
            json!({ "name": "Shop", "scopes": ["events:read", "users:read", "events:read"] }),
            vec!["/scopes/2"],
        ),
    ] {
        let answer = app.post(admin, PATH, &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut named = answer.pointers();
        named.sort_unstable();
        assert_eq!(named, pointers, "{}", answer.text);
    }
    assert_eq!(app.get(admin, PATH).await.body["items"], json!([]));
}

#[tokio::test]
async fn only_an_administrator_makes_keys() {
    let app = TestApp::start().await;
    for role in [Role::User, Role::Operator, Role::Auditor] {
        let who = app.user(&format!("{role}@example.com"), &[role]).await;
        assert_eq!(app.post(identity_of(&who), PATH, &shop_key()).await.outcome(), (403, "FORBIDDEN"));
    }
    let nobody = app.post(Identity::Anonymous, PATH, &shop_key()).await;
    assert_eq!(nobody.outcome(), (401, "UNAUTHENTICATED"));
}
