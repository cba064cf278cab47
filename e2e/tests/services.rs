//! The services trust nobody by position: only what the gateway signed, for this service, just now.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use domain::Role;
use e2e::{Answer, Api, Setup, System, forge, on_every_setup, on_setup, text};
use reqwest::Method;
use serde_json::{Value, json};
use service_kit::identity::{Audience, Identity};

on_every_setup!(an_identity_from_outside_is_stripped_at_the_gateway);

on_setup!(embedded_split, EmbeddedSplit, an_identity_from_outside_is_stripped_at_the_gateway);

const HEADER: &str = "x-guerdon-identity";

async fn call(address: &str, method: Method, path: &str, identity: Option<&str>, body: &Value) -> Answer {
    let api = Api::new(address);
    let mut request = api.client.request(method, format!("{}{path}", api.base));
    if let Some(identity) = identity {
        request = request.header(HEADER, identity);
    }
    if !body.is_null() {
        request = request.json(body);
    }
    Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_direct_call_needs_a_fresh_identity_signed_for_this_very_service() {
    let system = System::start(Setup::EmbeddedSplit).await;
    let (auth, event) = system.services.clone().expect("split systems have services");
    let user = system.api.register("mina@example.com").await;
    let event_body = json!({ "name": "Mine", "condition": {}, "periodStart": "2020-01-01T00:00:00Z" });
    let (none, roles) = (Value::Null, json!({ "roles": ["ADMIN"] }));
    let (own, their_roles) = (format!("/users/{user}"), format!("/users/{user}/roles"));
    let calls = [
        (&auth, Audience::Auth, Method::GET, own.as_str(), &none, 200),
        (&auth, Audience::Auth, Method::PUT, their_roles.as_str(), &roles, 200),
        (&event, Audience::Event, Method::GET, "/events", &none, 200),
        (&event, Audience::Event, Method::POST, "/events", &event_body, 201),
    ];
    for (address, audience, method, path, body, status) in calls {
        let other = if audience == Audience::Auth { Audience::Event } else { Audience::Auth };
        let bad = [
            ("none", None),
            ("garbage", Some("garbage".to_owned())),
            ("signed with another secret", Some(forge::forged_identity(audience, &user))),
            ("replayed later", Some(forge::expired_identity(audience, &user))),
            ("for the other service", Some(forge::identity(other, &user, &Role::ALL))),
            ("an access token", Some(forge::access_token(&user))),
            ("nobody's", Some(forge::identity_of(audience, Identity::Anonymous))),
            ("the gateway's own", Some(forge::identity_of(audience, Identity::Gateway))),
        ];
        for (kind, identity) in bad {
            let answer = call(address, method.clone(), path, identity.as_deref(), body).await;
            assert_eq!(answer.status, 401, "{kind}: {method} {path}: {}", answer.text);
            answer.expect_problem(401, "UNAUTHENTICATED");
        }
        let good = forge::identity(audience, &user, &Role::ALL);
        let answer = call(address, method.clone(), path, Some(&good), body).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn services_check_roles_themselves() {
    let system = System::start(Setup::EmbeddedSplit).await;
    let (auth, event) = system.services.clone().expect("split systems have services");
    let user = system.api.register("mina@example.com").await;
    let as_user = forge::identity(Audience::Auth, &user, &[Role::User]);
    call(&auth, Method::GET, "/users", Some(&as_user), &Value::Null).await.expect_problem(403, "FORBIDDEN");
    let body = json!({ "name": "Mine", "condition": {}, "periodStart": "2020-01-01T00:00:00Z" });
    let as_user = forge::identity(Audience::Event, &user, &[Role::User]);
    call(&event, Method::POST, "/events", Some(&as_user), &body).await.expect_problem(403, "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_gateway_itself_may_ask_about_sessions() {
    let system = System::start(Setup::EmbeddedSplit).await;
    let (auth, _) = system.services.clone().expect("split systems have services");
    let user = system.api.register("mina@example.com").await;
    let token = system.api.log_in("mina@example.com").await;
    let (path, question) =
        ("/internal/sessions/check", json!({ "sessions": [{ "userId": user, "token": token }] }));
    let admin = forge::identity(Audience::Auth, &user, &Role::ALL);
    call(&auth, Method::POST, path, Some(&admin), &question).await.expect_problem(403, "FORBIDDEN");
    call(&auth, Method::POST, path, None, &question).await.expect_problem(401, "UNAUTHENTICATED");
    let gateway = forge::identity_of(Audience::Auth, Identity::Gateway);
    let answer = call(&auth, Method::POST, path, Some(&gateway), &question).await.expect(200);
    assert_eq!(answer, json!({ "current": [true] }));
    system.api.post(path, &token, &question).await.expect_problem(404, "NOT_FOUND");
}

async fn an_identity_from_outside_is_stripped_at_the_gateway(setup: Setup) {
    let system = System::start(setup).await;
    let (mina, token) = system.api.member(&system.admin().await, "mina@example.com", &["USER"]).await;
    let admin = forge::identity(Audience::Auth, &mina, &Role::ALL);
    let client = &system.api.client;
    let ask = async |path: &str, token: Option<&str>, identity: &str| {
        let mut request = client.get(format!("{}{path}", system.api.base)).header(HEADER, identity);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        Answer::read(request.send().await.expect("an answer")).await.expect("a whole answer")
    };
    ask("/users", Some(&token), &admin).await.expect_problem(403, "FORBIDDEN");
    ask("/users/me", None, &admin).await.expect_problem(401, "UNAUTHENTICATED");
    let somebody = forge::identity(Audience::Auth, &"0".repeat(24), &Role::ALL);
    let me = ask("/users/me", Some(&token), &somebody).await.expect(200);
    assert_eq!(text(&me, "/id"), mina);
}
