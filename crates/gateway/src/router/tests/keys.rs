use domain::{ApiKeyId, ApiKeyScope, ApiKeyScopeSet, RandomSource};
use service_kit::{
    api_key::ApiKeyToken,
    identity::{Caller, KeyCaller},
    ratelimit::RateClass,
};

use super::*;

const KEY: ApiKeyId = ApiKeyId(ObjectId::from_bytes([5; 12]));

impl TestGateway {
    /// What a server sends whose key has become this.
    fn key(&self, standing: KeyStanding) -> String {
        let key = ApiKeyToken::from_random(&RandomSource::new());
        self.world.keys.lock().unwrap().insert(key.hash(), standing);
        format!("Bearer {}", key.reveal())
    }

    fn key_with(&self, scopes: &[ApiKeyScope]) -> String {
        let scopes = ApiKeyScopeSet::from_scopes(scopes);
        self.key(KeyStanding::Valid(KeyCaller { id: KEY, scopes }))
    }

    fn subjects(&self) -> Vec<Option<Subject>> {
        std::mem::take(&mut self.world.subjects.lock().unwrap())
    }
}

#[tokio::test]
async fn a_key_with_a_routes_scope_gets_through_and_no_other() {
    let gateway = TestGateway::new();
    let ask = async |key: &str| {
        let request = Request::get("/events").header("authorization", key);
        gateway.send(request, Body::empty()).await
    };
    let every_other: Vec<_> =
        ApiKeyScope::ALL.into_iter().filter(|scope| *scope != ApiKeyScope::EventsRead).collect();
    let refused = ask(&gateway.key_with(&every_other)).await;
    refused.expect_problem(403, "FORBIDDEN");
    let challenge = "Bearer realm=\"guerdon\", error=\"insufficient_scope\", scope=\"events:read\"";
    assert_eq!(refused.header("www-authenticate"), challenge);
    assert_eq!(gateway.calls(), []);
    assert_eq!(ask(&gateway.key_with(&[ApiKeyScope::EventsRead])).await.status, 204);
    let (_, identity, headers) = gateway.calls().remove(0);
    let scopes = ApiKeyScopeSet::from_scopes(&[ApiKeyScope::EventsRead]);
    assert_eq!(identity, Identity::ApiKey(KeyCaller { id: KEY, scopes }));
    assert!(!headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_route_without_a_scope_takes_no_key_whatever_it_may_do() {
    let gateway = TestGateway::new();
    let key = gateway.key_with(&ApiKeyScope::ALL);
    for (method, path) in [("GET", "/users/me"), ("POST", "/events"), ("POST", "/auth/logout")] {
        let request = Request::builder().method(method).uri(path).header("authorization", &key);
        gateway.send(request, Body::empty()).await.expect_problem(403, "FORBIDDEN");
    }
    assert_eq!(gateway.calls(), []);
    // Whoever may do something without logging in may do it with a key in hand.
    let open = Request::post("/auth/login").header("authorization", &key);
    assert_eq!(gateway.send(open, "{}").await.status, 204);
    assert_eq!(gateway.calls().remove(0).1, Identity::Anonymous);
}

#[tokio::test]
async fn a_key_that_does_not_count_is_named_as_other_tokens_are() {
    let gateway = TestGateway::new();
    let (expired, deleted) = (gateway.key(KeyStanding::Expired), gateway.key(KeyStanding::Unknown));
    let bad = [
        (expired.as_str(), "TOKEN_EXPIRED"),
        (deleted.as_str(), "UNAUTHENTICATED"),
        ("Bearer gdn_", "UNAUTHENTICATED"),
        ("Bearer gdn_garbage", "UNAUTHENTICATED"),
    ];
    for (key, code) in bad {
        for path in ["/events", "/users/me"] {
            let answer = gateway.send(Request::get(path).header("authorization", key), Body::empty()).await;
            answer.expect_problem(401, code);
            assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
        }
        let log_out = Request::post("/auth/logout").header("authorization", key);
        gateway.send(log_out, Body::empty()).await.expect_problem(401, code);
    }
}

#[tokio::test]
async fn a_key_that_is_deleted_while_the_body_arrives_is_not_used() {
    let gateway = TestGateway::new();
    let key = gateway.key_with(&[ApiKeyScope::RequestsWrite]);
    let world = Arc::clone(&gateway.world);
    let body = stream::once(async move {
        world.keys.lock().unwrap().clear();
        Ok::<_, std::io::Error>("{}")
    });
    let request = Request::post("/events/e/request").header("authorization", key);
    let answer = gateway.send(request, Body::from_stream(body)).await;
    answer.expect_problem(401, "UNAUTHENTICATED");
    assert_eq!(gateway.calls(), []);
}

#[tokio::test]
async fn keys_are_counted_by_themselves_and_not_with_people() {
    let mut quotas = RateQuotas::from_fn(|_| "100/h".parse().unwrap());
    quotas[RateClass::Client] = "1/h".parse().unwrap();
    quotas[RateClass::Account] = "1/h".parse().unwrap();
    quotas[RateClass::ApiKey] = "3/h".parse().unwrap();
    let gateway = TestGateway::build(Arc::new(MemoryRateLimits::new(&quotas)), "", None);
    let key = gateway.key_with(&[ApiKeyScope::EventsRead]);
    let ask = async || {
        let request = Request::get("/events").header("authorization", &key);
        gateway.send(request, Body::empty()).await
    };
    for _ in 0..3 {
        assert_eq!(ask().await.status, 204);
    }
    ask().await.expect_problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn unknown_keys_are_limited_by_client() {
    let mut quotas = RateQuotas::from_fn(|_| "100/h".parse().unwrap());
    quotas[RateClass::KeyClient] = "1/h".parse().unwrap();
    let gateway = TestGateway::build(Arc::new(MemoryRateLimits::new(&quotas)), "", None);
    for (outcome, code) in [(401, "UNAUTHENTICATED"), (429, "RATE_LIMITED")] {
        let key = ApiKeyToken::from_random(&RandomSource::new());
        let request = Request::get("/events").header("authorization", format!("Bearer {}", key.reveal()));
        gateway.send(request, Body::empty()).await.expect_problem(outcome, code);
    }
}

#[tokio::test]
async fn the_service_learns_the_roles_of_the_user_whom_a_key_names() {
    let gateway = TestGateway::new();
    let key = gateway.key_with(&[ApiKeyScope::RequestsWrite]);
    let claim = async |authorization: &str, body: String| {
        let request = Request::post("/events/e/request").header("authorization", authorization);
        gateway.send(request, body).await
    };
    let naming = |user: UserId| format!("{{\"userId\": \"{user}\"}}");
    let nobody = UserId(ObjectId::from_bytes([9; 12]));
    assert_eq!(claim(&key, naming(USER)).await.status, 204);
    assert_eq!(gateway.subjects(), [Some(Subject(Caller { id: USER, roles: RoleSet::CLAIMANTS }))]);
    let unknown = claim(&key, naming(nobody)).await;
    unknown.expect_problem(404, "NOT_FOUND");
    assert!(unknown.body.contains("userId"), "{unknown:?}");
    assert_eq!(gateway.subjects(), []);
    for unreadable in ["", "{}", "{", "{\"userId\": 7}"] {
        assert_eq!(claim(&key, unreadable.to_owned()).await.status, 204, "its service says what is wrong");
        assert_eq!(gateway.subjects(), [None]);
    }
    // Whom somebody names who may not tells them nothing.
    let person = gateway.token(&[Role::User]);
    for user in [USER, nobody] {
        assert_eq!(claim(&person, naming(user)).await.status, 204);
        assert_eq!(gateway.subjects(), [None]);
    }
}
