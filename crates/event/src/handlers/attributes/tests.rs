use domain::ApiKeyScope;
use http::StatusCode;
use serde_json::{Map, json};
use test_kit::callers::{as_auditor, as_operator, as_server, as_user, user_id};

use crate::test_app::TestApp;

#[tokio::test]
async fn attributes_take_the_place_of_those_there_were() {
    let app = TestApp::start().await;
    let path = format!("/users/{}/attributes", user_id(1));
    let unset = app.get(as_auditor(), &path).await;
    assert_eq!(unset.body, json!({"userId": user_id(1), "attributes": {}, "updatedAt": null}));
    let server = as_server(&[ApiKeyScope::AttributesWrite]);
    for attributes in
        [json!({"level": 30, "rate": 0.1, "vip": true, "guild": "A", "left": null}), json!({"level": 31})]
    {
        let put = app.put(server, &path, &json!({ "attributes": attributes })).await;
        let expected =
            json!({"userId": user_id(1), "attributes": attributes, "updatedAt": "2026-05-01T09:00:00.000Z"});
        assert_eq!((put.status, &put.body), (StatusCode::OK, &expected));
        assert_eq!(app.get(as_operator(), &path).await.body, expected);
    }
}

#[tokio::test]
async fn every_fault_is_told_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let path = format!("/users/{}/attributes", user_id(1));
    let many: Map<_, _> = (0..101).map(|n| (format!("a{n}"), json!(n))).collect();
    for (attributes, pointers) in [
        (
            json!({"1st": 1, "a/b": 1, "list": [], "map": {}, "fine": 1}),
            vec!["/attributes/1st", "/attributes/a~1b", "/attributes/list", "/attributes/map"],
        ),
        (json!(many), vec!["/attributes"]),
        (json!([]), vec!["/attributes"]),
        (json!({"big": 9_007_199_254_740_993_i64}), vec!["/attributes/big"]),
    ] {
        let answer = app.put(as_operator(), &path, &json!({ "attributes": attributes })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{attributes}");
        let mut told: Vec<_> = answer.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["pointer"].as_str().unwrap())
            .collect();
        told.sort_unstable();
        assert_eq!(told, pointers);
    }
    assert_eq!(app.get(as_auditor(), &path).await.body["attributes"], json!({}));
}

#[tokio::test]
async fn only_those_who_may_write_and_only_staff_reads() {
    let app = TestApp::start().await;
    let path = format!("/users/{}/attributes", user_id(1));
    let body = json!({"attributes": {}});
    for (who, status) in
        [(as_user(1), 403), (as_auditor(), 403), (as_server(&[ApiKeyScope::ActivitiesWrite]), 403)]
    {
        assert_eq!(app.put(who, &path, &body).await.status, status);
    }
    assert_eq!(app.get(as_user(1), &path).await.status, 403);
}
