use std::sync::Arc;

use domain::AttributeValue;
use serde_json::json;

use super::{nth_user, parse_time, stamp_now};
use crate::{AttributeStore, UserAttributes};

pub(crate) fn new_attributes(user: u32, attributes: &serde_json::Value) -> UserAttributes {
    UserAttributes {
        user_id: nth_user(user),
        attributes: serde_json::from_value(attributes.clone()).unwrap(),
        updated_at: parse_time("2026-05-20T00:00:00.005Z"),
    }
}

pub(crate) async fn attributes_are_found_as_they_were_put(db: Arc<dyn AttributeStore>) {
    assert_eq!(db.find(nth_user(1)).await.unwrap(), None);
    let first =
        new_attributes(1, &json!({"level": 30, "rate": 0.1, "vip": true, "guild": "A\u{e4}", "gone": null}));
    db.put(first.clone(), stamp_now()).await.unwrap();
    assert_eq!(db.find(nth_user(1)).await.unwrap(), Some(first));
    let second = new_attributes(1, &json!({"level": 31.5}));
    db.put(second.clone(), stamp_now()).await.unwrap();
    db.put(new_attributes(2, &json!({})), stamp_now()).await.unwrap();
    assert_eq!(db.find(nth_user(1)).await.unwrap(), Some(second));
    let names: Vec<_> = db.names(10).await.unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(names, ["gone", "guild", "level", "rate", "vip"]);
    assert_eq!(db.names(2).await.unwrap().len(), 2);
}

pub(crate) async fn of_many_who_put_at_the_same_moment_one_is_last(db: Arc<dyn AttributeStore>) {
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let db = Arc::clone(&db);
            let both = new_attributes(7, &json!({"a": n, "b": n}));
            tokio::spawn(async move { db.put(both, stamp_now()).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = db.find(nth_user(7)).await.unwrap().unwrap();
    let values: Vec<_> = found.attributes.values().collect();
    assert_eq!(values[0], values[1]);
    assert!(matches!(values[0], AttributeValue::Number(_)));
}
