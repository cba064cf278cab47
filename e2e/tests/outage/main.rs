//! Stores that die or hang under load and come back: every answer is counted.
#![allow(clippy::expect_used, reason = "a panic is how a test reports")]

mod load;
mod tally;

use std::time::{Duration, Instant};

use e2e::{Answer, Setup, Store, System};
use serde_json::{Value, json};
use tokio::{task::block_in_place, time::timeout};

use crate::{
    load::Load,
    tally::{Call, Tally},
};

/// Limits that are on, in Redis, and never reached.
const SETTINGS: [(&str, &str); 7] = [
    ("RATE_LIMIT_LOGIN", "10000/s"),
    ("RATE_LIMIT_LOGIN_ACCOUNT", "10000/s"),
    ("RATE_LIMIT_LOGIN_PAIR", "10000/s"),
    ("RATE_LIMIT_REGISTER", "10000/s"),
    ("RATE_LIMIT_REFRESH", "10000/s"),
    ("RATE_LIMIT_CLIENT", "10000/s"),
    ("RATE_LIMIT_ACCOUNT", "10000/s"),
];

/// How long enough answers for a conclusion may take to come in. Proves nothing by itself.
const ENOUGH: Duration = Duration::from_secs(30);
/// How long after a store's return everything has to answer again.
const RECOVERY: Duration = Duration::from_secs(5);

const CALLS: [Call; 6] =
    [Call::Claim, Call::ListRequests, Call::ListEvents, Call::Register, Call::LogIn, Call::ReadUser];

#[derive(Debug, Clone, Copy)]
enum Outage {
    Killed,
    Frozen,
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_mongodb_of_users_nobody_logs_in_but_claims_go_on() {
    survives(Setup::MongoRedis, Store::Users, &[Call::Register, Call::LogIn, Call::ReadUser]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_mongodb_of_events_nobody_claims_but_logins_go_on() {
    let needy = [Call::Claim, Call::ListRequests, Call::ListEvents];
    survives(Setup::PostgresMongoRedis, Store::Events, &needy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_whatever_needs_a_session_is_unavailable_and_none_is_called_revoked() {
    let needy = [Call::Claim, Call::ListRequests, Call::ListEvents, Call::LogIn, Call::ReadUser];
    survives(Setup::MongoRedis, Store::Tokens, &needy).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgres_nobody_logs_in_but_claims_go_on() {
    survives(Setup::PostgresMongoRedis, Store::Users, &[Call::Register, Call::LogIn, Call::ReadUser]).await;
}

/// Takes a store away, twice, and brings it back. `needy` calls are unavailable meanwhile; the others go on.
async fn survives(setup: Setup, store: Store, needy: &[Call]) {
    let mut system = System::start_alone_with(setup, &SETTINGS).await;
    let load = Load::start(&system).await;
    go_on(&load, "before").await;
    for (outage, down, after) in
        [(Outage::Killed, "killed", "after the kill"), (Outage::Frozen, "frozen", "after the freeze")]
    {
        load.tally().phase = down;
        block_in_place(|| match outage {
            Outage::Killed => system.servers.kill(store),
            Outage::Frozen => system.servers.freeze(store),
        });
        let gone = Instant::now();
        names_what_is_down(&system, store).await;
        let enough = |tally: &Tally| CALLS.iter().all(|call| tally.answers(*call, gone) >= 3);
        load.until(ENOUGH, "answers during the outage", enough).await;
        {
            let tally = load.tally();
            for call in CALLS {
                let (answers, done) = (tally.answers(call, gone), tally.done(call, gone));
                let expected = if needy.contains(&call) { 0 } else { answers };
                assert_eq!(done, expected, "{call:?}, {outage:?}: {answers} answers\n{}", tally.table());
            }
        }

        load.tally().phase = "returning";
        block_in_place(|| match outage {
            Outage::Killed => system.servers.restart(store),
            Outage::Frozen => system.servers.thaw(store),
        });
        let back = Instant::now();
        let healed = |tally: &Tally| CALLS.iter().all(|call| tally.done(*call, back) > 0);
        load.until(RECOVERY, "everything answers again", healed).await;
        let left = RECOVERY.saturating_sub(back.elapsed());
        timeout(left, system.until_ready()).await.expect("ready again within the limit");
        go_on(&load, after).await;
    }
    load.settle(&system).await;
}

/// From now on every call is done.
async fn go_on(load: &Load, phase: &'static str) {
    load.tally().phase = phase;
    let now = Instant::now();
    let enough = |tally: &Tally| CALLS.iter().all(|call| tally.answers(*call, now) >= 3);
    load.until(ENOUGH, "answers while all is well", enough).await;
    let tally = load.tally();
    for call in CALLS {
        assert_eq!(tally.done(call, now), tally.answers(call, now), "{phase}: {call:?}\n{}", tally.table());
    }
}

/// The service that lost its store says so, the gateway names the service, and both are alive.
async fn names_what_is_down(system: &System, store: Store) {
    let owner = store.owner();
    let ready = until_red(system, owner).await;
    let checks = ready["checks"].as_object().expect("checks");
    for (name, check) in checks {
        assert_eq!(check, &json!(if name == store.name() { "down" } else { "up" }), "{ready:#}");
    }
    assert!(checks.contains_key(store.name()), "{ready:#}");
    // The gateway is ready when both services are: to whom would it hand requests else?
    let service = if owner == 1 { "auth" } else { "event" };
    let ready = until_red(system, 0).await;
    assert_eq!(ready["checks"][service], json!("down"), "{ready:#}");
    for process in [0, owner] {
        ask(system, process, "/healthz").await.expect(200);
    }
}

/// A store is asked at most once a second, so what was true just before the outage may be told once more.
async fn until_red(system: &System, process: usize) -> Value {
    let deadline = Instant::now() + RECOVERY;
    loop {
        let answer = ask(system, process, "/readyz").await;
        if answer.status == 503 {
            return answer.expect(503);
        }
        assert!(Instant::now() < deadline, "process {process} stays ready: {}", answer.text);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn ask(system: &System, process: usize, path: &str) -> Answer {
    timeout(Duration::from_millis(2500), system.operations(process, path)).await.expect("an answer in time")
}
