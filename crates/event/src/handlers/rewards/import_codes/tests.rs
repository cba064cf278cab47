use domain::ClaimWork;
use http::Method;
use serde_json::{Value, json};
use test_kit::{
    HttpAnswer,
    callers::{as_admin, as_operator, as_user},
};

use crate::test_app::TestApp;

const NOBODY: &str = "6650f1a2c3d4e5f601234567";

/// The id of a pool that an event has from now on.
async fn new_pool(app: &TestApp, event: &str) -> String {
    let body = json!({"type": "COUPON", "name": "Gift", "pool": true, "expiry": "2027-01-01T00:00:00Z"});
    let answer = app.post(as_operator(), &format!("/events/{event}/rewards"), &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(
        (&answer.body["stock"], &answer.body["pool"]),
        (&json!({"total": 0, "remaining": 0}), &json!(true))
    );
    answer.str("id").to_owned()
}

async fn import(app: &TestApp, pool: &str, codes: &Value) -> HttpAnswer {
    app.post(as_operator(), &format!("/rewards/{pool}/codes"), &json!({ "codes": codes })).await
}

async fn upload(app: &TestApp, pool: &str, media_type: &'static str, text: impl Into<Vec<u8>>) -> HttpAnswer {
    let path = format!("/rewards/{pool}/codes");
    app.send_text(as_operator(), Method::POST, &path, media_type, text.into()).await
}

#[tokio::test]
async fn codes_are_counted_once_as_json_and_as_lines() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let pool = new_pool(&app, &event).await;
    let answer = import(&app, &pool, &json!(["A", " B ", "A", "", "x".repeat(201)])).await;
    let rejected = json!([{"line": 5, "message": "must have 1 to 200 characters"}]);
    assert_eq!(
        answer.body,
        json!({"imported": 2, "duplicates": 1, "rejectedCount": 1, "rejected": rejected})
    );
    let text = b"\xef\xbb\xbfcode,note\r\nB,old\r\nC,new\r\n\r\n\xff\r\n\"D\"\r\n";
    let answer = upload(&app, &pool, "text/csv; charset=utf-8", *text).await;
    let rejected = json!([{"line": 5, "message": "is not UTF-8"}]);
    assert_eq!(
        answer.body,
        json!({"imported": 2, "duplicates": 1, "rejectedCount": 1, "rejected": rejected})
    );
    let rewards = app.get(as_user(1), &format!("/events/{event}/rewards")).await;
    assert_eq!(rewards.body[0]["stock"], json!({"total": 4, "remaining": 4}));
    let lines = (0..2500)
        .flat_map(|number| [format!("N{number}"), "\u{7}".to_owned()])
        .collect::<Vec<_>>()
        .join("\n");
    let answer = upload(&app, &pool, "text/csv", lines).await;
    assert_eq!((&answer.body["imported"], &answer.body["rejectedCount"]), (&json!(2500), &json!(2500)));
    assert_eq!(answer.body["rejected"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn only_a_pool_takes_codes_and_only_from_operators() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    let pool = new_pool(&app, &event).await;
    let coupon = json!({"type": "COUPON", "name": "x", "couponCode": "C", "expiry": "2027-01-01T00:00:00Z"});
    let coupon = app.post(as_operator(), &format!("/events/{event}/rewards"), &coupon).await;
    assert_eq!(import(&app, coupon.str("id"), &json!(["A"])).await.outcome(), (409, "NOT_A_POOL"));
    assert_eq!(import(&app, NOBODY, &json!(["A"])).await.outcome(), (404, "NOT_FOUND"));
    let many: Vec<_> = (0..10_001).map(|number| number.to_string()).collect();
    for codes in [json!([]), json!(many), json!("A"), json!([1]), json!(null)] {
        assert_eq!(import(&app, &pool, &codes).await.outcome(), (400, "VALIDATION_FAILED"));
    }
    let path = format!("/rewards/{pool}/codes");
    let body = json!({ "codes": ["A"] });
    assert_eq!(app.post(as_user(1), &path, &body).await.outcome(), (403, "FORBIDDEN"));
    let answer = upload(&app, &pool, "text/plain", "A").await;
    assert_eq!(answer.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
    assert_eq!(app.post(as_admin(), &path, &body).await.status, 200);
}

#[tokio::test]
async fn each_claim_gets_a_code_of_its_own_and_a_revoked_one_uses_it_up() {
    let app = TestApp::start().await;
    let events = [app.new_event(&json!({})).await, app.new_event(&json!({})).await];
    let pool = new_pool(&app, &events[0]).await;
    let shared =
        app.post(as_operator(), &format!("/events/{}/rewards", events[1]), &json!({"rewardId": pool})).await;
    assert_eq!(shared.status, 201);
    assert_eq!(app.claim(as_user(1), &events[0], None).await.outcome(), (409, "SOLD_OUT"));
    import(&app, &pool, &json!(["FIRST", "SECOND"])).await;
    let first = app.claim(as_user(1), &events[0], None).await;
    let second = app.claim(as_user(1), &events[1], None).await;
    assert_eq!((first.outcome().0, second.outcome().0), (201, 201));
    for (claim, status) in [(&second, "REJECTED"), (&first, "APPROVED")] {
        let path = format!("/events/requests/{}", claim.str("id"));
        assert_eq!(app.patch(as_operator(), &path, &json!({ "status": status })).await.status, 200);
    }
    let round = app.events.settle_claims(ClaimWork::Grant).await.unwrap();
    assert_eq!(round.finished, 1);
    let grants = app.get(as_user(1), "/grants").await;
    assert_eq!(grants.body["items"][0]["reward"]["couponCode"], "FIRST", "{}", grants.text);
    let revoke = format!("/events/requests/{}/revoke", first.str("id"));
    let revoked = app.post(as_admin(), &revoke, &json!({"reason": "fraud"})).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    assert_eq!(revoked.body["notTakenBack"][0]["rewardId"], json!(pool), "{}", revoked.text);
    app.events.settle_claims(ClaimWork::Reverse).await.unwrap();
    let rewards = app.get(as_user(1), &format!("/events/{}/rewards", events[1])).await;
    assert_eq!(rewards.body[0]["stock"], json!({"total": 2, "remaining": 1}));
    assert!(!rewards.text.contains("FIRST") && !rewards.text.contains("SECOND"));
    for check in app.events.check_invariants().await.unwrap() {
        assert_eq!((check.violations, check.examples.clone()), (0, Vec::new()), "{check:?}");
    }
}
