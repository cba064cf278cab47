//! Two sets of services on the same stores act as one.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use e2e::{PASSWORD, Setup, System, on_setup, text};
use futures::future::join_all;
use serde_json::{Value, json};

on_setup!(
    mongo_redis,
    MongoRedis,
    after_a_logout_at_one_has_returned_no_request_passes_at_the_other,
    refreshes_at_both_with_one_token_are_one_session,
    an_account_is_tried_as_often_at_both_as_at_one,
    of_claims_at_both_one_is_stored,
);

on_setup!(
    postgres_mongo_redis,
    PostgresMongoRedis,
    after_a_logout_at_one_has_returned_no_request_passes_at_the_other,
    refreshes_at_both_with_one_token_are_one_session,
);

async fn after_a_logout_at_one_has_returned_no_request_passes_at_the_other(setup: Setup) {
    let system = System::start(setup).await;
    let (one, other) = (system.api.clone(), system.replica().await);
    one.register("mina@example.com").await;
    let token = other.api.log_in("mina@example.com").await;
    let ended = Arc::new(AtomicBool::new(false));
    let callers = (0..8).map(|_| {
        let (api, token, ended) = (other.api.clone(), token.clone(), Arc::clone(&ended));
        tokio::spawn(async move {
            let (mut passed, mut refused) = (0, 0);
            while refused < 10 {
                let sent_after = ended.load(Ordering::SeqCst);
                let answer = api.get("/users/me", &token).await;
                assert!(answer.status == 200 || answer.status == 401, "{}", answer.text);
                assert!(answer.status == 401 || !sent_after, "passed after the logout");
                passed += u32::from(answer.status == 200);
                refused += u32::from(answer.status == 401);
            }
            passed
        })
    });
    let callers: Vec<_> = callers.collect();
    // In the midst of them.
    tokio::time::sleep(Duration::from_millis(100)).await;
    one.post("/auth/logout", &token, &Value::Null).await.expect(204);
    ended.store(true, Ordering::SeqCst);
    let mut passed = 0;
    for caller in callers {
        passed += caller.await.expect("no request passed after the logout");
    }
    assert!(passed > 0, "nobody ever passed, so this shows nothing");
}

async fn refreshes_at_both_with_one_token_are_one_session(setup: Setup) {
    let system = System::start(setup).await;
    let other = system.replica().await;
    let apis = [&system.api, &other.api];
    apis[0].register("mina@example.com").await;
    let session = apis[0].log_in_with("mina@example.com", PASSWORD).await.expect(200);
    let body = json!({ "refreshToken": session["refreshToken"] });
    let answers =
        join_all((0..20).map(|n: usize| apis[n % 2].post_anonymously("/auth/refresh", &body))).await;
    let sessions: Vec<_> = answers.into_iter().map(|answer| answer.expect(200)).collect();
    assert!(sessions.iter().all(|one| one["refreshToken"] == sessions[0]["refreshToken"]));
    for api in apis {
        let mut current = 0;
        for one in &sessions {
            let answer = api.get("/users/me", &text(one, "/accessToken")).await;
            current += u32::from(answer.status == 200);
        }
        assert!(current <= 1, "{current} access tokens are current");
    }
}

async fn an_account_is_tried_as_often_at_both_as_at_one(setup: Setup) {
    let settings = [("RATE_LIMIT_LOGIN", "1000/min"), ("RATE_LIMIT_LOGIN_ACCOUNT", "4/min")];
    let system = System::start_with(setup, &settings).await;
    let other = system.replica().await;
    let apis = [&system.api, &other.api];
    apis[0].register("mina@example.com").await;
    for guess in 0..4 {
        let answer = apis[guess % 2].log_in_with("mina@example.com", "not the password").await;
        answer.expect_problem(401, "INVALID_CREDENTIALS");
    }
    for api in apis {
        let answer = api.log_in_with("mina@example.com", PASSWORD).await;
        assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1));
        answer.expect_problem(429, "RATE_LIMITED");
    }
}

async fn of_claims_at_both_one_is_stored(setup: Setup) {
    let system = System::start(setup).await;
    let other = system.replica().await;
    let (apis, operator) = ([&system.api, &other.api], system.operator().await);
    let event = apis[0].event(&operator, &json!({})).await;
    apis[0].register("mina@example.com").await;
    let token = apis[1].log_in("mina@example.com").await;
    let answers = join_all((0..200).map(|n: usize| apis[n % 2].claim(&token, &event))).await;
    let (stored, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
    assert_eq!(stored.len(), 1);
    for refused in refused {
        assert_eq!(refused.expect_problem(409, "ALREADY_REQUESTED")["rewardRequestId"], stored[0].body["id"]);
    }
    for api in apis {
        let listed = api.all_pages("/events/requests", &operator, 100).await;
        assert_eq!(
            listed.iter().map(|request| text(request, "/id")).collect::<Vec<_>>(),
            [text(&stored[0].body, "/id")]
        );
    }
}
