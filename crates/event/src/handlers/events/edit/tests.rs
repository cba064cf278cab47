use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};
use test_kit::{
    HttpAnswer,
    callers::{as_admin, as_auditor, as_operator, as_user},
};

use crate::test_app::TestApp;

async fn edit(app: &TestApp, path: &str, if_match: Option<&str>, body: &Value) -> HttpAnswer {
    let mut request = app.build_request(as_operator(), Method::PATCH, path, Some(body));
    if let Some(tags) = if_match {
        request.headers_mut().insert("if-match", tags.parse().unwrap());
    }
    app.send(request).await
}

#[tokio::test]
async fn a_change_of_one_field_leaves_every_other_as_it_was() {
    let app = TestApp::start().await;
    let full = json!({
        "description": "Two\nlines",
        "periodStart": "2026-05-01T00:00:00.001Z",
        "periodEnd": "2026-06-01T00:00:00.999Z",
        "timezone": "Asia/Seoul",
        "condition": {">=": [{"var": "user.ageDays"}, 7]},
    });
    let path = format!("/events/{}", app.new_event(&full).await);
    let mut expected = app.get(as_operator(), &path).await.body;
    let changes = [
        ("name", json!("Summer")),
        ("description", json!(null)),
        ("condition", json!({})),
        ("periodEnd", json!("2026-07-01T00:00:00.123Z")),
        ("periodStart", json!("2026-04-01T00:00:00.456Z")),
        ("periodEnd", json!(null)),
        ("timezone", json!("America/New_York")),
        ("status", json!("INACTIVE")),
    ];
    for (number, (field, value)) in changes.into_iter().enumerate() {
        app.clock.advance_seconds(1);
        let answer = edit(&app, &path, None, &json!({ field: value })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        expected[field] = value;
        if expected["description"].is_null() {
            expected.as_object_mut().unwrap().remove("description");
        }
        expected["revision"] = (number + 2).into();
        expected["updatedAt"] = json!(format!("2026-05-01T09:00:{:02}.000Z", number + 1));
        assert_eq!(answer.body, expected, "{field}");
        assert_eq!(answer.header("etag"), format!("\"{}\"", number + 2));
        assert_eq!(app.get(as_operator(), &path).await.body, expected);
    }
}

#[tokio::test]
async fn what_is_not_valid_changes_nothing() {
    let app = TestApp::start().await;
    let period = json!({"periodStart": "2026-05-01T00:00:00Z", "periodEnd": "2026-06-01T00:00:00Z"});
    let path = format!("/events/{}", app.new_event(&period).await);
    let before = app.get(as_operator(), &path).await.body;
    for (body, pointer) in [
        (json!({}), ""),
        (json!({"name": null}), "/name"),
        (json!({"name": "x", "revision": 3}), "/revision"),
        (json!({"condition": {"nonsense": []}}), "/condition/nonsense"),
        (json!({"status": "OFF"}), "/status"),
        (json!({"periodStart": "2026-06-01T00:00:00Z"}), "/periodEnd"),
        (json!({"periodEnd": "2026-05-01T00:00:00Z"}), "/periodEnd"),
        (json!({"timezone": "Mars/Olympus"}), "/timezone"),
    ] {
        let answer = edit(&app, &path, None, &body).await;
        assert_eq!(
            (answer.outcome(), answer.pointers()),
            ((400, "VALIDATION_FAILED"), vec![pointer]),
            "{body}"
        );
    }
    assert_eq!(app.get(as_operator(), &path).await.body, before);
    let nobody = edit(&app, "/events/6650f1a2c3d4e5f601234567", None, &json!({"name": "x"})).await;
    assert_eq!(nobody.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_stale_tag_is_refused_and_a_present_one_is_not() {
    let app = TestApp::start().await;
    let path = format!("/events/{}", app.new_event(&json!({})).await);
    for (tags, status) in [
        ("\"1\"", 200),
        ("\"1\"", 412),
        ("\"1\", \"2\"", 200),
        ("W/\"3\"", 412),
        ("*", 200),
        ("\"04\"", 412),
        ("4", 400),
        ("\"4", 400),
    ] {
        let answer = edit(&app, &path, Some(tags), &json!({"name": tags})).await;
        assert_eq!(answer.status, status, "{tags}: {}", answer.text);
    }
    assert_eq!(app.get(as_operator(), &path).await.body["revision"], 4);
    let nobody = edit(&app, "/events/6650f1a2c3d4e5f601234567", Some("*"), &json!({"name": "x"})).await;
    assert_eq!(nobody.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn of_many_who_read_the_same_revision_one_changes_it_and_without_a_tag_all_do() {
    let app = TestApp::start().await;
    let path = format!("/events/{}", app.new_event(&json!({})).await);
    let names: Vec<_> = (0..20).map(|number| json!({"name": format!("Name {number}")})).collect();
    let answers = join_all(names.iter().map(|body| edit(&app, &path, Some("\"1\""), body))).await;
    let changed = answers.iter().filter(|answer| answer.status == 200).count();
    let stale = answers.iter().filter(|answer| answer.outcome() == (412, "PRECONDITION_FAILED")).count();
    assert_eq!((changed, stale), (1, 19));
    let answers = join_all(names.iter().map(|body| edit(&app, &path, None, body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(app.get(as_operator(), &path).await.body["revision"], 22);
}

#[tokio::test]
async fn revisions_tell_who_changed_what_and_attaching_makes_one() {
    let app = TestApp::start().await;
    let path = format!("/events/{}", app.new_event(&json!({})).await);
    edit(&app, &path, None, &json!({"name": "Summer", "periodEnd": "2026-06-01T00:00:00Z"})).await;
    let badge = json!({"type": "BADGE", "name": "b", "badgeId": "b"});
    let badge = app.post(as_operator(), &format!("{path}/rewards"), &badge).await;
    let revisions = app.get(as_auditor(), &format!("{path}/revisions")).await.body;
    assert_eq!(revisions["nextCursor"], Value::Null);
    let items = revisions["items"].as_array().unwrap();
    assert_eq!(items.iter().map(|item| &item["revision"]).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(items[0]["changes"], json!([{"field": "rewards", "before": [], "after": [badge.str("id")]}]));
    let renamed = json!([
        {"field": "name", "before": "Spring", "after": "Summer"},
        {"field": "periodEnd", "before": null, "after": "2026-06-01T00:00:00.000Z"},
    ]);
    assert_eq!(items[1]["changes"], renamed);
    assert_eq!((&items[2]["changes"], &items[2]["name"]), (&json!([]), &json!("Spring")));
    assert_eq!(items[1]["changedBy"], items[2]["changedBy"]);
    let first = app.get(as_auditor(), &format!("{path}/revisions?limit=2")).await.body;
    let second = format!("{path}/revisions?limit=2&cursor={}", first["nextCursor"].as_str().unwrap());
    assert_eq!(app.get(as_auditor(), &second).await.body["items"], json!([items[2]]));
    assert_eq!(first["items"], json!([items[0], items[1]]));
    let unknown = app.get(as_auditor(), "/events/6650f1a2c3d4e5f601234567/revisions").await;
    assert_eq!(unknown.outcome(), (404, "NOT_FOUND"));
}

#[tokio::test]
async fn a_claim_keeps_the_condition_of_the_revision_it_was_made_under() {
    let app = TestApp::start().await;
    let id = app.new_event(&json!({"condition": {">=": [{"var": "user.ageDays"}, 0]}})).await;
    let path = format!("/events/{id}");
    let claim = app.claim(as_user(1), &id, None).await;
    assert_eq!(claim.status, 201, "{}", claim.text);
    edit(&app, &path, None, &json!({"condition": {">=": [{"var": "user.ageDays"}, 99999]}})).await;
    let shown = app.get(as_user(1), &format!("/events/requests/{}", claim.str("id"))).await.body;
    assert_eq!(shown["decision"]["eventRevision"], 1);
    assert_eq!(shown["decision"]["condition"], json!({">=": [{"var": "user.ageDays"}, 0]}));
    assert_eq!(app.claim(as_user(2), &id, None).await.outcome(), (422, "CONDITION_NOT_MET"));
}

#[tokio::test]
async fn a_clone_is_switched_off_and_has_the_same_rewards() {
    let app = TestApp::start().await;
    let path = format!("/events/{}", app.new_event(&json!({"timezone": "Asia/Seoul"})).await);
    let badge = json!({"type": "BADGE", "name": "b", "badgeId": "b"});
    app.post(as_operator(), &format!("{path}/rewards"), &badge).await;
    app.clock.advance_seconds(1);
    let request = app.build_request(as_operator(), Method::POST, &format!("{path}/clone"), None);
    let clone = app.send(request).await;
    assert_eq!(clone.status, 201, "{}", clone.text);
    let mut expected = app.get(as_operator(), &path).await.body;
    for field in ["id", "createdAt", "updatedAt"] {
        expected[field] = clone.body[field].clone();
    }
    (expected["status"], expected["revision"]) = (json!("INACTIVE"), json!(1));
    assert_eq!(clone.body, expected);
    let rewards = app.get(as_operator(), &format!("{}/rewards", clone.header("location"))).await.body;
    assert_eq!(rewards, app.get(as_operator(), &format!("{path}/rewards")).await.body);
    assert_eq!(rewards.as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_is_deleted_unless_somebody_has_claimed_it() {
    let app = TestApp::start().await;
    let (claimed, unclaimed) = (app.new_event(&json!({})).await, app.new_event(&json!({})).await);
    app.claim(as_user(1), &claimed, None).await;
    let delete = async |id: &str, tags: &str| {
        let mut request = app.build_request(as_admin(), Method::DELETE, &format!("/events/{id}"), None);
        request.headers_mut().insert("if-match", tags.parse().unwrap());
        app.send(request).await
    };
    assert_eq!(delete(&claimed, "*").await.outcome(), (409, "EVENT_HAS_REQUESTS"));
    assert_eq!(delete(&unclaimed, "\"2\"").await.outcome(), (412, "PRECONDITION_FAILED"));
    assert_eq!(delete(&unclaimed, "\"1\"").await.status, 204);
    assert_eq!(delete(&unclaimed, "*").await.outcome(), (404, "NOT_FOUND"));
    assert_eq!(app.get(as_operator(), &format!("/events/{unclaimed}")).await.outcome(), (404, "NOT_FOUND"));
    assert_eq!(app.claim(as_user(2), &unclaimed, None).await.outcome(), (404, "NOT_FOUND"));
    assert_eq!(app.get(as_operator(), &format!("/events/{claimed}")).await.status, 200);
}

#[tokio::test]
async fn a_reward_is_detached_and_remains_for_other_events() {
    let app = TestApp::start().await;
    let path = format!("/events/{}/rewards", app.new_event(&json!({})).await);
    let badge = app.post(as_operator(), &path, &json!({"type": "BADGE", "name": "b", "badgeId": "b"})).await;
    let detach = async || {
        let path = format!("{path}/{}", badge.str("id"));
        app.send(app.build_request(as_operator(), Method::DELETE, &path, None)).await
    };
    assert_eq!(detach().await.status, 204);
    assert_eq!(app.get(as_operator(), &path).await.body, json!([]));
    assert_eq!(detach().await.outcome(), (404, "NOT_FOUND"));
    let listed = app.get(as_auditor(), "/rewards?type=BADGE&name=B").await.body;
    assert_eq!(listed["items"], json!([badge.body]));
    assert_eq!(app.get(as_auditor(), "/rewards?type=POINT").await.body["items"], json!([]));
    assert_eq!(app.post(as_operator(), &path, &json!({"rewardId": badge.str("id")})).await.status, 201);
}
