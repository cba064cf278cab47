use domain::Role;
use http::Method;
use serde_json::json;
use service_kit::{api_key::ApiKeyToken, identity::Identity, internal_api::KeyStanding};

use crate::test_app::{HttpAnswer, TestApp, identity_of};

async fn delete_key(app: &TestApp, who: Identity, id: &str) -> HttpAnswer {
    app.send(app.request(who, Method::DELETE, &format!("/api-keys/{id}"), None)).await
}

#[tokio::test]
async fn a_deleted_key_is_unknown_at_once_and_others_stay() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    let body = json!({ "name": "Shop", "scopes": ["events:read"] });
    let (gone, kept) = (app.post(admin, "/api-keys", &body).await, app.post(admin, "/api-keys", &body).await);
    let hashes = [&gone, &kept].map(|key| key.str("key").parse::<ApiKeyToken>().unwrap().hash());
    assert_eq!(delete_key(&app, admin, gone.str("id")).await.outcome(), (204, ""));
    let standings = app.auth.check_api_keys(&hashes).await.unwrap();
    assert!(matches!(standings[..], [KeyStanding::Unknown, KeyStanding::Valid(_)]), "{standings:?}");
    assert_eq!(delete_key(&app, admin, gone.str("id")).await.outcome(), (404, "NOT_FOUND"));
    let list = app.get(admin, "/api-keys").await;
    assert_eq!(list.body["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn only_an_administrator_deletes_keys_and_an_id_must_be_one() {
    let app = TestApp::start().await;
    let admin = identity_of(&app.user("admin@example.com", &[Role::Admin]).await);
    let refused = delete_key(&app, admin, "x").await;
    assert_eq!((refused.outcome(), refused.pointers()), ((400, "VALIDATION_FAILED"), vec![":id"]));
    for role in [Role::User, Role::Operator, Role::Auditor] {
        let who = identity_of(&app.user(&format!("{role}@example.com"), &[role]).await);
        assert_eq!(delete_key(&app, who, &"0".repeat(24)).await.outcome(), (403, "FORBIDDEN"));
    }
}
