use serde_json::json;

use test_kit::callers::{as_operator, as_user};

use crate::test_app::TestApp;

#[tokio::test]
async fn filters_combine_and_users_see_active_events_only() {
    let app = TestApp::start().await;
    let (start, end) = ("2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z");
    let past = json!({"name": "Winter Sale", "periodStart": start, "periodEnd": end});
    let past = app.new_event(&past).await;
    let now = app.new_event(&json!({"name": "Summer SALE"})).await;
    let soon =
        app.new_event(&json!({"name": "Ärger im Herbst", "periodStart": "2026-09-01T00:00:00Z"})).await;
    let off = app.new_event(&json!({"name": "Secret sale", "status": "INACTIVE"})).await;
    for (query, all, visible) in [
        ("", vec![&off, &soon, &now, &past], vec![&soon, &now, &past]),
        ("?status=ACTIVE", vec![&soon, &now, &past], vec![&soon, &now, &past]),
        ("?status=INACTIVE", vec![&off], vec![]),
        ("?phase=UPCOMING", vec![&soon], vec![&soon]),
        ("?phase=ONGOING", vec![&off, &now], vec![&now]),
        ("?phase=ENDED", vec![&past], vec![&past]),
        ("?name=sale", vec![&off, &now, &past], vec![&now, &past]),
        ("?name=%C3%A4RGER", vec![&soon], vec![&soon]),
        ("?name=sale&phase=ONGOING&status=ACTIVE", vec![&now], vec![&now]),
        ("?name=100%25", vec![], vec![]),
    ] {
        assert_eq!(app.get(as_operator(), &format!("/events{query}")).await.ids(), all, "{query}");
        assert_eq!(app.get(as_user(1), &format!("/events{query}")).await.ids(), visible, "{query}");
    }
}

#[tokio::test]
async fn a_name_is_found_whatever_the_case_and_the_spelling_of_accents() {
    let app = TestApp::start().await;
    for (name, search) in [
        ("\u{39f}\u{394}\u{3a5}\u{3a3}\u{3a3}\u{395}\u{3a5}\u{3a3}", "%CE%BF%CE%B4%CF%85%CF%82"),
        ("Stra\u{df}enfest", "STRASSE"),
        ("Caf\u{e9} am Morgen", "CAFE%CC%81"),
    ] {
        let event = app.new_event(&json!({ "name": name })).await;
        assert_eq!(app.get(as_user(1), &format!("/events?name={search}")).await.ids(), [event], "{name}");
    }
}

#[tokio::test]
async fn pages_follow_each_other() {
    let app = TestApp::start().await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.insert(0, app.new_event(&json!({})).await);
    }
    let first = app.get(as_user(1), "/events?limit=3").await;
    assert_eq!(first.ids(), expected[..3]);
    let second = app.get(as_user(1), &format!("/events?limit=3&cursor={}", first.str("nextCursor"))).await;
    assert_eq!(second.ids(), expected[3..]);
    assert!(second.body["nextCursor"].is_null());
}

#[tokio::test]
async fn a_misspelt_filter_does_not_silently_list_everything() {
    let app = TestApp::start().await;
    let answer = app.get(as_user(1), "/events?stauts=ACTIVE&phase=NOW&limit=101").await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
    assert_eq!(answer.pointers(), ["?limit", "?phase", "?stauts"]);
}
