use std::{collections::HashSet, sync::Arc};

use domain::Role;
use serde_json::json;

use crate::test_app::{TestApp, auditor, id_of, operator, somebody, user};

#[tokio::test]
async fn a_claim_is_stored_pending_with_what_it_was_decided_on() {
    let app = TestApp::start().await;
    let condition = json!({"in": ["USER", {"var": "user.roles"}]});
    let event = app.event(&json!({ "condition": condition })).await;
    let claimed = app.claim(user(1), &event, None).await;
    assert_eq!(claimed.status, 201);
    let id = claimed.str("id").to_owned();
    let expected = json!({
        "id": id,
        "eventId": event,
        "userId": id_of(user(1)),
        "status": "PENDING",
        "eventRevision": 1,
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(claimed.body, expected);
    assert_eq!(claimed.headers["location"].to_str().unwrap(), format!("/events/requests/{id}"));
    let seen = app.get(auditor(), &format!("/events/requests/{id}")).await;
    assert_eq!(seen.body["decision"]["condition"], condition);
    assert_eq!(seen.body["decision"]["facts"]["user"]["roles"], json!(["USER"]));
    assert_eq!(seen.body["decision"]["evaluation"]["eligible"], true);
}

#[tokio::test]
async fn events_that_do_not_run_refuse() {
    let app = TestApp::start().await;
    for (change, code) in [
        (json!({"status": "INACTIVE"}), "EVENT_NOT_ACTIVE"),
        (json!({"periodStart": "2026-05-01T09:00:00.001Z"}), "EVENT_NOT_STARTED"),
        (json!({"periodEnd": "2026-05-01T09:00:00.000Z"}), "EVENT_ENDED"),
    ] {
        let event = app.event(&change).await;
        assert_eq!(app.claim(user(1), &event, None).await.outcome(), (409, code));
    }
    let unknown = app.claim(user(1), "6650f1a2c3d4e5f601234567", None).await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
    assert!(app.get(operator(), "/events/requests").await.ids().is_empty());
}

#[tokio::test]
async fn a_refused_attempt_tells_the_progress_and_does_not_use_up_the_claim() {
    let app = TestApp::start().await;
    let event = app.event(&json!({"condition": {"in": ["AUDITOR", {"var": "user.roles"}]}})).await;
    let refused = app.claim(user(1), &event, None).await;
    assert_eq!(refused.outcome(), (422, "CONDITION_NOT_MET"));
    let progress = json!([
        {"fact": "user.roles", "operator": "in", "target": "AUDITOR", "actual": ["USER"], "met": false}
    ]);
    assert_eq!(refused.body["progress"], progress);
    let promoted = somebody(1, &[Role::User, Role::Auditor]);
    assert_eq!(app.claim(promoted, &event, None).await.status, 201);
}

#[tokio::test]
async fn a_second_claim_names_the_first() {
    let app = TestApp::start().await;
    let event = app.event(&json!({})).await;
    let first = app.claim(user(1), &event, Some("one")).await;
    for key in [None, Some("other")] {
        let second = app.claim(user(1), &event, key).await;
        assert_eq!(second.outcome(), (409, "ALREADY_REQUESTED"));
        assert_eq!(second.str("rewardRequestId"), first.str("id"));
    }
}

#[tokio::test]
async fn a_retry_with_the_same_key_gets_the_first_answer_again_even_after_the_end() {
    let app = TestApp::start().await;
    let event = app.event(&json!({"periodEnd": "2026-05-01T09:01:00Z"})).await;
    let first = app.claim(user(1), &event, Some("k-1")).await;
    app.clock.advance_seconds(30);
    for _ in 0..2 {
        let again = app.claim(user(1), &event, Some("k-1")).await;
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        app.clock.advance_seconds(3600);
    }
    assert_eq!(app.claim(user(1), &event, Some("k-2")).await.outcome(), (409, "EVENT_ENDED"));
    assert_eq!(app.claim(user(2), &event, Some("k-1")).await.outcome(), (409, "EVENT_ENDED"));
}

#[tokio::test]
async fn a_key_that_is_empty_or_too_long_is_refused() {
    let app = TestApp::start().await;
    let event = app.event(&json!({})).await;
    for key in ["", &"k".repeat(256)] {
        let refused = app.claim(user(1), &event, Some(key)).await;
        assert_eq!(
            (refused.outcome(), refused.pointers()),
            ((400, "VALIDATION_FAILED"), vec!["Idempotency-Key"])
        );
    }
    assert_eq!(app.claim(user(1), &event, Some(&"k".repeat(255))).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_five_hundred_claims_at_once_one_is_stored_and_the_others_name_it() {
    let app = Arc::new(TestApp::start().await);
    let event = app.event(&json!({})).await;
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let (app, event) = (Arc::clone(&app), event.clone());
            // Half of them retry with one key, so that the winner's answer may come several times.
            let key = (n % 2 == 0).then_some("storm");
            tokio::spawn(async move { app.claim(user(1), &event, key).await })
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
    assert_eq!(app.get(operator(), "/events/requests").await.ids().len(), 1);
}
