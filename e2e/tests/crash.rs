//! `kill -9` in the middle of a storm of claims: what was answered is stored, and nothing twice.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use e2e::{Answer, Api, System, Topology, text};
use futures::future::join_all;
use reqwest::Method;
use serde_json::Value;

/// Claims of one round: users times events.
const USERS: usize = 8;
const EVENTS: usize = 15;

/// Who claims what.
#[derive(Clone)]
struct Claim {
    user: usize,
    event: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_crashes_of_all_in_one_lose_nothing_and_store_nothing_twice() {
    let mut system = System::start(Topology::All).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    for round in 0..20 {
        let tokens = log_in(&system).await;
        let storm = Storm::over(&system, &tokens).await;
        let answers = storm.until(1 + round * 5, &mut system.processes[0]).await;
        system.restart().await;
        stored.check(&system, &log_in(&system).await, &storm, answers).await;
    }
    assert!(stored.unanswered > 0, "every crash came too late to show anything");
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_of_the_event_service_alone_lose_nothing_and_log_nobody_out() {
    let mut system = System::start(Topology::Split).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    let tokens = log_in(&system).await;
    for round in 0..5 {
        let storm = Storm::over(&system, &tokens).await;
        let answers = storm.until(5 + round * 20, &mut system.processes[2]).await;
        system.revive(2).await;
        stored.check(&system, &tokens, &storm, answers).await;
    }
    assert!(stored.unanswered > 0, "every crash came too late to show anything");
}

/// The operator's token is the last.
async fn log_in(system: &System) -> Vec<String> {
    let users = (0..USERS).map(|user| format!("user-{user}@example.com"));
    let emails = users.chain(["olga@example.com".to_owned()]);
    join_all(emails.map(|email| async move { system.api.log_in(&email).await })).await
}

async fn prepare(system: &System) {
    system.operator().await;
    for user in 0..USERS {
        system.api.register(&format!("user-{user}@example.com")).await;
    }
}

struct Storm {
    api: Api,
    tokens: Vec<String>,
    claims: Vec<Claim>,
}

impl Storm {
    /// Claims nobody has made yet.
    async fn over(system: &System, tokens: &[String]) -> Self {
        let (api, operator) = (system.api.clone(), &tokens[USERS]);
        let events = join_all((0..EVENTS).map(|_| api.event(operator, &Value::Null))).await;
        let claims =
            events.iter().flat_map(|event| (0..USERS).map(|user| Claim { user, event: event.clone() }));
        let claims = claims.collect();
        Self { api, tokens: tokens.to_vec(), claims }
    }

    /// Lets it rage, kills the process once so many claims were acknowledged, and returns the answers there were.
    async fn until(&self, acknowledged: usize, process: &mut e2e::Process) -> Vec<Option<Answer>> {
        let count = Arc::new(AtomicUsize::new(0));
        let calls = self.claims.iter().map(|claim| {
            let (api, token, claim) = (self.api.clone(), self.tokens[claim.user].clone(), claim.clone());
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let path = format!("/events/{}/request", claim.event);
                let answer = api.try_call(Method::POST, &path, Some(&token), &Value::Null).await.ok()?;
                count.fetch_add(usize::from(answer.status == 201), Ordering::SeqCst);
                Some(answer)
            })
        });
        let calls: Vec<_> = calls.collect();
        while count.load(Ordering::SeqCst) < acknowledged && calls.iter().any(|call| !call.is_finished()) {
            tokio::task::yield_now().await;
        }
        process.kill().await;
        join_all(calls).await.into_iter().map(|answer| answer.expect("a call does not panic")).collect()
    }
}

/// Every request known so far, by event and user.
#[derive(Default)]
struct Stored {
    requests: HashMap<(String, String), String>,
    /// How many claims a crash left without an answer.
    unanswered: usize,
}

impl Stored {
    /// What was acknowledged is there; what was not can be claimed, or was stored all the same; nothing is there twice.
    async fn check(
        &mut self,
        system: &System,
        tokens: &[String],
        storm: &Storm,
        answers: Vec<Option<Answer>>,
    ) {
        let mut acknowledged = 0;
        for (claim, answer) in storm.claims.iter().zip(answers) {
            let promised = match answer {
                Some(answer) if answer.status == 201 => Some(answer.body),
                // The gateway tells of an event service that died; a connection that broke tells nothing.
                Some(answer) => {
                    answer.expect_problem(503, "UNAVAILABLE");
                    None
                }
                None => None,
            };
            let again = system.api.claim(&tokens[claim.user], &claim.event).await;
            let request = match (again.status, promised) {
                (409, Some(promised)) => {
                    acknowledged += 1;
                    assert_eq!(again.body["requestId"], promised["id"]);
                    text(&promised, "/id")
                }
                (409, None) => text(&again.expect_problem(409, "ALREADY_REQUESTED"), "/requestId"),
                (_, None) => text(&again.expect(201), "/id"),
                (status, Some(promised)) => panic!("{status} now, but before there was {promised:#}"),
            };
            let seen =
                system.api.get(&format!("/events/requests/{request}"), &tokens[claim.user]).await.expect(200);
            let key = (text(&seen, "/eventId"), text(&seen, "/userId"));
            assert_eq!(self.requests.insert(key, request), None, "claimed twice");
        }
        assert!(acknowledged > 0, "the storm was over before it began");
        self.unanswered += storm.claims.len() - acknowledged;
        let listed = system.api.all_pages("/events/requests", &tokens[USERS], 100).await;
        let listed: Vec<_> = listed
            .iter()
            .map(|request| ((text(request, "/eventId"), text(request, "/userId")), text(request, "/id")))
            .collect();
        assert_eq!(listed.len(), self.requests.len());
        assert_eq!(listed.into_iter().collect::<HashMap<_, _>>(), self.requests);
    }
}
