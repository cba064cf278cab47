use std::{collections::HashSet, sync::Arc};

use domain::{ApiKeyScope, Role};
use http::Method;
use serde_json::json;

use test_kit::callers::{about, as_auditor, as_operator, as_roles, as_server, as_user, user_id};

use crate::test_app::{TestApp, heavy_condition};

#[tokio::test]
async fn a_claim_is_stored_pending_with_what_it_was_decided_on() {
    let app = TestApp::start().await;
    let condition = json!({"in": ["USER", {"var": "user.roles"}]});
    let event = app.new_event(&json!({ "condition": condition })).await;
    let claimed = app.claim(as_user(1), &event, None).await;
    assert_eq!(claimed.status, 201);
    let id = claimed.str("id").to_owned();
    let expected = json!({
        "id": id,
        "eventId": event,
        "userId": user_id(1).to_string(),
        "status": "PENDING",
        "eventRevision": 1,
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(claimed.body, expected);
    assert_eq!(claimed.headers["location"].to_str().unwrap(), format!("/events/requests/{id}"));
    let seen = app.get(as_auditor(), &format!("/events/requests/{id}")).await;
    assert_eq!(seen.body["decision"]["condition"], condition);
    assert_eq!(seen.body["decision"]["facts"]["user"]["roles"], json!(["USER"]));
    let evaluation = json!({"eligible": true, "trace": {
        "operator": "in",
        "pointer": "",
        "value": true,
        "arguments": [{"literal": "USER"}, {"fact": "user.roles", "value": ["USER"]}],
    }});
    assert_eq!(seen.body["decision"]["evaluation"], evaluation);
}

#[tokio::test]
async fn a_claim_on_the_largest_condition_is_explained_part_by_part() {
    let app = TestApp::start().await;
    let condition = heavy_condition();
    let event = app.new_event(&json!({ "condition": condition })).await;
    let id = app.claim(as_user(1), &event, None).await.str("id").to_owned();
    let seen = app.get(as_user(1), &format!("/events/requests/{id}")).await;
    assert_eq!(seen.body["decision"]["condition"], condition);
    let parts = seen.body["decision"]["evaluation"]["trace"]["arguments"].as_array().unwrap();
    assert_eq!(parts.len(), condition["and"].as_array().unwrap().len());
    assert!(parts.iter().all(|part| part["value"] == true && part["arguments"][0]["operator"] == "+"));
}

#[tokio::test]
async fn events_that_do_not_run_refuse() {
    let app = TestApp::start().await;
    for (change, code) in [
        (json!({"status": "INACTIVE"}), "EVENT_NOT_ACTIVE"),
        (json!({"periodStart": "2026-05-01T09:00:00.001Z"}), "EVENT_NOT_STARTED"),
        (json!({"periodEnd": "2026-05-01T09:00:00.000Z"}), "EVENT_ENDED"),
    ] {
        let event = app.new_event(&change).await;
        assert_eq!(app.claim(as_user(1), &event, None).await.outcome(), (409, code));
    }
    let unknown = app.claim(as_user(1), "6650f1a2c3d4e5f601234567", None).await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
    assert!(app.get(as_operator(), "/events/requests").await.ids().is_empty());
}

#[tokio::test]
async fn a_refused_attempt_tells_the_progress_and_does_not_use_up_the_claim() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"condition": {"in": ["AUDITOR", {"var": "user.roles"}]}})).await;
    let refused = app.claim(as_user(1), &event, None).await;
    assert_eq!(refused.outcome(), (422, "CONDITION_NOT_MET"));
    let progress = json!([
        {"fact": "user.roles", "operator": "in", "target": "AUDITOR", "actual": ["USER"], "met": false}
    ]);
    assert_eq!(refused.body["progress"], progress);
    let promoted = as_roles(1, &[Role::User, Role::Auditor]);
    assert_eq!(app.claim(promoted, &event, None).await.status, 201);
}

#[tokio::test]
async fn a_second_claim_names_the_first() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let first = app.claim(as_user(1), &event, Some("one")).await;
    for key in [None, Some("other")] {
        let second = app.claim(as_user(1), &event, key).await;
        assert_eq!(second.outcome(), (409, "ALREADY_REQUESTED"));
        assert_eq!(second.str("rewardRequestId"), first.str("id"));
        assert_eq!(second.str("requestId"), second.header("x-request-id"));
    }
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_first_answer_again_even_after_the_end() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({"periodEnd": "2026-05-01T09:01:00Z"})).await;
    let first = app.claim(as_user(1), &event, Some("k-1")).await;
    app.clock.advance_seconds(30);
    for _ in 0..2 {
        let again = app.claim(as_user(1), &event, Some("k-1")).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        app.clock.advance_seconds(3600);
    }
    assert_eq!(app.claim(as_user(1), &event, Some("k-2")).await.outcome(), (409, "EVENT_ENDED"));
    assert_eq!(app.claim(as_user(2), &event, Some("k-1")).await.outcome(), (409, "EVENT_ENDED"));
}

#[tokio::test]
async fn a_users_claim_needs_no_body_and_takes_no_query_parameters() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let path = format!("/events/{event}/request");
    for (body, code) in [
        ("{", "MALFORMED_BODY"),
        ("claim", "MALFORMED_BODY"),
        ("null", "VALIDATION_FAILED"),
        ("[]", "VALIDATION_FAILED"),
        ("{\"user\": 1}", "VALIDATION_FAILED"),
        ("{\"userId\": \"me\"}", "VALIDATION_FAILED"),
    ] {
        let refused = app.send_text(as_user(1), Method::POST, &path, "application/json", body).await;
        assert_eq!(refused.outcome(), (400, code), "{body}");
    }
    let refused = app.post(as_user(1), &format!("{path}?force=true"), &json!({})).await;
    assert_eq!((refused.outcome(), refused.pointers()), ((400, "VALIDATION_FAILED"), vec!["?force"]));
    assert!(app.get(as_user(1), "/events/requests").await.ids().is_empty());
    for (number, (media_type, body)) in
        [("text/plain", "{}"), ("application/x-www-form-urlencoded", " "), ("application/json", "{ }")]
            .into_iter()
            .enumerate()
    {
        let who = as_user(u8::try_from(number).unwrap());
        assert_eq!(app.send_text(who, Method::POST, &path, media_type, body).await.status, 201, "{body:?}");
    }
}

#[tokio::test]
async fn users_name_themselves_alone_whatever_else_they_are() {
    let app = TestApp::start().await;
    let path = format!("/events/{}/request", app.new_event(&json!({})).await);
    let other = json!({ "userId": user_id(2) });
    let staff = as_roles(1, &[Role::User, Role::Admin]);
    for refused in [
        app.post(as_user(1), &path, &other).await,
        app.post(about(staff, 2, &[Role::User]), &path, &other).await,
        app.post(about(as_operator(), 2, &[Role::User]), &path, &other).await,
    ] {
        assert_eq!(refused.outcome(), (403, "FORBIDDEN"));
    }
    let own = app.post(as_user(1), &path, &json!({ "userId": user_id(1) })).await;
    assert_eq!((own.status.as_u16(), own.str("userId")), (201, &*user_id(1).to_string()));
}

#[tokio::test]
async fn a_server_claims_for_the_user_it_names_who_is_judged_by_their_own_roles() {
    let app = TestApp::start().await;
    let server = as_server(&[ApiKeyScope::RequestsWrite]);
    let condition = json!({"in": ["AUDITOR", {"var": "user.roles"}]});
    let path = format!("/events/{}/request", app.new_event(&json!({ "condition": condition })).await);
    let body = json!({ "userId": user_id(1) });
    let refused = app.post(about(server, 1, &[Role::User]), &path, &body).await;
    assert_eq!(refused.outcome(), (422, "CONDITION_NOT_MET"));
    let no_claimant = app.post(about(server, 1, &[Role::Auditor]), &path, &body).await;
    assert_eq!(no_claimant.outcome(), (403, "FORBIDDEN"));
    let claimed = app.post(about(server, 1, &[Role::User, Role::Auditor]), &path, &body).await;
    assert_eq!((claimed.status.as_u16(), claimed.str("userId")), (201, &*user_id(1).to_string()));
    assert_eq!(app.get(as_user(1), "/events/requests").await.ids(), [claimed.str("id")]);
    let again = app.post(as_roles(1, &[Role::User, Role::Auditor]), &path, &json!({})).await;
    assert_eq!(again.outcome(), (409, "ALREADY_REQUESTED"), "it is the user's own claim");
}

#[tokio::test]
async fn a_server_must_name_somebody_whom_the_gateway_has_found() {
    let app = TestApp::start().await;
    let server = as_server(&[ApiKeyScope::RequestsWrite]);
    let path = format!("/events/{}/request", app.new_event(&json!({})).await);
    for body in [json!(null), json!({}), json!({ "userId": null })] {
        let body = Some(&body).filter(|body| !body.is_null());
        let refused = app.send(app.build_request(server, Method::POST, &path, body)).await;
        assert_eq!((refused.outcome(), refused.pointers()), ((400, "VALIDATION_FAILED"), vec!["/userId"]));
    }
    let malformed = app.post(server, &path, &json!({ "userId": "mina", "x": 1 })).await;
    assert_eq!((malformed.outcome(), malformed.pointers().len()), ((400, "VALIDATION_FAILED"), 2));
    let body = json!({ "userId": user_id(1) });
    assert_eq!(app.post(server, &path, &body).await.outcome(), (500, "INTERNAL"));
    assert_eq!(app.post(about(server, 2, &[Role::User]), &path, &body).await.outcome(), (500, "INTERNAL"));
    let lacking = about(as_server(&[ApiKeyScope::RequestsRead]), 1, &[Role::User]);
    assert_eq!(app.post(lacking, &path, &body).await.outcome(), (403, "FORBIDDEN"));
    assert!(app.get(as_operator(), "/events/requests").await.ids().is_empty());
}

#[tokio::test]
async fn a_key_that_is_given_twice_is_refused() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let mut request = app.build_request(as_user(1), Method::POST, &format!("/events/{event}/request"), None);
    request.headers_mut().append("idempotency-key", "one".parse().unwrap());
    request.headers_mut().append("idempotency-key", "other".parse().unwrap());
    let refused = app.send(request).await;
    assert_eq!(
        (refused.outcome(), refused.pointers()),
        ((400, "VALIDATION_FAILED"), vec!["Idempotency-Key"])
    );
}

#[tokio::test]
async fn a_key_that_is_empty_or_too_long_or_no_plain_text_is_refused() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    for key in ["", "a\tb", &"k".repeat(256)] {
        let refused = app.claim(as_user(1), &event, Some(key)).await;
        assert_eq!(
            (refused.outcome(), refused.pointers()),
            ((400, "VALIDATION_FAILED"), vec!["Idempotency-Key"])
        );
    }
    assert_eq!(app.claim(as_user(1), &event, Some(&"k".repeat(255))).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_claims_at_once_one_is_stored_and_the_others_name_it() {
    let app = Arc::new(TestApp::start().await);
    let event = app.new_event(&json!({})).await;
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let (app, event) = (Arc::clone(&app), event.clone());
            // Half of them retry with one key, so that the winner's answer may come several times.
            let key = (n % 2 == 0).then_some("storm");
            tokio::spawn(async move { app.claim(as_user(1), &event, key).await })
        })
        .collect();
    let mut ids = HashSet::new();
    for task in tasks {
        let answer = task.await.unwrap();
        match answer.outcome() {
            (201, _) => ids.insert(answer.str("id").to_owned()),
            (409, "ALREADY_REQUESTED") => ids.insert(answer.str("rewardRequestId").to_owned()),
            other => panic!("{other:?}"),
        };
    }
    assert_eq!(ids.len(), 1);
    assert_eq!(app.get(as_operator(), "/events/requests").await.ids().len(), 1);
}
