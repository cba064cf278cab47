use std::sync::Arc;

use async_trait::async_trait;
use domain::UserId;
use metrics::Counter;
use service_kit::{
    batch::{Batcher, Limits},
    budget,
    metrics::SESSION_CHECKS,
};

/// A user and the access token they showed.
#[derive(Clone)]
pub struct PresentedSession {
    /// Whom the token names.
    pub user: UserId,
    /// The compact JWT. A secret.
    pub token: String,
}

impl std::fmt::Debug for PresentedSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PresentedSession").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Nobody could say whether a session is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sessions cannot be checked at the moment")]
pub struct SessionsUnavailable;

/// Tells whether tokens are the ones token-db holds for their users.
#[async_trait]
pub trait SessionCheck: Send + Sync {
    /// One answer for each session, in order. Every call asks anew: an answer is never older than its
    /// question.
    async fn are_current(&self, sessions: Vec<PresentedSession>) -> Result<Vec<bool>, SessionsUnavailable>;
}

/// Where requests ask whether their sessions are current. Cheap to clone.
#[derive(Clone)]
pub struct SessionLookup {
    route: LookupRoute,
    asked: Counter,
}

#[derive(Clone)]
enum LookupRoute {
    /// Gathers the questions of many requests into few calls, for a check that costs a round trip.
    ///
    /// A question only ever joins a call that has not been made yet, so no request is answered by what was
    /// true before it came: a logout that has returned is seen by every later request.
    Batched(Batcher<PresentedSession, Result<bool, SessionsUnavailable>>),
    /// Asks at once, for a check that looks into this process's own memory.
    Direct(Arc<dyn SessionCheck>),
}

impl SessionLookup {
    const LIMITS: Limits =
        Limits { batch: 512, waiting: 16_384, concurrent: 2, patience: budget::QUEUE_WAIT };

    /// Asks `check` at once, for each request by itself.
    pub fn direct(check: Arc<dyn SessionCheck>) -> Self {
        // There with 0, since a look into memory is no call.
        let _ = call_counter();
        Self::new(LookupRoute::Direct(check))
    }

    /// Starts gathering for `check`.
    pub fn batched(check: Arc<dyn SessionCheck>) -> Self {
        let calls = call_counter();
        let batcher =
            Batcher::spawn("session_checks", Self::LIMITS, move |sessions: Vec<PresentedSession>| {
                let check = Arc::clone(&check);
                let calls = calls.clone();
                async move {
                    calls.increment(1);
                    let asked = sessions.len();
                    match check.are_current(sessions).await {
                        Ok(current) if current.len() == asked => current.into_iter().map(Ok).collect(),
                        _ => vec![Err(SessionsUnavailable); asked],
                    }
                }
            });
        Self::new(LookupRoute::Batched(batcher))
    }

    fn new(route: LookupRoute) -> Self {
        Self { route, asked: metrics::counter!(SESSION_CHECKS, "kind" => "asked") }
    }

    /// Whether this session is current.
    pub async fn is_current(&self, session: PresentedSession) -> Result<bool, SessionsUnavailable> {
        self.asked.increment(1);
        match &self.route {
            LookupRoute::Batched(batcher) => batcher.ask(session).await.unwrap_or(Err(SessionsUnavailable)),
            LookupRoute::Direct(check) => {
                let answers = check.are_current(vec![session]).await?;
                answers.first().copied().ok_or(SessionsUnavailable)
            }
        }
    }
}

impl std::fmt::Debug for SessionLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.route {
            LookupRoute::Batched(_) => "SessionLookup::batched",
            LookupRoute::Direct(_) => "SessionLookup::direct",
        })
    }
}

fn call_counter() -> Counter {
    metrics::counter!(SESSION_CHECKS, "kind" => "calls")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::ObjectId;

    use super::*;

    #[derive(Default)]
    struct OddUsersAreCurrent {
        calls: AtomicUsize,
        down: bool,
    }

    #[async_trait]
    impl SessionCheck for OddUsersAreCurrent {
        async fn are_current(
            &self,
            sessions: Vec<PresentedSession>,
        ) -> Result<Vec<bool>, SessionsUnavailable> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            if self.down {
                return Err(SessionsUnavailable);
            }
            Ok(sessions.iter().map(|session| session.user.0.bytes()[11] % 2 == 1).collect())
        }
    }

    fn session_of_user(n: u8) -> PresentedSession {
        PresentedSession { user: UserId(ObjectId::from_bytes([n; 12])), token: "t".into() }
    }

    #[tokio::test]
    async fn a_thousand_questions_are_answered_rightly_in_far_fewer_calls() {
        let check = Arc::new(OddUsersAreCurrent::default());
        let sessions = SessionLookup::batched(Arc::<OddUsersAreCurrent>::clone(&check));
        let tasks: Vec<_> = (0..1000)
            .map(|n: usize| {
                let n = u8::try_from(n % 256).unwrap();
                let sessions = sessions.clone();
                tokio::spawn(async move { (n, sessions.is_current(session_of_user(n)).await) })
            })
            .collect();
        for task in tasks {
            let (n, answer) = task.await.unwrap();
            assert_eq!(answer, Ok(n % 2 == 1));
        }
        assert!(check.calls.load(Ordering::SeqCst) < 100);
    }

    #[tokio::test]
    async fn an_outage_is_told_apart_from_a_revoked_session() {
        let sessions = SessionLookup::batched(Arc::new(OddUsersAreCurrent {
            down: true,
            ..OddUsersAreCurrent::default()
        }));
        assert_eq!(sessions.is_current(session_of_user(1)).await, Err(SessionsUnavailable));
    }
}
