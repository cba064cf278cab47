//! `kill -9` in the middle of a storm of claims: what was answered is stored, and nothing twice.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use e2e::{Answer, Api, Setup, Store, System, text};
use futures::{StreamExt, future::join_all, stream};
use reqwest::Method;
use serde_json::Value;
use tokio::{sync::watch, task::block_in_place, time::timeout};

const USERS: usize = 8;
/// One round: every user claims every event, all at once.
const AT_ONCE: Scale = Scale { events: 15, concurrent: usize::MAX };
/// Where each claim takes longer: fewer of them, and so many at a time that they are stored in several steps.
const STEADILY: Scale = Scale { events: 6, concurrent: USERS };
/// How long after a store's return everything has to answer again.
const RECOVERY: Duration = Duration::from_secs(5);

struct Scale {
    events: usize,
    concurrent: usize,
}

/// Who claims what.
#[derive(Clone)]
struct Claim {
    user: usize,
    event: String,
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_crashes_of_all_in_one_lose_nothing_and_store_nothing_twice() {
    let mut system = System::start(Setup::Embedded).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    for round in 0..20 {
        let tokens = log_in(&system).await;
        let storm = Storm::over(&system, &tokens, &AT_ONCE).await;
        let answers = storm.until(1 + round * 5, async || system.processes[0].kill().await).await;
        system.restart().await;
        stored.check(&system, &log_in(&system).await, &storm, answers).await;
    }
    stored.hit();
}

#[tokio::test(flavor = "multi_thread")]
async fn crashes_of_the_event_service_alone_lose_nothing_and_log_nobody_out() {
    let mut system = System::start(Setup::EmbeddedSplit).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    let tokens = log_in(&system).await;
    for round in 0..5 {
        let storm = Storm::over(&system, &tokens, &AT_ONCE).await;
        let answers = storm.until(5 + round * 20, async || system.processes[2].kill().await).await;
        system.revive(2).await;
        stored.check(&system, &tokens, &storm, answers).await;
    }
    stored.hit();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_crashes_of_the_event_service_on_mongodb_lose_nothing_and_store_nothing_twice() {
    let mut system = System::start(Setup::MongoRedis).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    let tokens = log_in(&system).await;
    for round in 0..10 {
        let storm = Storm::over(&system, &tokens, &STEADILY).await;
        let answers = storm.until(1 + round * 4, async || system.processes[2].kill().await).await;
        system.revive(2).await;
        stored.check(&system, &tokens, &storm, answers).await;
    }
    stored.hit();
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_crashes_of_the_mongodb_server_lose_nothing_and_store_nothing_twice() {
    let mut system = System::start_alone(Setup::MongoRedis).await;
    let mut stored = Stored::default();
    prepare(&system).await;
    let tokens = log_in(&system).await;
    for round in 0..10 {
        let storm = Storm::over(&system, &tokens, &STEADILY).await;
        let crash = async || {
            block_in_place(|| system.servers.kill(Store::Events));
            // Longer than an operation waits for a server to come back.
            tokio::time::sleep(Duration::from_millis(1200)).await;
            block_in_place(|| system.servers.restart(Store::Events));
        };
        let answers = storm.until(1 + round * 4, crash).await;
        timeout(RECOVERY, system.until_ready()).await.expect("ready again without a restart of guerdon");
        stored.check(&system, &tokens, &storm, answers).await;
    }
    stored.hit();
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
    concurrent: usize,
}

impl Storm {
    /// Claims nobody has made yet.
    async fn over(system: &System, tokens: &[String], scale: &Scale) -> Self {
        let (api, operator) = (system.api.clone(), &tokens[USERS]);
        let events = join_all((0..scale.events).map(|_| api.event(operator, &Value::Null))).await;
        let claims =
            events.iter().flat_map(|event| (0..USERS).map(|user| Claim { user, event: event.clone() }));
        let claims = claims.collect();
        Self { api, tokens: tokens.to_vec(), claims, concurrent: scale.concurrent }
    }

    /// Lets it rage, kills something once so many claims were acknowledged, and returns the answers there were.
    async fn until(&self, acknowledged: usize, kill: impl AsyncFnOnce()) -> Vec<Option<Answer>> {
        let (count, mut counted) = watch::channel(0);
        let calls = self.claims.clone().into_iter().map({
            let (api, tokens, count) = (self.api.clone(), self.tokens.clone(), Arc::new(count));
            move |claim: Claim| {
                let token = tokens[claim.user].clone();
                claim.send(api.clone(), token, Arc::clone(&count))
            }
        });
        let answers = stream::iter(calls).map(tokio::spawn).buffered(self.concurrent);
        let answers = tokio::spawn(answers.collect::<Vec<_>>());
        // Nobody counts any more once all are answered.
        let _ = counted.wait_for(|count| *count >= acknowledged).await;
        kill().await;
        let answers = answers.await.expect("the storm ends");
        answers.into_iter().map(|answer| answer.expect("a call does not panic")).collect()
    }
}

impl Claim {
    /// The answer, if there is one.
    async fn send(self, api: Api, token: String, acknowledged: Arc<watch::Sender<usize>>) -> Option<Answer> {
        let path = format!("/events/{}/request", self.event);
        let answer = api.try_call(Method::POST, &path, Some(&token), &Value::Null).await.ok()?;
        acknowledged.send_modify(|count| *count += usize::from(answer.status == 201));
        Some(answer)
    }
}

/// Every request known so far, by event and user.
#[derive(Default)]
struct Stored {
    requests: HashMap<(String, String), String>,
    /// How many claims a crash left without an answer, round by round.
    unanswered: Vec<usize>,
}

impl Stored {
    /// Enough of the crashes came in the midst of the storms.
    #[track_caller]
    fn hit(&self) {
        eprintln!("claims without an answer: {:?}", self.unanswered);
        let hits = self.unanswered.iter().filter(|count| **count > 0).count();
        assert!(3 * hits >= self.unanswered.len(), "too late to show anything: {:?}", self.unanswered);
    }

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
                    assert_eq!(again.body["rewardRequestId"], promised["id"]);
                    text(&promised, "/id")
                }
                (409, None) => text(&again.expect_problem(409, "ALREADY_REQUESTED"), "/rewardRequestId"),
                (_, None) => text(&again.expect(201), "/id"),
                (status, Some(promised)) => panic!("{status} now, but before there was {promised:#}"),
            };
            let seen =
                system.api.get(&format!("/events/requests/{request}"), &tokens[claim.user]).await.expect(200);
            let key = (text(&seen, "/eventId"), text(&seen, "/userId"));
            assert_eq!(self.requests.insert(key, request), None, "claimed twice");
        }
        assert!(acknowledged > 0, "the storm was over before it began");
        self.unanswered.push(storm.claims.len() - acknowledged);
        let listed = system.api.all_pages("/events/requests", &tokens[USERS], 100).await;
        let listed: Vec<_> = listed
            .iter()
            .map(|request| ((text(request, "/eventId"), text(request, "/userId")), text(request, "/id")))
            .collect();
        assert_eq!(listed.len(), self.requests.len());
        assert_eq!(listed.into_iter().collect::<HashMap<_, _>>(), self.requests);
    }
}
