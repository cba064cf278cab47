use serde_json::{Value, json};
use test_kit::callers::{as_admin, as_auditor, as_operator, as_user};

use crate::test_app::TestApp;

/// An event with a reward: the event, and the path of its rewards with and without this one's id.
async fn rewarded(app: &TestApp, stock: &Value) -> (String, String, String) {
    let event = app.new_event(&json!({})).await;
    let rewards = format!("/events/{event}/rewards");
    let body = json!({"type": "POINT", "name": "p", "points": 1, "stock": stock});
    let attached = app.post(as_operator(), &rewards, &body).await;
    assert_eq!(attached.status, 201, "{}", attached.text);
    let reward = format!("{rewards}/{}", attached.str("id"));
    (event, rewards, reward)
}

async fn revision(app: &TestApp, event: &str) -> Value {
    app.get(as_operator(), &format!("/events/{event}")).await.body["revision"].clone()
}

#[tokio::test]
async fn first_come_first_served_until_it_is_sold_out() {
    let app = TestApp::start().await;
    let (event, rewards, _) = rewarded(&app, &json!(2)).await;
    let stock = async || app.get(as_user(9), &rewards).await.body[0]["stock"].clone();
    assert_eq!(stock().await, json!({"total": 2, "remaining": 2}));
    let first = app.claim(as_user(1), &event, Some("k")).await;
    assert_eq!(
        (first.status.as_u16(), app.claim(as_user(2), &event, None).await.status.as_u16()),
        (201, 201)
    );
    assert_eq!(stock().await, json!({"total": 2, "remaining": 0}));
    assert_eq!(app.claim(as_user(3), &event, None).await.outcome(), (409, "SOLD_OUT"));
    assert_eq!(app.claim(as_user(1), &event, None).await.outcome(), (409, "ALREADY_REQUESTED"));
    assert_eq!(app.claim(as_user(1), &event, Some("k")).await.body, first.body);
    let eligibility = app.get(as_user(3), &format!("/events/{event}/eligibility")).await;
    assert_eq!(eligibility.body["reasons"][0]["code"], "SOLD_OUT");
    let claim = format!("/events/requests/{}", first.str("id"));
    assert_eq!(app.patch(as_operator(), &claim, &json!({"status": "REJECTED"})).await.status, 200);
    assert_eq!(stock().await, json!({"total": 2, "remaining": 1}));
    assert_eq!(app.claim(as_user(1), &event, None).await.outcome(), (409, "ALREADY_REQUESTED"));
    assert_eq!(app.claim(as_user(3), &event, None).await.status, 201);
}

#[tokio::test]
async fn a_refused_attempt_at_a_sold_out_event_uses_nothing_up() {
    let app = TestApp::start().await;
    let (event, rewards, reward) = rewarded(&app, &json!(1)).await;
    let second = json!({"type": "BADGE", "name": "b", "badgeId": "b", "stock": 5});
    assert_eq!(app.post(as_operator(), &rewards, &second).await.status, 201);
    assert_eq!(app.claim(as_user(1), &event, None).await.status, 201);
    assert_eq!(app.claim(as_user(2), &event, None).await.outcome(), (409, "SOLD_OUT"));
    let listed = app.get(as_user(2), &rewards).await;
    assert_eq!(listed.body[1]["stock"], json!({"total": 5, "remaining": 4}));
    assert_eq!(app.patch(as_operator(), &reward, &json!({"stock": 2})).await.status, 200);
    assert_eq!(app.claim(as_user(2), &event, None).await.status, 201);
}

#[tokio::test]
async fn a_limit_is_set_changed_and_lifted() {
    let app = TestApp::start().await;
    let (event, rewards, reward) = rewarded(&app, &json!(null)).await;
    assert_eq!(app.get(as_user(1), &rewards).await.body[0]["stock"], json!(null));
    assert_eq!(app.claim(as_user(1), &event, None).await.status, 201);
    let before = revision(&app, &event).await.as_i64().unwrap();
    let set = app.patch(as_operator(), &reward, &json!({"stock": 2})).await;
    assert_eq!((set.status.as_u16(), &set.body["stock"]), (200, &json!({"total": 2, "remaining": 2})));
    assert_eq!(revision(&app, &event).await, before + 1);
    for user in [2, 3] {
        assert_eq!(app.claim(as_user(user), &event, None).await.status, 201);
    }
    assert_eq!(app.claim(as_user(4), &event, None).await.outcome(), (409, "SOLD_OUT"));
    let below = app.patch(as_admin(), &reward, &json!({"stock": 1})).await;
    assert_eq!((below.outcome(), &below.body["taken"]), ((409, "STOCK_TAKEN"), &json!(2)));
    let more = app.patch(as_admin(), &reward, &json!({"stock": 10})).await;
    assert_eq!(more.body["stock"], json!({"total": 10, "remaining": 8}));
    assert_eq!(revision(&app, &event).await, before + 1, "another number is no other revision");
    let lifted = app.patch(as_operator(), &reward, &json!({"stock": null})).await;
    assert_eq!((lifted.status.as_u16(), &lifted.body["stock"]), (200, &json!(null)));
    assert_eq!(revision(&app, &event).await, before + 2);
    assert_eq!(app.claim(as_user(4), &event, None).await.status, 201);
    let again = app.patch(as_operator(), &reward, &json!({"stock": 2})).await;
    assert_eq!(again.body["stock"], json!({"total": 2, "remaining": 0}), "what was taken is still taken");
}

#[tokio::test]
async fn one_reward_has_a_stock_of_its_own_in_each_event_and_in_a_copy() {
    let app = TestApp::start().await;
    let (event, rewards, reward) = rewarded(&app, &json!(3)).await;
    let other = app.new_event(&json!({})).await;
    let by_id = json!({"rewardId": reward.rsplit('/').next().unwrap(), "stock": 1});
    let attached = app.post(as_operator(), &format!("/events/{other}/rewards"), &by_id).await;
    assert_eq!(
        (attached.status.as_u16(), &attached.body["stock"]),
        (201, &json!({"total": 1, "remaining": 1}))
    );
    assert_eq!(app.claim(as_user(1), &event, None).await.status, 201);
    assert_eq!(app.get(as_user(1), &rewards).await.body[0]["stock"]["remaining"], 2);
    let copy = app.post(as_operator(), &format!("/events/{event}/clone"), &json!({})).await;
    assert_eq!(copy.status, 201, "{}", copy.text);
    let copied = app.get(as_operator(), &format!("/events/{}/rewards", copy.str("id"))).await;
    assert_eq!(copied.body[0]["stock"], json!({"total": 3, "remaining": 3}));
}

#[tokio::test]
async fn what_is_no_stock_is_refused_and_so_is_who_may_not_set_it() {
    let app = TestApp::start().await;
    let (event, _, reward) = rewarded(&app, &json!(3)).await;
    for body in [json!({}), json!({"stock": 0}), json!({"stock": "5"}), json!({"stock": 1_000_000_001})] {
        let answer = app.patch(as_operator(), &reward, &body).await;
        assert_eq!(
            (answer.outcome(), answer.pointers()),
            ((400, "VALIDATION_FAILED"), vec!["/stock"]),
            "{body}"
        );
    }
    for who in [as_user(1), as_auditor()] {
        assert_eq!(app.patch(who, &reward, &json!({"stock": 5})).await.outcome(), (403, "FORBIDDEN"));
    }
    let nobody = "6650f1a2c3d4e5f601234567";
    for path in [format!("/events/{event}/rewards/{nobody}"), format!("/events/{nobody}/rewards/{nobody}")] {
        assert_eq!(app.patch(as_operator(), &path, &json!({"stock": 5})).await.outcome(), (404, "NOT_FOUND"));
    }
    let mut request =
        app.build_request(as_operator(), http::Method::PATCH, &reward, Some(&json!({"stock": 5})));
    request.headers_mut().insert("if-match", "\"1\"".parse().unwrap());
    assert_eq!(app.send(request).await.outcome(), (412, "PRECONDITION_FAILED"));
}
