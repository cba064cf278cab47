use domain::{Role, User};
use serde_json::{Value, json};
use service_kit::identity::Identity;

use crate::test_app::{TestApp, identity_of};

async fn with_users(count: usize) -> (TestApp, Vec<User>) {
    let app = TestApp::start().await;
    let mut users = vec![app.user("admin@example.com", &[Role::Admin]).await];
    for n in 0..count {
        let roles: &[Role] = if n % 2 == 0 { &[Role::User] } else { &[Role::User, Role::Auditor] };
        users.push(app.user(&format!("user{n}@example.com"), roles).await);
    }
    (app, users)
}

#[tokio::test]
async fn users_are_listed_newest_first_twenty_to_a_page() {
    let (app, mut users) = with_users(30).await;
    let admin = users[0].clone();
    users.reverse();
    let first = app.get(identity_of(&admin), "/users").await;
    assert_eq!((first.outcome(), &first.body["items"]), ((200, ""), &json!(users[..20])));
    let second = app.get(identity_of(&admin), &format!("/users?cursor={}", first.str("nextCursor"))).await;
    assert_eq!(second.body, json!({ "items": users[20..], "nextCursor": null }));
}

#[tokio::test]
async fn pages_of_any_size_show_everybody_once() {
    let (app, mut users) = with_users(6).await;
    let admin = users[0].clone();
    users.reverse();
    for limit in [1, 2, 3, 7, 100] {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = app.get(identity_of(&admin), &format!("/users?limit={limit}{cursor}")).await;
            let items = page.body["items"].as_array().unwrap();
            assert!((1..=limit).contains(&items.len()), "{}", page.text);
            seen.extend(items.clone());
            match &page.body["nextCursor"] {
                Value::String(next) => cursor = format!("&cursor={next}"),
                _ => break,
            }
        }
        assert_eq!(json!(seen), json!(users), "{limit}");
    }
}

#[tokio::test]
async fn filters_narrow_the_list() {
    let (app, users) = with_users(4).await;
    let admin = identity_of(&users[0]);
    for (query, expected) in [
        ("?email=USER1%40example.com", vec![&users[2]]),
        ("?email=nobody@example.com", vec![]),
        ("?role=ADMIN", vec![&users[0]]),
        ("?role=AUDITOR", vec![&users[4], &users[2]]),
        ("?role=OPERATOR", vec![]),
        ("?role=AUDITOR&email=user1@example.com", vec![&users[2]]),
        ("?role=AUDITOR&email=user0@example.com", vec![]),
    ] {
        let answer = app.get(admin, &format!("/users{query}")).await;
        assert_eq!(answer.body, json!({ "items": expected, "nextCursor": null }), "{query}");
    }
}

#[tokio::test]
async fn every_fault_of_the_query_is_named_at_once() {
    let (app, users) = with_users(0).await;
    let answer =
        app.get(identity_of(&users[0]), "/users?email=mina&role=KING&limit=101&cursor=x&rolle=USER").await;
    assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"));
    let mut named = answer.pointers();
    named.sort_unstable();
    assert_eq!(named, ["?cursor", "?email", "?limit", "?role", "?rolle"]);
    for query in ["limit=0", "limit=-1", "limit=", "role=user", "role=USER&role=ADMIN", "cursor="] {
        let answer = app.get(identity_of(&users[0]), &format!("/users?{query}")).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{query}");
    }
}

#[tokio::test]
async fn staff_look_users_up_by_address_and_only_administrators_list_them() {
    let app = TestApp::start().await;
    let mina = app.user("mina@example.com", &[Role::User]).await;
    for (n, role) in [Role::Operator, Role::Auditor].into_iter().enumerate() {
        let staff = app.user(&format!("staff{n}@example.com"), &[Role::User, role]).await;
        for path in ["/users", "/users?role=USER", "/users?limit=1"] {
            assert_eq!(app.get(identity_of(&staff), path).await.outcome(), (403, "FORBIDDEN"), "{path}");
        }
        for path in ["/users?email=Mina@example.com", "/users?email=mina@example.com&role=USER"] {
            let found = app.get(identity_of(&staff), path).await;
            assert_eq!(found.body, json!({ "items": [mina], "nextCursor": null }), "{path}");
        }
    }
    let own = app.get(identity_of(&mina), "/users?email=mina@example.com").await;
    assert_eq!(own.outcome(), (403, "FORBIDDEN"));
    for who in [Identity::Anonymous, Identity::Gateway] {
        assert_eq!(app.get(who, "/users").await.outcome(), (401, "UNAUTHENTICATED"));
    }
}
