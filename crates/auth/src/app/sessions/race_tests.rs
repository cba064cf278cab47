use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::{ChangeAuthor, Role, RoleSet, Secret, User};

use super::*;
use crate::{
    password::Hasher,
    store::PasswordHashChange,
    test_app::{PASSWORD, TestApp},
};

const USER: RoleSet = RoleSet::from_roles(&[Role::User]);
const OPERATOR: RoleSet = RoleSet::from_roles(&[Role::User, Role::Operator]);

/// Rounds of each race; which way it goes differs from one to the next.
const ROUNDS: usize = 25;

/// One user, and every access token they were ever handed.
#[derive(Clone)]
struct SessionRaces {
    app: Arc<TestApp>,
    user: User,
    handed_out: Arc<Mutex<Vec<String>>>,
}

impl SessionRaces {
    async fn start() -> Self {
        Self::start_with_grace(Duration::from_secs(10)).await
    }

    async fn start_with_grace(grace: Duration) -> Self {
        let app = Arc::new(TestApp::start_with(|parts| parts.refresh_grace = grace).await);
        let user = app.user("mina@example.com", &[Role::User]).await;
        Self { app, user, handed_out: Arc::default() }
    }

    async fn log_in(&self) -> RefreshToken {
        self.try_log_in().await.unwrap()
    }

    async fn try_log_in(&self) -> Result<RefreshToken, LogInError> {
        let record = self.app.auth.users.find_by_email(&self.user.email).await.unwrap().unwrap();
        Ok(self.keep(self.app.auth.begin_session(record).await?))
    }

    async fn log_in_whole(&self) -> UserSession {
        let record = self.app.auth.users.find_by_email(&self.user.email).await.unwrap().unwrap();
        let session = self.app.auth.begin_session(record).await.unwrap();
        self.handed_out.lock().unwrap().push(session.access.token.clone());
        session
    }

    async fn refresh(&self, presented: &RefreshToken) -> Result<RefreshToken, RefreshError> {
        Ok(self.keep(self.app.auth.refresh_session(presented.clone()).await?))
    }

    /// A refresh that can be spawned.
    async fn refresh_owned(self, presented: RefreshToken) -> Result<RefreshToken, RefreshError> {
        self.refresh(&presented).await
    }

    async fn change_roles(&self, roles: RoleSet) {
        let changed = self.app.auth.change_roles(self.user.id, roles, ChangeAuthor::COMMAND).await.unwrap();
        assert_eq!(changed.roles, roles);
    }

    fn keep(&self, session: UserSession) -> RefreshToken {
        self.handed_out.lock().unwrap().push(session.access.token);
        session.refresh
    }

    fn handed_out(&self) -> Vec<String> {
        self.handed_out.lock().unwrap().clone()
    }

    async fn valid_among(&self, tokens: Vec<String>) -> Vec<String> {
        let asked: Vec<_> = tokens.iter().map(|token| (self.user.id, token.clone())).collect();
        let valid = self.app.auth.check_sessions(&asked).await.unwrap();
        tokens.into_iter().zip(valid).filter_map(|(token, valid)| valid.then_some(token)).collect()
    }

    /// The handed-out tokens that are valid now and carry other roles than these.
    async fn valid_with_other_roles(&self, roles: RoleSet) -> usize {
        let valid = self.valid_among(self.handed_out()).await;
        valid.iter().filter(|token| self.app.access_key.verify(token).unwrap().roles != roles).count()
    }

    async fn row(&self) -> Option<RefreshRow> {
        self.app.auth.refresh_tokens.find(self.user.id).await.unwrap()
    }
}

/// Runs all of these at once, on several threads, and returns what each came to.
async fn at_once<T: Send + 'static>(tasks: Vec<impl Future<Output = T> + Send + 'static>) -> Vec<T> {
    let tasks: Vec<_> = tasks.into_iter().map(tokio::spawn).collect();
    let mut results = Vec::new();
    for task in tasks {
        results.push(task.await.unwrap());
    }
    results
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_logins_at_once_none_fails_and_one_session_is_left() {
    let races = SessionRaces::start().await;
    for _ in 0..ROUNDS {
        let logins = (0..16).map(|_| {
            let races = races.clone();
            async move { races.log_in_whole().await }
        });
        let sessions = at_once(logins.collect()).await;
        // The one access token that may be valid is that of the session that lives.
        let row = races.row().await.unwrap();
        let valid = races.valid_among(races.handed_out()).await;
        let mut living = sessions.iter().filter(|session| session.refresh.fingerprint() == row.token);
        let living = living.next().unwrap();
        assert!(valid.is_empty() || valid == [living.access.token.clone()]);
        let mut usable = Vec::new();
        for UserSession { refresh: token, .. } in &sessions {
            match races.refresh(token).await {
                Ok(_) => usable.push(races.handed_out().pop().unwrap()),
                Err(error) => assert!(is_unknown(&error), "{error}"),
            }
        }
        assert_eq!(usable.len(), 1);
        assert_eq!(races.valid_among(races.handed_out()).await, usable);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_at_once_with_one_token_all_get_the_same_successor() {
    let races = SessionRaces::start().await;
    for _ in 0..ROUNDS {
        let token = races.log_in().await;
        let refreshes = (0..12).map(|_| races.clone().refresh_owned(token.clone()));
        let successors = at_once(refreshes.collect()).await;
        let successors: Vec<_> = successors.into_iter().map(Result::unwrap).collect();
        assert!(successors.iter().all(|next| *next == successors[0]));
        // Of the access tokens the last is valid: one session.
        assert_eq!(races.valid_among(races.handed_out()).await.len(), 1);
        let row = races.row().await.unwrap();
        assert_eq!(row.token, successors[0].fingerprint());
        // Once the successor has been used, the token betrays that two hold it.
        races.refresh(&successors[0]).await.unwrap();
        assert!(matches!(races.refresh(&token).await, Err(RefreshError::Revoked)));
        assert_eq!(races.row().await, None);
        assert_eq!(races.valid_among(races.handed_out()).await, Vec::<String>::new());
        races.handed_out.lock().unwrap().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_a_grace_at_most_one_of_refreshes_at_once_succeeds_and_the_session_is_revoked() {
    let races = SessionRaces::start_with_grace(Duration::ZERO).await;
    for _ in 0..ROUNDS {
        let token = races.log_in().await;
        let refreshes = (0..8).map(|_| races.clone().refresh_owned(token.clone()));
        let results = at_once(refreshes.collect()).await;
        assert!(results.iter().filter(|result| result.is_ok()).count() <= 1);
        let errors: Vec<_> = results.iter().filter_map(|result| result.as_ref().err()).collect();
        assert!(errors.iter().any(|error| matches!(error, RefreshError::Revoked)));
        assert!(
            errors.iter().all(|error| matches!(error, RefreshError::Revoked) || is_unknown(error)),
            "{errors:?}"
        );
        assert_eq!(races.row().await, None);
        assert_eq!(races.valid_among(races.handed_out()).await, Vec::<String>::new());
        for winner in results.into_iter().flatten() {
            assert!(is_unknown(&races.refresh(&winner).await.unwrap_err()));
        }
        races.handed_out.lock().unwrap().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_that_meets_a_change_of_roles_succeeds_and_gives_no_old_ones() {
    let races = SessionRaces::start().await;
    for round in 0..8 * ROUNDS {
        let roles = if round % 2 == 0 { OPERATOR } else { USER };
        let token = races.log_in().await;
        let refresh = tokio::spawn(races.clone().refresh_owned(token));
        races.change_roles(roles).await;
        let next = refresh.await.unwrap().unwrap();
        assert_eq!(races.valid_with_other_roles(roles).await, 0);
        races.refresh(&next).await.unwrap();
        assert_eq!(races.valid_with_other_roles(roles).await, 0);
        races.handed_out.lock().unwrap().clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_comes_between_at_most_one_access_token_is_valid_afterwards() {
    let races = SessionRaces::start().await;
    for round in 0..ROUNDS {
        let token = races.log_in().await;
        let actions = (0..12).map(|action| {
            let (races, token) = (races.clone(), token.clone());
            async move {
                match action % 6 {
                    0 | 1 => {
                        // A client that goes on with what it was given.
                        let mut token = races.log_in().await;
                        while let Ok(next) = races.refresh(&token).await {
                            token = next;
                            if races.handed_out().len() % 3 == 0 {
                                break;
                            }
                        }
                    }
                    2 if action == 2 => {
                        let _ = races.refresh(&token).await;
                    }
                    3 => races.app.auth.log_out(Some(races.user.id), None).await.unwrap(),
                    4 => races.change_roles(if round % 2 == 0 { OPERATOR } else { USER }).await,
                    _ => {
                        races.log_in().await;
                    }
                }
            }
        });
        at_once(actions.collect()).await;
        let valid = races.valid_among(races.handed_out()).await;
        assert!(valid.len() <= 1, "{}", valid.len());
        // Which is that of the session that lives, and has the roles of now.
        if let Some(token) = valid.first() {
            assert!(races.row().await.is_some());
            let roles = races.app.auth.users.find(races.user.id).await.unwrap().unwrap().roles;
            assert_eq!(races.app.access_key.verify(token).unwrap().roles, roles);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_change_of_roles_no_token_with_the_old_ones_is_valid() {
    let races = SessionRaces::start().await;
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let races = races.clone();
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    // So many changes without a pause may come between each attempt.
                    let mut token = match races.try_log_in().await {
                        Ok(token) => token,
                        Err(error) => {
                            assert!(matches!(error, LogInError::Session(SessionError::Contended)), "{error}");
                            continue;
                        }
                    };
                    for _ in 0..2 {
                        let Ok(next) = races.refresh(&token).await else { break };
                        token = next;
                    }
                }
            })
        })
        .collect();
    let mut roles = USER;
    let mut changes = 0;
    while changes < 4 || clients.iter().any(|client| !client.is_finished()) {
        roles = if roles == USER { OPERATOR } else { USER };
        races.change_roles(roles).await;
        changes += 1;
        // Those handed out before, and those handed out meanwhile.
        for _ in 0..5 {
            assert_eq!(races.valid_with_other_roles(roles).await, 0);
            tokio::task::yield_now().await;
        }
    }
    for client in clients {
        client.await.unwrap();
    }
    assert_eq!(races.valid_with_other_roles(roles).await, 0);
    let token = races.log_in().await;
    let claims = races.app.access_key.verify(&races.handed_out().pop().unwrap()).unwrap();
    assert_eq!(claims.roles, roles);
    assert!(races.refresh(&token).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_logout_no_earlier_token_is_valid() {
    let races = SessionRaces::start().await;
    let refresh_tokens = Arc::new(Mutex::new(Vec::new()));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (races, refresh_tokens) = (races.clone(), Arc::clone(&refresh_tokens));
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    let token = races.log_in().await;
                    refresh_tokens.lock().unwrap().push(token.clone());
                    if let Ok(next) = races.refresh(&token).await {
                        refresh_tokens.lock().unwrap().push(next);
                    }
                }
            })
        })
        .collect();
    let mut logouts = 0;
    while logouts < 4 || clients.iter().any(|client| !client.is_finished()) {
        let earlier = races.handed_out();
        let earlier_refresh = refresh_tokens.lock().unwrap().last().cloned();
        races.app.auth.log_out(Some(races.user.id), None).await.unwrap();
        logouts += 1;
        assert_eq!(races.valid_among(earlier).await, Vec::<String>::new());
        if let Some(token) = earlier_refresh {
            assert!(is_unknown(&races.refresh(&token).await.unwrap_err()));
        }
    }
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_meets_a_logout_can_be_renewed_unless_it_was_ended() {
    let races = SessionRaces::start().await;
    for _ in 0..ROUNDS {
        let login = tokio::spawn({
            let races = races.clone();
            async move { races.log_in().await }
        });
        races.app.auth.log_out(Some(races.user.id), None).await.unwrap();
        let token = login.await.unwrap();
        let lives = races.row().await.is_some();
        // The logout may have taken the token of a login that came between its steps, but never the other way round.
        assert!(lives || races.valid_among(races.handed_out()).await.is_empty());
        assert_eq!(races.refresh(&token).await.is_ok(), lives);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_logout_by_refresh_token_that_meets_a_refresh_ends_both() {
    let races = SessionRaces::start().await;
    for _ in 0..4 * ROUNDS {
        let token = races.log_in().await;
        let refresh = tokio::spawn(races.clone().refresh_owned(token.clone()));
        races.app.auth.log_out(None, Some(token)).await.unwrap();
        let next = refresh.await.unwrap();
        assert_eq!(races.row().await, None);
        assert_eq!(races.valid_among(races.handed_out()).await, Vec::<String>::new());
        if let Ok(next) = next {
            assert!(is_unknown(&races.refresh(&next).await.unwrap_err()));
        }
        races.handed_out.lock().unwrap().clear();
    }
}

/// Every login meets a change of the password that it was let in by.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_change_of_the_password_no_session_lives_that_the_old_one_began() {
    let races = SessionRaces::start().await;
    let hashes: Vec<_> = (0..2)
        .map(|_| Secret::new(Hasher::default().hash(&PASSWORD.to_owned().try_into().unwrap()).unwrap()))
        .collect();
    for round in 0..8 * ROUNDS {
        let before = races.app.auth.users.find_by_email(&races.user.email).await.unwrap().unwrap();
        let change = PasswordHashChange {
            user: races.user.id,
            expected: before.password_hash.clone(),
            next: hashes[round % 2].clone(),
            at: races.user.updated_at,
        };
        // Let in by the old hash, however late they come to their session.
        let logins: Vec<_> = (0..3)
            .map(|_| {
                let (auth, before) = (races.app.auth.clone(), before.clone());
                tokio::spawn(async move { auth.begin_session(before).await })
            })
            .collect();
        races.app.auth.replace_password(change).await.unwrap();
        for login in logins {
            match login.await.unwrap() {
                Ok(session) => {
                    assert!(!races.app.lets_in(races.user.id, &session.access.token).await);
                    assert!(is_unknown(&races.refresh(&session.refresh).await.unwrap_err()));
                }
                Err(LogInError::WrongCredentials) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

fn is_unknown(error: &RefreshError) -> bool {
    matches!(error, RefreshError::UnknownToken)
}
