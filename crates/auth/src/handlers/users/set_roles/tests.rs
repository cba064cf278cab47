use domain::ObjectId;
use http::Method;
use serde_json::json;
use service_kit::identity::Identity;

use super::*;
use crate::test_app::{TestApp, identity_of};

fn roles_path(user: UserId) -> String {
    format!("/users/{user}/roles")
}

#[tokio::test]
async fn a_change_counts_at_once_and_a_refresh_carries_it() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    let (session, other) = (app.log_in(&mina).await, app.log_in(&jun).await);
    app.clock.advance_seconds(5);
    let roles = json!({ "roles": ["AUDITOR", "OPERATOR", "AUDITOR"] });
    let answer = app.put(identity_of(&admin), &roles_path(mina.id), &roles).await;
    assert_eq!(answer.outcome(), (200, ""));
    let expected = json!({
        "id": mina.id,
        "email": "mina@example.com",
        "roles": ["OPERATOR", "AUDITOR"],
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:05.000Z",
    });
    assert_eq!(answer.body, expected);
    assert!(!app.lets_in(mina.id, session.str("accessToken")).await);
    assert!(app.lets_in(jun.id, other.str("accessToken")).await);
    let next = app.refresh(session.str("refreshToken")).await;
    assert!(app.lets_in(mina.id, next.str("accessToken")).await);
    let claims = app.access_key.verify(next.str("accessToken")).unwrap();
    assert_eq!(claims.roles, RoleSet::from_roles(&[Role::Operator, Role::Auditor]));
}

#[tokio::test]
async fn the_last_administrator_stays_and_is_not_logged_out() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let session = app.log_in(&admin).await;
    let roles = json!({ "roles": ["USER"] });
    let answer = app.put(identity_of(&admin), &roles_path(admin.id), &roles).await;
    assert_eq!(answer.outcome(), (409, "LAST_ADMIN"));
    assert!(app.lets_in(admin.id, session.str("accessToken")).await);
    let second = app.user("second@example.com", &[Role::Admin]).await;
    assert_eq!(app.put(identity_of(&second), &roles_path(admin.id), &roles).await.outcome(), (200, ""));
    assert_eq!(
        app.put(identity_of(&second), &roles_path(second.id), &roles).await.outcome(),
        (409, "LAST_ADMIN")
    );
}

#[tokio::test]
async fn only_administrators_change_roles() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User, Role::Operator, Role::Auditor]).await;
    let roles = json!({ "roles": ["ADMIN"] });
    assert_eq!(app.put(identity_of(&mina), &roles_path(mina.id), &roles).await.outcome(), (403, "FORBIDDEN"));
    for who in [Identity::Anonymous, Identity::Gateway] {
        assert_eq!(app.put(who, &roles_path(mina.id), &roles).await.outcome(), (401, "UNAUTHENTICATED"));
    }
    assert_eq!(app.auth.users.find(mina.id).await.unwrap(), Some(mina));
}

#[tokio::test]
async fn every_fault_is_named_at_once_and_nobody_is_logged_out() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    for (body, pointers) in [
        (json!({}), vec!["/roles"]),
        (json!({ "roles": [] }), vec!["/roles"]),
        (json!({ "roles": "USER", "role": "USER" }), vec!["/role", "/roles"]),
        (json!({ "roles": ["KING", "USER", 5, "user"] }), vec!["/roles/0", "/roles/2", "/roles/3"]),
    ] {
        let answer = app.put(identity_of(&admin), &roles_path(mina.id), &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut named = answer.pointers();
        named.sort_unstable();
        assert_eq!(named, pointers, "{}", answer.text);
    }
    let malformed =
        app.send_text(identity_of(&admin), Method::PUT, &roles_path(mina.id), "application/json", "[").await;
    assert_eq!(malformed.outcome(), (400, "MALFORMED_BODY"));
    let text =
        app.send_text(identity_of(&admin), Method::PUT, &roles_path(mina.id), "text/plain", "USER").await;
    assert_eq!(text.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    let no_id = app.put(identity_of(&admin), "/users/42/roles", &json!({ "roles": ["USER"] })).await;
    assert_eq!((no_id.outcome(), no_id.pointers()), ((400, "VALIDATION_FAILED"), vec![":id"]));
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
}

#[tokio::test]
async fn nobodys_roles_cannot_be_changed() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let nobody = UserId(ObjectId::from_bytes([7; 12]));
    let answer = app.put(identity_of(&admin), &roles_path(nobody), &json!({ "roles": ["USER"] })).await;
    assert_eq!(answer.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn while_token_db_is_down_roles_stay_as_they_are() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let session = app.log_in(&mina).await;
    app.set_token_db_down(true);
    let answer = app.put(identity_of(&admin), &roles_path(mina.id), &json!({ "roles": ["OPERATOR"] })).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "1"));
    app.set_token_db_down(false);
    assert!(app.lets_in(mina.id, session.str("accessToken")).await);
    assert_eq!(app.auth.users.find(mina.id).await.unwrap(), Some(mina));
}
