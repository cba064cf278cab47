use domain::Role;
use http::Request;
use service_kit::identity::{Audience, IDENTITY_HEADER, Identity, IdentityKey};

use test_kit::callers::{operator, user, with_roles};

use crate::test_app::TestApp;

#[tokio::test]
async fn only_what_the_gateway_signed_for_this_service_lately_gets_in() {
    let app = TestApp::start().await;
    let forger =
        IdentityKey::derive(b"another secret of at least 32 bytes", std::sync::Arc::new(app.clock.clone()));
    let late = app.identity.sign(Audience::Event, operator()).unwrap();
    app.clock.advance_seconds(31);
    for header in [
        None,
        Some("garbage".to_owned()),
        Some(forger.sign(Audience::Event, operator()).unwrap()),
        Some(app.identity.sign(Audience::Auth, operator()).unwrap()),
        Some(late),
    ] {
        let mut request = Request::builder().uri("/events").body(axum::body::Body::empty()).unwrap();
        if let Some(value) = &header {
            request.headers_mut().insert(IDENTITY_HEADER, value.parse().unwrap());
        }
        assert_eq!(app.send(request).await.outcome(), (401, "UNAUTHENTICATED"), "{header:?}");
    }
    assert_eq!(app.get(operator(), "/events").await.status, 200);
}

#[tokio::test]
async fn the_services_own_rules_hold_even_if_the_gateway_lets_somebody_through() {
    let app = TestApp::start().await;
    let event = app.new_event(&serde_json::json!({})).await;
    for path in ["/events".to_owned(), format!("/events/{event}/rewards")] {
        for who in [user(1), with_roles(2, &[Role::Auditor])] {
            let answer = app.post(who, &path, &serde_json::json!({})).await;
            assert_eq!(answer.outcome(), (403, "FORBIDDEN"), "{path}");
        }
    }
    for roles in [&[Role::Operator], &[Role::Auditor], &[Role::Admin]] {
        assert_eq!(app.claim(with_roles(3, roles), &event, None).await.outcome(), (403, "FORBIDDEN"));
    }
    for path in ["/events", "/events/requests"] {
        assert_eq!(app.get(Identity::Anonymous, path).await.outcome(), (401, "UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let app = TestApp::start().await;
    assert_eq!(app.get(user(1), "/nothing").await.outcome(), (404, "NOT_FOUND"));
    let answer = app.send(app.build_request(user(1), http::Method::DELETE, "/events", None)).await;
    assert_eq!(answer.outcome(), (405, "METHOD_NOT_ALLOWED"));
    assert!(answer.headers.contains_key("allow"));
}
