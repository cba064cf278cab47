use domain::{ApiKeyScope, Role};
use http::Request;
use service_kit::identity::{Audience, IDENTITY_HEADER, Identity, IdentityKey};

use test_kit::callers::{as_operator, as_roles, as_server, as_user, user_id};

use crate::test_app::TestApp;

#[tokio::test]
async fn only_what_the_gateway_signed_for_this_service_lately_gets_in() {
    let app = TestApp::start().await;
    let forger =
        IdentityKey::derive(b"another secret of at least 32 bytes", std::sync::Arc::new(app.clock.clone()));
    let late = app.identity.sign(Audience::Event, as_operator()).unwrap();
    app.clock.advance_seconds(31);
    for header in [
        None,
        Some("garbage".to_owned()),
        Some(forger.sign(Audience::Event, as_operator()).unwrap()),
        Some(app.identity.sign(Audience::Auth, as_operator()).unwrap()),
        Some(late),
    ] {
        let mut request = Request::builder().uri("/events").body(axum::body::Body::empty()).unwrap();
        if let Some(value) = &header {
            request.headers_mut().insert(IDENTITY_HEADER, value.parse().unwrap());
        }
        assert_eq!(app.send(request).await.outcome(), (401, "UNAUTHENTICATED"), "{header:?}");
    }
    assert_eq!(app.get(as_operator(), "/events").await.status, 200);
}

#[tokio::test]
async fn the_services_own_rules_hold_even_if_the_gateway_lets_somebody_through() {
    let app = TestApp::start().await;
    let event = app.new_event(&serde_json::json!({})).await;
    for path in ["/events".to_owned(), format!("/events/{event}/rewards")] {
        for who in [as_user(1), as_roles(2, &[Role::Auditor])] {
            let answer = app.post(who, &path, &serde_json::json!({})).await;
            assert_eq!(answer.outcome(), (403, "FORBIDDEN"), "{path}");
        }
    }
    for roles in [&[Role::Operator], &[Role::Auditor], &[Role::Admin]] {
        assert_eq!(app.claim(as_roles(3, roles), &event, None).await.outcome(), (403, "FORBIDDEN"));
    }
    for path in ["/events", "/events/requests"] {
        assert_eq!(app.get(Identity::Anonymous, path).await.outcome(), (401, "UNAUTHENTICATED"));
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_apart() {
    let app = TestApp::start().await;
    assert_eq!(app.get(as_user(1), "/nothing").await.outcome(), (404, "NOT_FOUND"));
    let answer = app.send(app.build_request(as_user(1), http::Method::DELETE, "/events", None)).await;
    assert_eq!(answer.outcome(), (405, "METHOD_NOT_ALLOWED"));
    assert!(answer.headers.contains_key("allow"));
}

#[test]
fn what_may_be_left_out_of_a_body_is_not_required_in_the_document() {
    let document = serde_json::to_value(crate::document()).unwrap();
    let schemas = &document["components"]["schemas"];
    assert_eq!(schemas["CreateEvent"]["required"], serde_json::json!(["name", "condition", "periodStart"]));
    // A coupon's code is not shown to everybody, and one code for everybody is no pool; all else that a reward of a type has is
    // there.
    for kind in schemas["RewardKind"]["oneOf"].as_array().unwrap() {
        let is_left_out = |name: &str| {
            name == "couponCode" || (name == "pool" && !kind["properties"]["couponCode"].is_null())
        };
        let fields = kind["properties"].as_object().unwrap().keys().filter(|name| !is_left_out(name));
        let required = kind["required"].as_array().unwrap();
        assert!(fields.clone().all(|name| required.iter().any(|required| required == name)), "{kind}");
        assert_eq!(required.len(), fields.count(), "{kind}");
    }
}

#[tokio::test]
async fn no_route_takes_query_parameters_that_it_does_not_know() {
    let app = TestApp::start().await;
    let event = app.new_event(&serde_json::json!({})).await;
    let claim = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    for path in [
        "/events".to_owned(),
        format!("/events/{event}"),
        format!("/events/{event}/rewards"),
        "/events/requests".to_owned(),
        format!("/events/requests/{claim}"),
    ] {
        assert_eq!(app.get(as_user(1), &path).await.status, 200, "{path}");
        let refused = app.get(as_user(1), &format!("{path}?nmae=x&nmae2=%ff")).await;
        assert_eq!(refused.outcome(), (400, "VALIDATION_FAILED"), "{path}");
        assert_eq!(refused.pointers().len(), 2, "{path}: {}", refused.text);
    }
    for path in ["/events".to_owned(), format!("/events/{event}/rewards")] {
        let refused = app.post(as_operator(), &format!("{path}?draft=true"), &serde_json::json!({})).await;
        assert_eq!((refused.outcome(), refused.pointers()), ((400, "VALIDATION_FAILED"), vec!["?draft"]));
    }
}

#[tokio::test]
async fn a_server_reads_what_its_scope_names_as_staff_does_but_no_coupon_codes() {
    let app = TestApp::start().await;
    let hidden = app.new_event(&serde_json::json!({ "status": "INACTIVE" })).await;
    let coupon = serde_json::json!(
        {"type": "COUPON", "name": "c", "couponCode": "SPRING10", "expiry": "2027-01-01T00:00:00Z"}
    );
    let rewards = format!("/events/{hidden}/rewards");
    assert_eq!(app.post(as_operator(), &rewards, &coupon).await.status, 201);
    let event = app.new_event(&serde_json::json!({})).await;
    let claim = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    for (scope, paths) in [
        (ApiKeyScope::EventsRead, vec!["/events".to_owned(), format!("/events/{hidden}"), rewards.clone()]),
        (ApiKeyScope::RequestsRead, vec!["/events/requests".to_owned(), format!("/events/requests/{claim}")]),
    ] {
        let others: Vec<_> = ApiKeyScope::ALL.into_iter().filter(|other| *other != scope).collect();
        for path in paths {
            assert_eq!(app.get(as_server(&[scope]), &path).await.status, 200, "{path}");
            let refused = app.get(as_server(&others), &path).await;
            assert_eq!(refused.outcome(), (403, "FORBIDDEN"), "{path}");
        }
    }
    let reader = as_server(&[ApiKeyScope::EventsRead, ApiKeyScope::RequestsRead]);
    assert_eq!(app.get(reader, "/events").await.ids(), [&event, &hidden]);
    let shown = app.get(reader, &rewards).await;
    assert_eq!(
        (&shown.body[0]["name"], &shown.body[0]["couponCode"]),
        (&"c".into(), &serde_json::Value::Null)
    );
    assert_eq!(app.get(reader, "/events/requests").await.ids(), [&claim]);
    assert_eq!(app.get(reader, &format!("/events/requests?userId={}", user_id(1))).await.ids(), [&claim]);
}
