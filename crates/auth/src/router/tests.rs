use axum::body::Body;
use domain::Role;
use http::{HeaderValue, Method, Request, header};
use serde_json::json;
use service_kit::identity::{IDENTITY_HEADER, Identity};

use super::*;
use crate::test_app::{HttpAnswer, TestApp, identity_of};

const ROUTES: [(Method, &str); 10] = [
    (Method::POST, "/users"),
    (Method::GET, "/users"),
    (Method::GET, "/users/me"),
    (Method::GET, "/users/000000000000000000000000"),
    (Method::PUT, "/users/me/password"),
    (Method::PUT, "/users/000000000000000000000000/roles"),
    (Method::POST, "/auth/login"),
    (Method::POST, "/auth/refresh"),
    (Method::POST, "/auth/logout"),
    (Method::POST, "/internal/sessions/check"),
];

/// Sends to every route, and to one that does not exist, with this identity.
async fn ask_everywhere(app: &TestApp, identity: Option<&str>) -> Vec<HttpAnswer> {
    let mut answers = Vec::new();
    for (method, path) in ROUTES.into_iter().chain([(Method::GET, "/nothing")]) {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(identity) = identity {
            request = request.header(IDENTITY_HEADER, identity);
        }
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
        answers.push(app.send(request).await);
    }
    answers
}

#[tokio::test]
async fn without_an_identity_that_the_gateway_signed_for_auth_every_route_answers_401() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &Role::ALL).await;
    let session = app.log_in(&admin).await;
    let for_event = app.signed(Audience::Event, identity_of(&admin));
    let good = app.signed(Audience::Auth, identity_of(&admin));
    let (unsigned, _) = good.rsplit_once('.').unwrap();
    let expired = app.signed(Audience::Auth, Identity::Gateway);
    app.clock.advance_seconds(31);
    let identities = [
        None,
        Some(""),
        Some("garbage"),
        Some(unsigned),
        Some(&for_event),
        Some(&expired),
        Some(session.str("accessToken")),
    ];
    for identity in identities {
        for answer in ask_everywhere(&app, identity).await {
            assert_eq!(answer.outcome(), (401, "UNAUTHENTICATED"), "{identity:?}");
            assert!(answer.header("www-authenticate").starts_with("Bearer"));
            assert_eq!(answer.header("content-type"), "application/problem+json");
        }
    }
    let fresh = app.signed(Audience::Auth, identity_of(&admin));
    for answer in ask_everywhere(&app, Some(&fresh)).await {
        assert_ne!(answer.status.as_u16(), 401, "{}", answer.text);
    }
}

#[tokio::test]
async fn what_the_service_does_not_have_is_told_apart() {
    let app = TestApp::start().await;
    assert_eq!(app.get(Identity::Anonymous, "/nothing").await.outcome(), (404, "NOT_FOUND"));
    assert_eq!(app.get(Identity::Anonymous, "/users/me/roles/").await.outcome(), (404, "NOT_FOUND"));
    let answer = app.send(app.request(Identity::Anonymous, Method::DELETE, "/users", None)).await;
    assert_eq!(answer.outcome(), (405, "METHOD_NOT_ALLOWED"));
    let mut allowed: Vec<_> = answer.header("allow").split(',').collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
}

#[tokio::test]
async fn a_body_over_a_mebibyte_is_refused() {
    let app = TestApp::start().await;
    let body = json!({ "email": "x".repeat(1024 * 1024), "password": "x" });
    let answer = app.post(Identity::Anonymous, "/auth/login", &body).await;
    assert_eq!(answer.outcome(), (413, "BODY_TOO_LARGE"));
}

#[tokio::test]
async fn an_answer_names_the_request_it_belongs_to() {
    let app = TestApp::start().await;
    let mut request = app.request(Identity::Anonymous, Method::GET, "/users/me", None);
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("r-42"));
    let answer = app.send(request).await;
    assert_eq!((answer.header("x-request-id"), answer.str("requestId")), ("r-42", "r-42"));
}

#[test]
fn the_document_describes_the_public_routes_and_no_other() {
    let document = serde_json::to_value(document()).unwrap();
    let mut described: Vec<_> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, operations)| {
            operations.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    described.sort_unstable();
    let expected = [
        "delete /api-keys/{id}",
        "get /api-keys",
        "get /audit/users",
        "get /audit/users/head",
        "get /users",
        "get /users/me",
        "get /users/{id}",
        "post /api-keys",
        "post /auth/login",
        "post /auth/logout",
        "post /auth/refresh",
        "post /users",
        "put /users/me/password",
        "put /users/{id}/roles",
    ];
    assert_eq!(described, expected);
}
