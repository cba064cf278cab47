use domain::ApiKeyScope;
use serde_json::{Value, json};
use test_kit::callers::{as_auditor, as_operator, as_server, as_user, user_id};

use crate::test_app::TestApp;

const PATH: &str = "/events/requests/decisions";

/// New claims of users 1 to `count` on a new event: the event, and their ids.
async fn claims(app: &TestApp, count: u8) -> (String, Vec<String>) {
    let event = app.new_event(&json!({})).await;
    let mut ids = Vec::new();
    for user in 1..=count {
        ids.push(app.claim(as_user(user), &event, None).await.str("id").to_owned());
    }
    (event, ids)
}

fn outcomes(answer: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let results = answer["results"].as_array().unwrap();
    results
        .iter()
        .map(|result| {
            let field = |name| result.get(name).and_then(Value::as_str);
            (field("id").unwrap(), field("outcome").unwrap(), field("status"))
        })
        .collect()
}

#[tokio::test]
async fn each_id_has_a_result_of_its_own_in_the_order_given() {
    let app = TestApp::start().await;
    let (_, ids) = claims(&app, 3).await;
    let one = format!("/events/requests/{}", ids[1]);
    assert_eq!(app.patch(as_operator(), &one, &json!({"status": "REJECTED"})).await.status, 200);
    let unknown = "6650f1a2c3d4e5f601234567";
    let body =
        json!({"ids": [ids[2], ids[1], unknown, ids[0]], "status": "APPROVED", "reason": "all of them"});
    let answer = app.post(as_server(&[ApiKeyScope::RequestsDecide]), PATH, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let expected = [
        (&*ids[2], "DECIDED", Some("APPROVED")),
        (&*ids[1], "ALREADY_DECIDED", Some("REJECTED")),
        (unknown, "NOT_FOUND", None),
        (&*ids[0], "DECIDED", Some("APPROVED")),
    ];
    assert_eq!(outcomes(&answer.body), expected);
    let seen = app.get(as_operator(), &format!("/events/requests/{}", ids[0])).await;
    assert_eq!((seen.str("status"), seen.str("reason")), ("APPROVED", "all of them"));
    let again = app.post(as_operator(), PATH, &body).await;
    assert!(outcomes(&again.body).iter().all(|(_, outcome, _)| *outcome != "DECIDED"));
}

#[tokio::test]
async fn a_filter_decides_what_the_operator_has_seen_and_nothing_else() {
    let app = TestApp::start().await;
    let (event, ids) = claims(&app, 4).await;
    let (_, others) = claims(&app, 2).await;
    let one = format!("/events/requests/{}", ids[1]);
    assert_eq!(app.patch(as_operator(), &one, &json!({"status": "REJECTED"})).await.status, 200);
    let body = |count| json!({"filter": {"eventId": event}, "expectedCount": count, "status": "APPROVED"});
    for count in [1, 2, 4, 500] {
        let changed = app.post(as_operator(), PATH, &body(count)).await;
        assert_eq!((changed.outcome(), &changed.body["count"]), ((409, "COUNT_CHANGED"), &json!(3)));
    }
    let decided = app.post(as_operator(), PATH, &body(3)).await;
    let expected = [&ids[0], &ids[2], &ids[3]].map(|id| (&**id, "DECIDED", Some("APPROVED")));
    assert_eq!(outcomes(&decided.body), expected);
    let changed = app.post(as_operator(), PATH, &body(3)).await;
    assert_eq!((changed.outcome(), &changed.body["count"]), ((409, "COUNT_CHANGED"), &json!(0)));
    let by_user = json!({"filter": {"userId": user_id(2), "from": "2026-01-01T00:00:00Z"}, "expectedCount": 1,
        "status": "REJECTED"});
    let decided = app.post(as_operator(), PATH, &by_user).await;
    assert_eq!(outcomes(&decided.body), [(&*others[1], "DECIDED", Some("REJECTED"))]);
    let before = json!({"filter": {"to": "2026-05-01T09:00:00Z"}, "expectedCount": 1, "status": "REJECTED"});
    assert_eq!(app.post(as_operator(), PATH, &before).await.outcome(), (409, "COUNT_CHANGED"));
    assert_eq!(
        app.get(as_user(1), &format!("/events/requests/{}", others[0])).await.str("status"),
        "PENDING"
    );
}

#[tokio::test]
async fn what_is_no_choice_of_claims_is_refused() {
    let app = TestApp::start().await;
    let (_, ids) = claims(&app, 1).await;
    let many: Vec<_> = (0..501).map(|n| format!("{n:024x}")).collect();
    for (body, pointers) in [
        (json!({"status": "APPROVED"}), vec![""]),
        (json!({"ids": ids, "filter": {}, "expectedCount": 1, "status": "APPROVED"}), vec![""]),
        (json!({"ids": ids, "expectedCount": 1, "status": "APPROVED"}), vec![""]),
        (json!({"filter": {}, "status": "APPROVED"}), vec!["/expectedCount"]),
        (json!({"filter": {}, "expectedCount": 0, "status": "APPROVED"}), vec!["/expectedCount"]),
        (json!({"filter": {}, "expectedCount": 501, "status": "APPROVED"}), vec!["/expectedCount"]),
        (
            json!({"filter": {"status": "PENDING"}, "expectedCount": 1, "status": "APPROVED"}),
            vec!["/filter/status"],
        ),
        (json!({"ids": [], "status": "APPROVED"}), vec!["/ids"]),
        (json!({"ids": many, "status": "APPROVED"}), vec!["/ids"]),
        (json!({"ids": [ids[0], ids[0]], "status": "APPROVED"}), vec!["/ids/1"]),
        (json!({"ids": ["x"], "status": "MAYBE"}), vec!["/ids/0", "/status"]),
    ] {
        let answer = app.post(as_operator(), PATH, &body).await;
        assert_eq!((answer.outcome(), answer.pointers()), ((400, "VALIDATION_FAILED"), pointers), "{body}");
    }
    for who in [as_user(1), as_auditor(), as_server(&[ApiKeyScope::RequestsRead])] {
        let answer = app.post(who, PATH, &json!({"ids": ids, "status": "APPROVED"})).await;
        assert_eq!(answer.outcome(), (403, "FORBIDDEN"));
    }
    assert_eq!(app.get(as_user(1), &format!("/events/requests/{}", ids[0])).await.str("status"), "PENDING");
}
