use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::{Duration, Instant},
};

use e2e::{Answer, text};
use serde_json::json;

/// What callers do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Claim,
    ListRequests,
    ListEvents,
    Register,
    LogIn,
    /// Something with the token a login has just handed out.
    AfterLogIn,
    ReadUser,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Done,
    /// 503 `UNAVAILABLE`, with `Retry-After`.
    Unavailable,
}

#[derive(Debug)]
struct Entry {
    call: Call,
    sent: Instant,
    end: End,
}

/// Every answer of a run, and what they promised.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    entries: Vec<Entry>,
    /// By phase, call, status and code.
    counts: BTreeMap<(&'static str, Call, String), usize>,
    /// What no caller should ever see.
    faults: Vec<String>,
    pub(crate) phase: &'static str,
    slowest: Duration,
    /// Requests by event and user, as acknowledged or named in a refusal.
    pub(crate) claims: HashMap<(String, String), String>,
    /// Claims that may have been stored although their answer was 503.
    pub(crate) unclear_claims: HashSet<(String, String)>,
    /// Users by address, as acknowledged.
    pub(crate) users: HashMap<String, String>,
    /// Addresses that may be registered although the answer was 503.
    pub(crate) unclear_users: HashSet<String>,
}

impl Tally {
    /// Counts an answer; returns it if it is no 503. No answer is a fault.
    pub(crate) fn note(
        &mut self,
        call: Call,
        sent: Instant,
        answer: reqwest::Result<Answer>,
    ) -> Option<Answer> {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.count(call, "no answer");
                self.fault(call, &format!("no answer after {:?}: {error:?}", sent.elapsed()));
                return None;
            }
        };
        let code = answer.body["code"].as_str().unwrap_or_default();
        self.count(call, format!("{} {code}", answer.status).trim());
        let unavailable = answer.status == 503;
        if unavailable {
            let waits = answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds >= 1);
            if code != "UNAVAILABLE" || !waits {
                self.fault(call, &format!("{code}, Retry-After {:?}", answer.header("retry-after")));
            }
        }
        self.slowest = self.slowest.max(sent.elapsed());
        let end = if unavailable { End::Unavailable } else { End::Done };
        self.entries.push(Entry { call, sent, end });
        (!unavailable).then_some(answer)
    }

    /// A claim of this event by this user was answered.
    pub(crate) fn claimed(&mut self, event: &str, user: &str, answer: Option<Answer>) -> bool {
        let pair = (event.to_owned(), user.to_owned());
        let Some(answer) = answer else {
            self.unclear_claims.insert(pair);
            return false;
        };
        let code = answer.body["code"].as_str().unwrap_or_default();
        let (request, again) = match (answer.status, code) {
            (201, _) => (text(&answer.body, "/id"), false),
            (409, "ALREADY_REQUESTED") => (text(&answer.body, "/rewardRequestId"), true),
            _ => return self.unexpected(Call::Claim, &answer),
        };
        match self.claims.get(&pair) {
            Some(earlier) if again && *earlier == request => {}
            None if !again || self.unclear_claims.contains(&pair) => {
                self.claims.insert(pair, request);
            }
            earlier => {
                let told = format!("{}, but earlier there was {earlier:?}", answer.text);
                self.fault(Call::Claim, &told);
            }
        }
        true
    }

    /// A registration was answered.
    pub(crate) fn registered(&mut self, email: &str, answer: Option<Answer>) -> bool {
        let Some(answer) = answer else {
            self.unclear_users.insert(email.to_owned());
            return false;
        };
        let taken = answer.body["code"] == json!("EMAIL_TAKEN");
        if answer.status == 201 {
            self.users.insert(email.to_owned(), text(&answer.body, "/id"));
        } else if !(taken && self.unclear_users.contains(email)) {
            return self.unexpected(Call::Register, &answer);
        }
        true
    }

    /// A call that changes nothing was answered.
    pub(crate) fn answered(&mut self, call: Call, answer: Option<&Answer>) {
        if let Some(answer) = answer.filter(|answer| answer.status != 200) {
            self.unexpected(call, answer);
        }
    }

    /// How many of these calls, sent since then, are answered.
    pub(crate) fn answers(&self, call: Call, since: Instant) -> usize {
        self.since(call, since).count()
    }

    /// How many of them were done.
    pub(crate) fn done(&self, call: Call, since: Instant) -> usize {
        self.since(call, since).filter(|entry| entry.end == End::Done).count()
    }

    fn since(&self, call: Call, since: Instant) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.call == call && entry.sent >= since)
    }

    /// Fails the test if a caller saw what nobody should.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert!(self.faults.is_empty(), "{:#?}\n{}", self.faults, self.table());
    }

    /// The counts, a line for each call, status and code in each phase.
    pub(crate) fn table(&self) -> String {
        let line = |((phase, call, answer), count): (&(&str, Call, String), &usize)| {
            format!("{phase:<18} {call:<13?} {answer:<24} {count:>5}\n")
        };
        let lines: String = self.counts.iter().map(line).collect();
        format!("{lines}the slowest answer took {:?}", self.slowest)
    }

    fn count(&mut self, call: Call, answer: &str) {
        *self.counts.entry((self.phase, call, answer.to_owned())).or_default() += 1;
    }

    fn unexpected(&mut self, call: Call, answer: &Answer) -> bool {
        self.fault(call, &format!("{} {}", answer.status, answer.text));
        true
    }

    fn fault(&mut self, call: Call, what: &str) {
        self.faults.push(format!("{}: {call:?}: {what}", self.phase));
    }
}
