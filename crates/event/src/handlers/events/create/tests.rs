use serde_json::{Value, json};

use test_kit::callers::as_operator;

use crate::test_app::TestApp;

fn spring_event() -> Value {
    json!({
        "name": "Spring",
        "condition": {">=": [{"var": "user.ageDays"}, 7]},
        "periodStart": "2026-05-01T00:00:00Z",
    })
}

fn spring_event_with(change: &Value) -> Value {
    let mut body = spring_event();
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn an_event_is_answered_as_it_was_given_with_the_defaults_filled_in() {
    let app = TestApp::start().await;
    let created = app.post(as_operator(), "/events", &spring_event()).await;
    assert_eq!(created.status, 201);
    let id = created.str("id").to_owned();
    assert_eq!(created.headers["location"].to_str().unwrap(), format!("/events/{id}"));
    let expected = json!({
        "id": id,
        "name": "Spring",
        "condition": {">=": [{"var": "user.ageDays"}, 7]},
        "periodStart": "2026-05-01T00:00:00.000Z",
        "periodEnd": null,
        "timezone": "UTC",
        "status": "ACTIVE",
        "approval": "MANUAL",
        "revision": 1,
        "phase": "ONGOING",
        "createdBy": "0000000000000000000000c8",
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(created.body, expected);
    assert_eq!(app.get(as_operator(), &format!("/events/{id}")).await.body, expected);
}

#[tokio::test]
async fn everything_given_is_kept() {
    let app = TestApp::start().await;
    let body = spring_event_with(&json!({
        "name": "  봄맞이 출석  ",
        "description": "For everybody.\nReally.",
        "periodEnd": "2026-06-01T00:00:00+09:00",
        "timezone": "asia/seoul",
        "status": "INACTIVE",
        "approval": "AUTO",
    }));
    let created = app.post(as_operator(), "/events", &body).await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.str("name"), "봄맞이 출석");
    assert_eq!(created.str("description"), "For everybody.\nReally.");
    assert_eq!(created.str("periodEnd"), "2026-05-31T15:00:00.000Z");
    assert_eq!(created.str("timezone"), "Asia/Seoul");
    assert_eq!(created.str("status"), "INACTIVE");
    assert_eq!(created.str("approval"), "AUTO");
}

#[tokio::test]
async fn every_fault_is_reported_with_its_pointer_and_nothing_is_stored() {
    let app = TestApp::start().await;
    for (body, pointers) in [
        (json!({}), vec!["/name", "/condition", "/periodStart"]),
        (
            spring_event_with(&json!({"name": "", "nmae": 1, "status": "ON"})),
            vec!["/name", "/nmae", "/status"],
        ),
        (spring_event_with(&json!({"name": "x".repeat(201)})), vec!["/name"]),
        (spring_event_with(&json!({"description": "x".repeat(2001)})), vec!["/description"]),
        (spring_event_with(&json!({"periodStart": "soon"})), vec!["/periodStart"]),
        (
            spring_event_with(&json!({"condition": {"==": [1]}, "timezone": "Mars/Base"})),
            vec!["/timezone", "/condition/=="],
        ),
        (
            spring_event_with(&json!({"condition": {"and": [{"==": [{"var": "user.name"}, 1]}]}})),
            vec!["/condition/and/0/==/0/var"],
        ),
        (spring_event_with(&json!({"condition": []})), vec!["/condition"]),
        (spring_event_with(&json!({"periodEnd": "2026-05-01T00:00:00Z"})), vec!["/periodEnd"]),
        (
            spring_event_with(
                &json!({"name": 5, "approval": "SOON", "timezone": 1, "condition": {"nope": 1}}),
            ),
            vec!["/name", "/approval", "/timezone", "/condition/nope"],
        ),
    ] {
        let answer = app.post(as_operator(), "/events", &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut expected = pointers;
        expected.sort_unstable();
        assert_eq!(answer.pointers(), expected, "{body}");
    }
    assert!(app.get(as_operator(), "/events").await.ids().is_empty());
}

#[tokio::test]
async fn a_fact_that_is_almost_right_is_refused_with_what_would_be_right() {
    let app = TestApp::start().await;
    let condition = json!({">=": [{"var": "activity.login.streaks"}, 7]});
    let answer =
        app.post(as_operator(), "/events", &spring_event_with(&json!({ "condition": condition }))).await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
    let message = answer.body["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("count, sum, max, days, streak"), "{message}");
}

#[tokio::test]
async fn what_is_no_json_is_malformed() {
    let app = TestApp::start().await;
    let mut request = app.build_request(as_operator(), http::Method::POST, "/events", Some(&json!({})));
    *request.body_mut() = axum::body::Body::from("{\"name\": ");
    assert_eq!(app.send(request).await.outcome(), (400, "MALFORMED_BODY"));
    let mut request = app.build_request(as_operator(), http::Method::POST, "/events", Some(&spring_event()));
    request.headers_mut().insert("content-type", "text/plain".parse().unwrap());
    assert_eq!(app.send(request).await.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}
