use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use e2e::{Answer, Api, PASSWORD, System, text};
use futures::future::join_all;
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::tally::{Call, Tally};

/// How long callers wait: an answer, whichever, is promised within two seconds. The rest is for a busy machine.
const PATIENCE: Duration = Duration::from_millis(2500);
/// Between two calls of a caller.
const PAUSE: Duration = Duration::from_millis(20);
const CLAIMERS: usize = 3;
const EVENTS: usize = 150;

/// Callers that go on until they are stopped.
pub(crate) struct Load {
    tally: Arc<Mutex<Tally>>,
    callers: JoinSet<()>,
}

impl Load {
    pub(crate) async fn start(system: &System) -> Self {
        let api = Api {
            client: Client::builder().timeout(PATIENCE).build().expect("a client"),
            base: system.api.base.clone(),
        };
        let operator = system.operator().await;
        let events = join_all((0..EVENTS).map(|_| system.api.event(&operator, &Value::Null))).await;
        let events: Arc<[String]> = events.into();
        let load = Arc::new(Mutex::new(Tally::default()));
        let mut callers = JoinSet::new();
        for claimer in 0..CLAIMERS {
            let email = format!("claimer-{claimer}@example.com");
            let (user, token) = (system.api.register(&email).await, system.api.log_in(&email).await);
            let caller = Caller { api: api.clone(), tally: Arc::clone(&load) };
            callers.spawn(caller.clone().read(Call::ListRequests, "/events/requests", token.clone()));
            callers.spawn(caller.claim(user, token, Arc::clone(&events)));
        }
        for email in ["reader@example.com", "login@example.com"] {
            system.api.register(email).await;
        }
        let token = system.api.log_in("reader@example.com").await;
        let caller = Caller { api, tally: Arc::clone(&load) };
        callers.spawn(caller.clone().read(Call::ListEvents, "/events?limit=5", token.clone()));
        callers.spawn(caller.clone().read(Call::ReadUser, "/users/me", token));
        callers.spawn(caller.clone().log_in("login@example.com"));
        callers.spawn(caller.register());
        Self { tally: load, callers }
    }

    pub(crate) fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no caller panics")
    }

    /// Waits until the answers are as `wanted`. A caller that panics, or sees what it should not, fails the test.
    pub(crate) async fn until(&self, limit: Duration, what: &str, wanted: impl Fn(&Tally) -> bool) {
        let deadline = Instant::now() + limit;
        loop {
            {
                let tally = self.tally();
                tally.check();
                if wanted(&tally) {
                    return;
                }
                assert!(Instant::now() < deadline, "not within {limit:?}: {what}\n{}", tally.table());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Ends it, and checks that the stores hold what was promised: all of it, nothing twice, and nothing else but what
    /// was left unclear.
    pub(crate) async fn settle(mut self, system: &System) {
        self.callers.shutdown().await;
        // A call that was cut off here may have been carried out, too.
        let tally = std::mem::take(&mut *self.tally());
        tally.check();
        let operator = system.api.log_in("olga@example.com").await;
        let stored = system.api.all_pages("/events/requests", &operator, 100).await;
        let pair = |request: &Value| (text(request, "/eventId"), text(request, "/userId"));
        let found: HashMap<_, _> =
            stored.iter().map(|request| (pair(request), text(request, "/id"))).collect();
        assert_eq!(found.len(), stored.len(), "claimed twice");
        for (pair, request) in &tally.claims {
            assert_eq!(found.get(pair), Some(request), "a claim of {pair:?} was acknowledged");
        }
        let extra = found.keys().filter(|pair| !tally.claims.contains_key(pair));
        let extra = extra.filter(|pair| !tally.unclear_claims.contains(pair)).count();
        assert!(extra <= CLAIMERS, "{extra} claims of which nobody knows");

        let users = system.api.all_pages("/users", &system.admin().await, 100).await;
        let found: HashMap<_, _> =
            users.iter().map(|user| (text(user, "/email"), text(user, "/id"))).collect();
        assert_eq!(found.len(), users.len(), "registered twice");
        for (email, id) in &tally.users {
            assert_eq!(found.get(email), Some(id), "{email} was acknowledged");
        }
        eprintln!("{}", tally.table());
    }
}

#[derive(Clone)]
struct Caller {
    api: Api,
    tally: Arc<Mutex<Tally>>,
}

impl Caller {
    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().expect("no caller panics")
    }

    /// Sends one request; returns the answer if it is no 503.
    async fn call(
        &self,
        call: Call,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: &Value,
    ) -> Option<Answer> {
        tokio::time::sleep(PAUSE).await;
        let sent = Instant::now();
        let answer = self.api.try_call(method, path, token, body).await;
        self.tally().note(call, sent, answer)
    }

    /// Claims one event after the other, each until it is clear, and then all of them again.
    async fn claim(self, user: String, token: String, events: Arc<[String]>) {
        for event in events.iter().cycle() {
            let path = format!("/events/{event}/request");
            let mut clear = false;
            while !clear {
                let answer = self.call(Call::Claim, Method::POST, &path, Some(&token), &Value::Null).await;
                clear = self.tally().claimed(event, &user, answer);
            }
        }
    }

    async fn register(self) {
        for number in 0.. {
            let email = format!("registered-{number}@example.com");
            let body = json!({ "email": email, "password": PASSWORD });
            let mut clear = false;
            while !clear {
                // Hashing a password is work for a whole core.
                tokio::time::sleep(10 * PAUSE).await;
                let answer = self.call(Call::Register, Method::POST, "/users", None, &body).await;
                clear = self.tally().registered(&email, answer);
            }
        }
    }

    async fn read(self, call: Call, path: &str, token: String) {
        loop {
            let answer = self.call(call, Method::GET, path, Some(&token), &Value::Null).await;
            self.tally().answered(call, answer.as_ref());
        }
    }

    /// Nobody else logs this user in, so that each new token is good at once.
    async fn log_in(self, email: &str) {
        let body = json!({ "email": email, "password": PASSWORD });
        loop {
            tokio::time::sleep(10 * PAUSE).await;
            let answer = self.call(Call::LogIn, Method::POST, "/auth/login", None, &body).await;
            self.tally().answered(Call::LogIn, answer.as_ref());
            if let Some(answer) = answer.filter(|answer| answer.status == 200) {
                let token = text(&answer.body, "/accessToken");
                let (call, path) = (Call::AfterLogIn, "/events?limit=1");
                let answer = self.call(call, Method::GET, path, Some(&token), &Value::Null).await;
                self.tally().answered(call, answer.as_ref());
            }
        }
    }
}
