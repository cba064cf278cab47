use domain::{ApiKeyId, ApiKeyScope, ApiKeyScopeSet, ObjectId, Role, RoleSet, User, UserId};
use serde_json::json;
use service_kit::identity::{Caller, Identity, KeyCaller};

use crate::test_app::{TestApp, identity_of};

const NOBODY: UserId = UserId(ObjectId::from_bytes([7; 12]));

fn user_path(user: UserId) -> String {
    format!("/users/{user}")
}

#[tokio::test]
async fn users_see_themselves_and_staff_see_everybody() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for (email, role) in [
        ("operator@example.com", Role::Operator),
        ("auditor@example.com", Role::Auditor),
        ("admin@example.com", Role::Admin),
    ] {
        let staff = app.user(email, &[role]).await;
        let answer = app.get(identity_of(&staff), &user_path(mina.id)).await;
        assert_eq!((answer.outcome(), &answer.body), ((200, ""), &json!(mina)), "{role}");
    }
    let answer = app.get(identity_of(&mina), &user_path(mina.id)).await;
    assert_eq!((answer.outcome(), &answer.body), ((200, ""), &json!(mina)));
}

#[tokio::test]
async fn a_user_cannot_tell_whether_another_exists() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let jun = app.user("jun@example.com", &[Role::User]).await;
    for id in [jun.id, NOBODY] {
        assert_eq!(app.get(identity_of(&mina), &user_path(id)).await.outcome(), (403, "FORBIDDEN"));
    }
}

#[tokio::test]
async fn staff_are_told_that_there_is_no_such_user() {
    let app = TestApp::start().await;
    let auditor = app.user("auditor@example.com", &[Role::Auditor]).await;
    assert_eq!(app.get(identity_of(&auditor), &user_path(NOBODY)).await.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn what_is_no_id_is_named() {
    let app = TestApp::start().await;
    let auditor = app.user("auditor@example.com", &[Role::Auditor]).await;
    for bad in ["/users/42", "/users/ME", "/users/%27%20OR%201=1"] {
        let answer = app.get(identity_of(&auditor), bad).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), vec![":id"]), "{bad}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_sees_nobody() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for who in [Identity::Anonymous, Identity::Gateway] {
        for path in [user_path(mina.id), "/users/me".to_owned()] {
            assert_eq!(app.get(who, &path).await.outcome(), (401, "UNAUTHENTICATED"));
        }
    }
}

#[tokio::test]
async fn me_is_the_caller_as_stored() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User, Role::Operator]).await;
    app.user("jun@example.com", &[Role::User]).await;
    let earlier = User { roles: RoleSet::from_roles(&[Role::User]), ..mina.clone() };
    let answer = app.get(identity_of(&earlier), "/users/me").await;
    assert_eq!((answer.outcome(), &answer.body), ((200, ""), &json!(mina)));
    let gone = Identity::User(Caller { id: NOBODY, roles: RoleSet::from_roles(&[Role::User]) });
    assert_eq!(app.get(gone, "/users/me").await.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_server_with_the_scope_for_it_sees_everybody() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    let server = |scope| {
        let scopes = ApiKeyScopeSet::from_scopes(&[scope]);
        Identity::ApiKey(KeyCaller { id: ApiKeyId(ObjectId::from_bytes([1; 12])), scopes })
    };
    let reader = server(ApiKeyScope::UsersRead);
    assert_eq!(app.get(reader, &user_path(mina.id)).await.body, json!(mina));
    assert_eq!(app.get(reader, &user_path(NOBODY)).await.outcome(), (404, "NOT_FOUND"));
    for (who, path) in
        [(server(ApiKeyScope::EventsRead), user_path(mina.id)), (reader, "/users/me".to_owned())]
    {
        assert_eq!(app.get(who, &path).await.outcome(), (403, "FORBIDDEN"));
    }
}
