use domain::Role;
use futures::future::join_all;
use http::Method;
use serde_json::json;
use service_kit::identity::Identity::Anonymous;

use super::*;
use crate::{
    PasswordPool,
    test_app::{PASSWORD, TestApp, fill_pool, identity_of},
};

const PATH: &str = "/users";

#[tokio::test]
async fn a_registered_user_has_the_role_user_and_can_log_in() {
    let app = TestApp::start().await;
    let answer =
        app.post(Anonymous, PATH, &json!({ "email": "Mina@Example.com", "password": PASSWORD })).await;
    assert_eq!(answer.outcome(), (201, ""));
    let expected = json!({
        "id": answer.str("id"),
        "email": "mina@example.com",
        "roles": ["USER"],
        "createdAt": "2026-05-01T09:00:00.000Z",
        "updatedAt": "2026-05-01T09:00:00.000Z",
    });
    assert_eq!(answer.body, expected);
    assert_eq!(answer.header("location"), format!("/users/{}", answer.str("id")));
    let mina: User = serde_json::from_value(answer.body.clone()).unwrap();
    assert_eq!(app.log_in(&mina).await.outcome(), (200, ""));
    assert_eq!(app.get(identity_of(&mina), answer.header("location")).await.body, answer.body);
}

#[tokio::test]
async fn the_password_is_stored_as_an_argon2id_hash_and_printed_nowhere() {
    let app = TestApp::start().await;
    let body = json!({ "email": "mina@example.com", "password": PASSWORD });
    let answer = app.post(Anonymous, PATH, &body).await;
    let stored = app.auth.users.find_by_email(&"mina@example.com".parse().unwrap()).await.unwrap().unwrap();
    assert!(stored.password_hash.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let request: RegistrationBody = deserr::deserialize::<_, _, Faults>(body).unwrap();
    for printed in [answer.text, format!("{stored:?}"), format!("{request:?}")] {
        assert!(printed.contains("mina@example.com"), "{printed}");
        assert!(!printed.contains(PASSWORD) && !printed.contains("argon2"), "{printed}");
    }
}

#[tokio::test]
async fn an_address_is_registered_once_in_whatever_case() {
    let app = TestApp::start().await;
    app.user("mina@example.com", &[Role::User]).await;
    for email in ["mina@example.com", "MINA@EXAMPLE.COM"] {
        let answer = app.post(Anonymous, PATH, &json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.outcome(), (409, "EMAIL_TAKEN"));
    }
}

#[tokio::test]
async fn of_registrations_of_one_address_at_once_one_succeeds() {
    let app = TestApp::start().await;
    let body = json!({ "email": "mina@example.com", "password": PASSWORD });
    let answers = join_all((0..8).map(|_| app.post(Anonymous, PATH, &body))).await;
    let mut outcomes: Vec<_> = answers.iter().map(crate::test_app::HttpAnswer::outcome).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes[0], (201, ""));
    assert!(outcomes[1..].iter().all(|outcome| *outcome == (409, "EMAIL_TAKEN")), "{outcomes:?}");
}

#[tokio::test]
async fn every_fault_is_named_at_once_and_nothing_is_stored() {
    let app = TestApp::start().await;
    let admin = app.user("admin@example.com", &[Role::Admin]).await;
    for (body, pointers) in [
        (json!({}), vec!["/email", "/password"]),
        (
            json!({ "email": "mina", "password": "1234567", "roles": ["ADMIN"] }),
            vec!["/email", "/password", "/roles"],
        ),
        (json!({ "email": 5, "password": "x".repeat(129) }), vec!["/email", "/password"]),
        (json!({ "email": "mina@example.com", "password": "일곱글자입니다" }), vec!["/password"]),
        (json!({ "email": "mina@example.com", "password": null }), vec!["/password"]),
        (json!(null), vec![""]),
    ] {
        let answer = app.post(Anonymous, PATH, &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{body}");
        let mut named = answer.pointers();
        named.sort_unstable();
        assert_eq!(named, pointers, "{}", answer.text);
    }
    let listed = app.get(identity_of(&admin), PATH).await;
    assert_eq!(listed.body["items"], json!([admin]));
}

#[tokio::test]
async fn passwords_of_8_and_of_128_characters_are_taken() {
    let app = TestApp::start().await;
    let longest: String = ('가'..).take(128).collect();
    for (email, password) in
        [("mina@example.com", "비밀번호여덟글자".to_owned()), ("jun@example.com", longest)]
    {
        let body = json!({ "email": email, "password": password });
        assert_eq!(app.post(Anonymous, PATH, &body).await.outcome(), (201, ""));
        assert_eq!(app.post(Anonymous, "/auth/login", &body).await.outcome(), (200, ""));
    }
}

#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused_at_its_place() {
    let app = TestApp::start().await;
    for (password, message) in [
        ("Passw0rd!", "is too common; choose one that is harder to guess"),
        ("12345678", "is too common; choose one that is harder to guess"),
        ("MINA@example.com", "must not contain the e-mail address or its part before the @"),
    ] {
        let body = json!({ "email": "mina@example.com", "password": password });
        let answer = app.post(Anonymous, PATH, &body).await;
        assert_eq!(answer.outcome(), (400, "VALIDATION_FAILED"), "{password}");
        assert_eq!(
            answer.body["errors"],
            json!([{ "pointer": "/password", "message": message }]),
            "{password}"
        );
    }
}

#[tokio::test]
async fn a_password_chosen_on_one_keyboard_is_right_on_another() {
    let app = TestApp::start().await;
    let (nfc, nfd) = ("cr\u{e8}me br\u{fb}l\u{e9}e", "cre\u{300}me bru\u{302}le\u{301}e");
    for (email, chosen, typed) in [("mina@example.com", nfc, nfd), ("jun@example.com", nfd, nfc)] {
        let chosen = json!({ "email": email, "password": chosen });
        assert_eq!(app.post(Anonymous, PATH, &chosen).await.outcome(), (201, ""));
        let typed = json!({ "email": email, "password": typed });
        assert_eq!(app.post(Anonymous, "/auth/login", &typed).await.outcome(), (200, ""), "{email}");
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused() {
    let app = TestApp::start().await;
    let malformed = app.send_text(Anonymous, Method::POST, PATH, "application/json", "email=x").await;
    assert_eq!(malformed.outcome(), (400, "MALFORMED_BODY"));
    let form =
        app.send_text(Anonymous, Method::POST, PATH, "application/x-www-form-urlencoded", "email=x").await;
    assert_eq!(form.outcome(), (415, "UNSUPPORTED_MEDIA_TYPE"));
}

#[tokio::test]
async fn a_flood_of_registrations_is_shed() {
    let pool = PasswordPool::with(1, 1);
    let app = TestApp::start_with(|parts| parts.passwords = pool.clone()).await;
    let full = fill_pool(&pool).await;
    let answer =
        app.post(Anonymous, PATH, &json!({ "email": "mina@example.com", "password": PASSWORD })).await;
    assert_eq!((answer.outcome(), answer.header("retry-after")), ((503, "UNAVAILABLE"), "2"));
    drop(full);
}
