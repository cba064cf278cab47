use domain::Role;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use test_kit::{
    HttpAnswer,
    callers::{about, as_auditor, as_operator, as_user, user_id},
};

use crate::test_app::TestApp;

async fn log_in_on(app: &TestApp, user: u8, days: impl IntoIterator<Item = u32>) {
    let activities: Vec<_> = days
        .into_iter()
        .map(|day| {
            let at = format!("2026-04-{day:02}T12:00:00Z");
            json!({"id": format!("login-{user}-{day}"), "userId": user_id(user), "type": "login", "at": at})
        })
        .collect();
    let sent = app.post(as_operator(), "/activities", &json!({ "activities": activities })).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
}

async fn eligibility(app: &TestApp, event: &str) -> HttpAnswer {
    app.get(as_user(1), &format!("/events/{event}/eligibility")).await
}

fn a_week_in_a_row() -> Value {
    json!({"and": [{">=": [{"var": "activity.login.streak"}, 7]}, {">=": [{"var": "attributes.level"}, 30]}]})
}

#[tokio::test]
async fn seven_days_of_logins_move_eligibility_and_the_claim_follows_it() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({ "condition": {">=": [{"var": "activity.login.streak"}, 7]} })).await;
    for day in 1..=7 {
        log_in_on(&app, 1, [day]).await;
        let seen = eligibility(&app, &event).await;
        let step = json!({
            "fact": "activity.login.streak", "operator": ">=", "target": 7, "actual": day, "met": day == 7,
        });
        assert_eq!(seen.body["progress"], json!([step]));
        assert_eq!(seen.body["eligible"], day == 7);
        if day == 6 {
            let refused = app.claim(as_user(1), &event, None).await;
            assert_eq!((refused.status.as_u16(), refused.str("code")), (422, "CONDITION_NOT_MET"));
            assert_eq!(refused.body["progress"], json!([step]));
        }
    }
    let claimed = app.claim(as_user(1), &event, None).await;
    assert_eq!(claimed.status, StatusCode::CREATED, "{}", claimed.text);
    let seen = app.get(as_auditor(), &format!("/events/requests/{}", claimed.str("id"))).await;
    assert_eq!(seen.body["decision"]["facts"]["activity"], json!({"login": {"streak": 7}}));
    let after = eligibility(&app, &event).await;
    assert_eq!(after.body["reasons"][0]["code"], "ALREADY_REQUESTED");
    assert_eq!(after.body["reasons"][0]["rewardRequestId"], claimed.body["id"]);
}

#[tokio::test]
async fn activity_counts_within_the_period_and_its_start_but_not_its_end() {
    let app = TestApp::start().await;
    let event = app
        .new_event(&json!({
            "condition": {">=": [{"var": "activity.login.count"}, 10]},
            "periodStart": "2026-04-10T12:00:00Z", "periodEnd": "2026-05-20T12:00:00Z",
        }))
        .await;
    log_in_on(&app, 1, [9, 10, 11]).await;
    assert_eq!(eligibility(&app, &event).await.body["progress"][0]["actual"], 2);
    let ended = app
        .new_event(&json!({
            "condition": {">=": [{"var": "activity.login.count"}, 10]},
            "periodStart": "2026-04-10T00:00:00Z", "periodEnd": "2026-04-11T12:00:00Z",
        }))
        .await;
    let seen = eligibility(&app, &ended).await;
    assert_eq!(
        (&seen.body["progress"][0]["actual"], &seen.body["reasons"][0]["code"]),
        (&json!(1), &json!("EVENT_ENDED"))
    );
}

#[tokio::test]
async fn reasons_are_told_in_the_language_asked_for() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({ "condition": a_week_in_a_row() })).await;
    log_in_on(&app, 1, [1, 2, 3]).await;
    let mut told = Vec::new();
    for language in ["en", "ko-KR,en;q=0.5"] {
        let path = format!("/events/{event}/eligibility");
        let mut request = app.build_request(as_user(1), Method::GET, &path, None);
        request.headers_mut().insert(header::ACCEPT_LANGUAGE, language.parse().unwrap());
        let answer = app.send(request).await;
        assert_eq!(answer.body["eligible"], false);
        assert_eq!(answer.body["reasons"].as_array().unwrap().len(), 2);
        assert_eq!(answer.body["reasons"][1]["fact"], "attributes.level");
        told.push((
            answer.headers[header::CONTENT_LANGUAGE].to_str().unwrap().to_owned(),
            answer.body["reasons"][0]["message"].as_str().unwrap().to_owned(),
        ));
    }
    assert_eq!(told[0].0, "en");
    assert!(told[0].1.contains('3') && told[0].1.contains('7'), "{told:?}");
    assert_eq!(told[1].0, "ko");
    assert!(told[1].1.contains("연속"), "{told:?}");
}

#[tokio::test]
async fn staff_looks_at_users_and_users_at_themselves() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({ "condition": {"in": ["USER", {"var": "user.roles"}]} })).await;
    let path = format!("/events/{event}/eligibility");
    let of_two = format!("{path}?userId={}", user_id(2));
    let seen = app.get(about(as_auditor(), 2, &[Role::User]), &of_two).await;
    assert_eq!((seen.status, &seen.body["eligible"]), (StatusCode::OK, &json!(true)));
    assert_eq!(app.get(as_auditor(), &path).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.get(as_user(1), &of_two).await.status, StatusCode::FORBIDDEN);
    assert_eq!(app.get(as_user(2), &of_two).await.status, StatusCode::OK);
    assert_eq!(app.get(as_user(1), "/events/6650f1a2c3d4e5f601234567/eligibility").await.status, 404);
    let hidden = app.new_event(&json!({"status": "INACTIVE"})).await;
    assert_eq!(eligibility(&app, &hidden).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_is_stored_by_looking() {
    let app = TestApp::start().await;
    let event = app.new_event(&json!({})).await;
    assert_eq!(
        eligibility(&app, &event).await.body,
        json!({"eligible": true, "reasons": [], "progress": []})
    );
    let claims = app.get(as_operator(), &format!("/events/requests?eventId={event}")).await;
    assert_eq!(claims.body["items"], json!([]));
}
