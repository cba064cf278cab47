//! Claims: refused for a reason, granted once, found again by whoever may see them.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use e2e::{Answer, Setup, System, on_every_setup, text};
use futures::future::join_all;
use serde_json::{Value, json};

on_every_setup!(
    an_event_that_is_off_early_or_over_refuses_and_says_which,
    an_unmet_condition_tells_how_far_one_is_and_does_not_use_up_the_claim,
    of_five_hundred_concurrent_claims_one_is_stored,
    a_retry_with_its_idempotency_key_gets_the_first_answer_again,
    requests_are_found_by_user_event_status_and_time,
    pages_visit_each_request_once_while_others_claim,
    users_see_their_own_requests_only,
);

async fn user(system: &System, email: &str) -> (String, String) {
    let id = system.api.register(email).await;
    (id, system.api.log_in(email).await)
}

async fn an_event_that_is_off_early_or_over_refuses_and_says_which(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let (_, mina) = user(&system, "mina@example.com").await;
    for (change, code, phase) in [
        (json!({ "status": "INACTIVE" }), "EVENT_NOT_ACTIVE", "ONGOING"),
        (json!({ "periodStart": "2098-01-01T00:00:00Z" }), "EVENT_NOT_STARTED", "UPCOMING"),
        (json!({ "periodEnd": "2020-01-01T00:00:00.001Z" }), "EVENT_ENDED", "ENDED"),
    ] {
        let event = api.event(&operator, &change).await;
        assert_eq!(api.get(&format!("/events/{event}"), &operator).await.expect(200)["phase"], json!(phase));
        api.claim(&mina, &event).await.expect_problem(409, code);
    }
    api.claim(&mina, &"0".repeat(24)).await.expect_problem(404, "NOT_FOUND");
    api.claim(&mina, "no-id").await.expect_problem(400, "VALIDATION_FAILED");
    assert!(api.all_pages("/events/requests", &operator, 100).await.is_empty());
}

async fn an_unmet_condition_tells_how_far_one_is_and_does_not_use_up_the_claim(setup: Setup) {
    let system = System::start(setup).await;
    let (api, admin, operator) = (&system.api, system.admin().await, system.operator().await);
    let (id, mina) = user(&system, "mina@example.com").await;
    let condition = json!({ "and": [
        { "in": ["AUDITOR", { "var": "user.roles" }] },
        { ">=": [{ "var": "user.ageDays" }, 0] },
    ] });
    let event = api.event(&operator, &json!({ "condition": condition })).await;
    for _ in 0..2 {
        let refused = api.claim(&mina, &event).await.expect_problem(422, "CONDITION_NOT_MET");
        let progress = refused["progress"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(progress.len(), 2, "{refused:#}");
        let role = json!({ "fact": "user.roles", "operator": "in", "target": "AUDITOR", "actual": ["USER"], "met": false });
        assert_eq!(progress[0], role);
        assert_eq!((&progress[1]["fact"], &progress[1]["met"]), (&json!("user.ageDays"), &json!(true)));
    }
    assert!(api.all_pages("/events/requests", &operator, 100).await.is_empty());
    api.put(&format!("/users/{id}/roles"), &admin, &json!({ "roles": ["USER", "AUDITOR"] }))
        .await
        .expect(200);
    let mina = api.log_in("mina@example.com").await;
    let request = api.claim(&mina, &event).await.expect(201);
    let seen = api.get(&format!("/events/requests/{}", text(&request, "/id")), &mina).await.expect(200);
    let parts = seen["decision"]["evaluation"]["trace"]["arguments"].as_array();
    let parts = parts.map(Vec::as_slice).unwrap_or_default();
    assert!(parts.len() == 2 && parts.iter().all(|part| part["value"] == json!(true)), "{seen:#}");
}

async fn of_five_hundred_concurrent_claims_one_is_stored(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let (_, mina) = user(&system, "mina@example.com").await;
    let event = api.event(&operator, &json!({})).await;
    let answers = join_all((0..500).map(|_| api.claim(&mina, &event))).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(stored.len(), 1);
    for refused in refused {
        assert_eq!(refused.expect_problem(409, "ALREADY_REQUESTED")["rewardRequestId"], stored[0].body["id"]);
    }
    let listed = api.all_pages(&format!("/events/requests?eventId={event}"), &operator, 100).await;
    assert_eq!(ids(&listed), [text(&stored[0].body, "/id")]);
}

async fn a_retry_with_its_idempotency_key_gets_the_first_answer_again(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let (_, mina) = user(&system, "mina@example.com").await;
    let event = api.event(&operator, &json!({})).await;
    let claim = async |key: &str| {
        let request = api.client.post(format!("{}/events/{event}/request", api.base)).bearer_auth(&mina);
        let response = request.header("idempotency-key", key).send().await.expect("an answer");
        Answer::read(response).await.expect("a whole answer")
    };
    let retries = join_all((0..20).map(|_| claim("first-attempt"))).await;
    let first = retries[0].body.clone();
    for retry in retries {
        assert_eq!(retry.expect(201), first);
    }
    assert_eq!(
        claim("another").await.expect_problem(409, "ALREADY_REQUESTED")["rewardRequestId"],
        first["id"]
    );
    api.claim(&mina, &event).await.expect_problem(409, "ALREADY_REQUESTED");
    assert_eq!(ids(&api.all_pages("/events/requests", &operator, 100).await).len(), 1);
}

async fn requests_are_found_by_user_event_status_and_time(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let (mina, mina_token) = user(&system, "mina@example.com").await;
    let (juno, juno_token) = user(&system, "juno@example.com").await;
    let (spring, autumn) = (api.event(&operator, &json!({})).await, api.event(&operator, &json!({})).await);
    let mut requests = Vec::new();
    for (token, event) in [(&mina_token, &spring), (&juno_token, &spring), (&mina_token, &autumn)] {
        requests.push(api.claim(token, event).await.expect(201));
        // So that no two share their millisecond.
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let id = |index: usize| text(&requests[index], "/id");
    let at = |index: usize| text(&requests[index], "/createdAt");
    for (query, expected) in [
        (String::new(), vec![id(2), id(1), id(0)]),
        (format!("userId={mina}"), vec![id(2), id(0)]),
        (format!("eventId={spring}"), vec![id(1), id(0)]),
        (format!("userId={juno}&eventId={spring}"), vec![id(1)]),
        (format!("userId={juno}&eventId={autumn}"), vec![]),
        ("status=PENDING".to_owned(), vec![id(2), id(1), id(0)]),
        ("status=APPROVED".to_owned(), vec![]),
        (format!("from={}", at(1)), vec![id(2), id(1)]),
        (format!("to={}", at(1)), vec![id(0)]),
        (format!("from={}&to={}", at(1), at(2)), vec![id(1)]),
        (format!("userId={mina}&status=PENDING&from={}&to=2099-01-01T00:00:00Z", at(1)), vec![id(2)]),
    ] {
        for limit in [1, 100] {
            let found = api.all_pages(&format!("/events/requests?{query}"), &operator, limit).await;
            assert_eq!(ids(&found), expected, "{query} by {limit}");
        }
    }
    let wrong = api.get("/events/requests?status=LOST&from=yesterday&limit=101&usrId=x", &operator).await;
    let wrong = wrong.expect_problem(400, "VALIDATION_FAILED");
    assert_eq!(wrong["errors"].as_array().map(Vec::len), Some(4), "{wrong:#}");
}

async fn pages_visit_each_request_once_while_others_claim(setup: Setup) {
    let system = System::start(setup).await;
    let (api, operator) = (&system.api, system.operator().await);
    let (_, mina) = user(&system, "mina@example.com").await;
    let (_, juno) = user(&system, "juno@example.com").await;
    let mut before = Vec::new();
    let events = join_all((0..60).map(|_| api.event(&operator, &Value::Null))).await;
    for event in &events {
        before.push(text(&api.claim(&mina, event).await.expect(201), "/id"));
    }
    let done = Arc::new(AtomicBool::new(false));
    let others = tokio::spawn({
        let (api, done) = (api.clone(), Arc::clone(&done));
        async move {
            let mut claimed = 0;
            for event in events {
                if done.load(Ordering::SeqCst) {
                    break;
                }
                api.claim(&juno, &event).await.expect(201);
                claimed += 1;
            }
            claimed
        }
    });
    let visited = ids(&api.all_pages("/events/requests", &operator, 4).await);
    done.store(true, Ordering::SeqCst);
    assert!(others.await.expect("the others claim") > 0);
    let unique: HashSet<_> = visited.iter().collect();
    assert_eq!(unique.len(), visited.len(), "something was visited twice");
    assert!(before.iter().all(|id| unique.contains(id)), "something was skipped");
    let mut newest_first = visited.clone();
    newest_first.sort_unstable_by(|one, other| other.cmp(one));
    assert_eq!(visited, newest_first);
}

async fn users_see_their_own_requests_only(setup: Setup) {
    let system = System::start(setup).await;
    let (api, admin, operator) = (&system.api, system.admin().await, system.operator().await);
    let (mina, mina_token) = user(&system, "mina@example.com").await;
    let (juno, juno_token) = user(&system, "juno@example.com").await;
    let event = api.event(&operator, &json!({})).await;
    let hers = text(&api.claim(&mina_token, &event).await.expect(201), "/id");
    let his = text(&api.claim(&juno_token, &event).await.expect(201), "/id");

    assert_eq!(ids(&api.all_pages("/events/requests", &mina_token, 100).await), [hers.as_str()]);
    let filtered = format!("/events/requests?userId={mina}&eventId={event}");
    assert_eq!(ids(&api.all_pages(&filtered, &mina_token, 100).await), [hers.as_str()]);
    let others = format!("/events/requests?userId={juno}");
    api.get(&others, &mina_token).await.expect_problem(403, "FORBIDDEN");
    let seen = api.get(&format!("/events/requests/{hers}"), &mina_token).await.expect(200);
    assert_eq!(seen["decision"]["facts"]["user"]["id"], json!(mina));
    api.get(&format!("/events/requests/{his}"), &mina_token).await.expect_problem(404, "NOT_FOUND");

    let (_, auditor) = api.member(&admin, "anna@example.com", &["AUDITOR"]).await;
    for staff in [&operator, &auditor, &admin] {
        assert_eq!(ids(&api.all_pages("/events/requests", staff, 100).await), [his.as_str(), hers.as_str()]);
        assert_eq!(ids(&api.all_pages(&others, staff, 100).await), [his.as_str()]);
        api.get(&format!("/events/requests/{his}"), staff).await.expect(200);
        api.get(&format!("/events/requests/{}", "0".repeat(24)), staff)
            .await
            .expect_problem(404, "NOT_FOUND");
    }
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(item, "/id")).collect()
}
