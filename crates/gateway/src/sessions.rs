use std::sync::Arc;

use async_trait::async_trait;
use domain::UserId;
use metrics::Counter;
use service_kit::{
    api_key::ApiKeyHash,
    batch::{Batcher, Limits},
    budget,
    internal_api::KeyStanding,
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

/// Nobody could say whether a session is current, or what has become of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sessions and API keys cannot be checked at the moment")]
pub struct SessionsUnavailable;

/// What many requests ask at once.
#[derive(Debug, Default)]
pub struct CredentialsQuestion {
    /// Sessions that may be current.
    pub sessions: Vec<PresentedSession>,
    /// API keys that may count.
    pub keys: Vec<ApiKeyHash>,
}

/// What is answered to them: one entry for each, in order.
#[derive(Debug, Default)]
pub struct CredentialsAnswer {
    /// Whether the session is current.
    pub sessions: Vec<bool>,
    /// Whose the key is, if it counts.
    pub keys: Vec<KeyStanding>,
}

/// Tells whether tokens are the ones token-db holds for their users, and what has become of API keys.
#[async_trait]
pub trait SessionCheck: Send + Sync {
    /// One answer for each session and key, in order. Every call asks anew: an answer is never older than its
    /// question.
    async fn check(&self, question: CredentialsQuestion) -> Result<CredentialsAnswer, SessionsUnavailable>;
}

/// Where requests ask whether their sessions are current and their keys count. Cheap to clone.
#[derive(Clone)]
pub struct SessionLookup {
    /// Asks about sessions at once, where that is a look into this process's own memory.
    direct: Option<Arc<dyn SessionCheck>>,
    /// Gathers the questions of many requests into few calls, for a check that costs a round trip.
    ///
    /// A question only ever joins a call that has not been made yet, so no request is answered by what was
    /// true before it came: a logout or the deletion of a key that has returned is seen by every later
    /// request.
    batcher: Batcher<CredentialQuestion, Result<CredentialAnswer, SessionsUnavailable>>,
    asked: Counter,
}

/// What one request asks.
#[derive(Debug)]
enum CredentialQuestion {
    Session(PresentedSession),
    Key(ApiKeyHash),
}

/// What it is answered.
#[derive(Debug, Clone, Copy)]
enum CredentialAnswer {
    Session(bool),
    Key(KeyStanding),
}

impl SessionLookup {
    const LIMITS: Limits =
        Limits { batch: 512, waiting: 16_384, concurrent: 2, patience: budget::QUEUE_WAIT };

    /// Asks `check` about sessions at once, for each request by itself. Questions about keys are gathered all
    /// the same: those are in user-db, which is never a look into memory.
    pub fn direct(check: Arc<dyn SessionCheck>) -> Self {
        Self { direct: Some(Arc::clone(&check)), ..Self::batched(check) }
    }

    /// Starts gathering for `check`.
    pub fn batched(check: Arc<dyn SessionCheck>) -> Self {
        let calls = metrics::counter!(SESSION_CHECKS, "kind" => "calls");
        let batcher = Batcher::spawn("session_checks", Self::LIMITS, move |questions| {
            let check = Arc::clone(&check);
            let calls = calls.clone();
            async move {
                calls.increment(1);
                answer_all(&*check, questions).await
            }
        });
        Self { direct: None, batcher, asked: metrics::counter!(SESSION_CHECKS, "kind" => "asked") }
    }

    /// Whether this session is current.
    pub async fn is_current(&self, session: PresentedSession) -> Result<bool, SessionsUnavailable> {
        let Some(check) = &self.direct else {
            return match self.ask(CredentialQuestion::Session(session)).await? {
                CredentialAnswer::Session(is_current) => Ok(is_current),
                CredentialAnswer::Key(_) => Err(SessionsUnavailable),
            };
        };
        self.asked.increment(1);
        let question = CredentialsQuestion { sessions: vec![session], keys: Vec::new() };
        check.check(question).await?.sessions.first().copied().ok_or(SessionsUnavailable)
    }

    /// What has become of the key with this hash.
    pub async fn find_key(&self, key: ApiKeyHash) -> Result<KeyStanding, SessionsUnavailable> {
        match self.ask(CredentialQuestion::Key(key)).await? {
            CredentialAnswer::Key(standing) => Ok(standing),
            CredentialAnswer::Session(_) => Err(SessionsUnavailable),
        }
    }

    async fn ask(&self, question: CredentialQuestion) -> Result<CredentialAnswer, SessionsUnavailable> {
        self.asked.increment(1);
        self.batcher.ask(question).await.unwrap_or(Err(SessionsUnavailable))
    }
}

/// Sorts the questions of a batch into one call, and its answers back into their order.
async fn answer_all(
    check: &dyn SessionCheck,
    questions: Vec<CredentialQuestion>,
) -> Vec<Result<CredentialAnswer, SessionsUnavailable>> {
    let mut call = CredentialsQuestion::default();
    let mut kinds = Vec::with_capacity(questions.len());
    for question in questions {
        kinds.push(matches!(question, CredentialQuestion::Session(_)));
        match question {
            CredentialQuestion::Session(session) => call.sessions.push(session),
            CredentialQuestion::Key(key) => call.keys.push(key),
        }
    }
    let asked = (call.sessions.len(), call.keys.len());
    let unanswered = vec![Err(SessionsUnavailable); kinds.len()];
    let Ok(CredentialsAnswer { sessions, keys }) = check.check(call).await else { return unanswered };
    if (sessions.len(), keys.len()) != asked {
        return unanswered;
    }
    let (mut sessions, mut keys) = (sessions.into_iter(), keys.into_iter());
    let next = |is_session: bool| {
        let answer = if is_session {
            sessions.next().map(CredentialAnswer::Session)
        } else {
            keys.next().map(CredentialAnswer::Key)
        };
        answer.ok_or(SessionsUnavailable)
    };
    kinds.into_iter().map(next).collect()
}

impl std::fmt::Debug for SessionLookup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.direct.is_some() { "SessionLookup::direct" } else { "SessionLookup::batched" })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::{ApiKeyId, ApiKeyScopeSet, ObjectId, RandomSource};
    use service_kit::{api_key::ApiKeyToken, identity::KeyCaller};

    use super::*;

    #[derive(Default)]
    struct OddUsersAreCurrent {
        calls: AtomicUsize,
        down: bool,
    }

    #[async_trait]
    impl SessionCheck for OddUsersAreCurrent {
        async fn check(
            &self,
            question: CredentialsQuestion,
        ) -> Result<CredentialsAnswer, SessionsUnavailable> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            if self.down {
                return Err(SessionsUnavailable);
            }
            let sessions = question.sessions.iter().map(|session| session.user.0.bytes()[11] % 2 == 1);
            Ok(CredentialsAnswer {
                sessions: sessions.collect(),
                keys: question.keys.iter().map(standing_of).collect(),
            })
        }
    }

    /// The key's id tells which question was answered.
    fn standing_of(key: &ApiKeyHash) -> KeyStanding {
        let mut id = [0; 12];
        hex::decode_to_slice(&key.to_string()[..24], &mut id).unwrap();
        let scopes = ApiKeyScopeSet::EMPTY;
        KeyStanding::Valid(KeyCaller { id: ApiKeyId(ObjectId::from_bytes(id)), scopes })
    }

    fn new_key() -> ApiKeyHash {
        ApiKeyToken::from_random(&RandomSource::new()).hash()
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
    async fn sessions_and_keys_share_their_calls_and_each_gets_its_own_answer() {
        let check = Arc::new(OddUsersAreCurrent::default());
        for sessions in [
            SessionLookup::batched(Arc::<OddUsersAreCurrent>::clone(&check)),
            SessionLookup::direct(Arc::<OddUsersAreCurrent>::clone(&check)),
        ] {
            check.calls.store(0, Ordering::SeqCst);
            let asked = (0..=255).map(|n| {
                let sessions = &sessions;
                async move {
                    let key = new_key();
                    let (is_current, standing) =
                        tokio::join!(sessions.is_current(session_of_user(n)), sessions.find_key(key));
                    assert_eq!(is_current, Ok(n % 2 == 1));
                    assert_eq!(standing, Ok(standing_of(&key)));
                }
            });
            futures::future::join_all(asked).await;
            let calls = check.calls.load(Ordering::SeqCst);
            let most = if sessions.direct.is_some() { 256 + 5 } else { 5 };
            assert!(calls <= most, "{calls} calls by {sessions:?}");
        }
    }

    #[tokio::test]
    async fn an_outage_is_told_apart_from_a_revoked_session() {
        let sessions = SessionLookup::batched(Arc::new(OddUsersAreCurrent {
            down: true,
            ..OddUsersAreCurrent::default()
        }));
        assert_eq!(sessions.is_current(session_of_user(1)).await, Err(SessionsUnavailable));
        assert_eq!(sessions.find_key(new_key()).await, Err(SessionsUnavailable));
    }
}
