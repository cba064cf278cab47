//! Nothing that fails ends a session that lived: each call to a store is made to fail in turn.

use std::sync::Arc;

use domain::{ChangeAuthor, Role, RoleSet, User};
use service_kit::problem::{ProblemCode, Refused};
use store_kit::redis::Redis;
use test_servers::Redis as RedisServer;

use super::*;
use crate::{
    password::Password,
    store::RedisTokenDb,
    test_app::{PASSWORD, TestApp},
    test_stores::{StoreFault, StoreName},
};

/// More calls than any use case makes.
const CALLS: usize = 40;
const OPERATOR: RoleSet = RoleSet::from_roles(&[Role::Operator]);

/// What a use case has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UseCase {
    LogIn,
    Refresh,
    /// Of the token that was rotated last.
    RefreshAgain,
    ChangeRoles,
}

const USE_CASES: [UseCase; 4] =
    [UseCase::LogIn, UseCase::Refresh, UseCase::RefreshAgain, UseCase::ChangeRoles];

/// A user who is logged in.
struct LivingSession {
    app: TestApp,
    user: User,
    session: UserSession,
    /// What the session's refresh token was rotated from.
    rotated: Option<RefreshToken>,
}

impl LivingSession {
    async fn begin(app: TestApp, use_case: UseCase) -> Self {
        let user = app.user("mina@example.com", &[Role::User]).await;
        let mut living = Self { session: log_in(&app, &user).await.unwrap(), app, user, rotated: None };
        if use_case == UseCase::RefreshAgain {
            let first = living.session.refresh.clone();
            living.session = living.app.auth.refresh_session(first.clone()).await.unwrap();
            living.rotated = Some(first);
        }
        living
    }

    /// Whether it has succeeded.
    async fn attempt(&self, use_case: UseCase) -> bool {
        let auth = &self.app.auth;
        match use_case {
            UseCase::LogIn => log_in(&self.app, &self.user).await.is_ok(),
            UseCase::Refresh => auth.refresh_session(self.session.refresh.clone()).await.is_ok(),
            UseCase::RefreshAgain => auth.refresh_session(self.rotated.clone().unwrap()).await.is_ok(),
            UseCase::ChangeRoles => {
                auth.change_roles(self.user.id, OPERATOR, ChangeAuthor::COMMAND).await.is_ok()
            }
        }
    }

    async fn has_access(&self) -> bool {
        self.app.lets_in(self.user.id, &self.session.access.token).await
    }

    async fn roles_are_changed(&self) -> bool {
        self.app.auth.users.find(self.user.id).await.unwrap().unwrap().roles == OPERATOR
    }

    async fn can_be_renewed(&self) -> bool {
        let renewed = self.app.auth.refresh_session(self.session.refresh.clone()).await;
        match renewed {
            Ok(renewed) => self.app.lets_in(self.user.id, &renewed.access.token).await,
            Err(_) => false,
        }
    }
}

async fn log_in(app: &TestApp, user: &User) -> Result<UserSession, LogInError> {
    let password = Password::try_from(PASSWORD.to_owned()).unwrap();
    let attempt = LoginAttempt { email: user.email.clone(), password, client: "a client".to_owned() };
    app.auth.log_in(attempt).await
}

/// Lets the use case meet a fault at each of its calls. `keeps_access`: not even the access token is lost.
async fn session_survives(use_case: UseCase, fault: impl Fn(usize) -> StoreFault, keeps_access: bool) {
    for call in 0..CALLS {
        let living = LivingSession::begin(TestApp::start().await, use_case).await;
        living.app.faults.set(Some(fault(call)));
        let succeeded = living.attempt(use_case).await;
        let (met, calls) = (living.app.faults.failed(), living.app.faults.calls());
        living.app.faults.set(None);
        if call >= calls {
            assert!(succeeded, "{use_case:?} fails without a fault");
            return;
        }
        let place = format!("{use_case:?}, {:?}, {met} of {calls} calls failed", fault(call));
        assert!(succeeded || met > 0, "{place}");
        if !succeeded {
            let keeps_access = keeps_access && !living.roles_are_changed().await;
            assert!(!keeps_access || living.has_access().await, "{place}: the access token is lost");
            assert!(living.can_be_renewed().await, "{place}: the session is lost");
        }
    }
    panic!("{use_case:?} never ends");
}

#[tokio::test]
async fn one_call_that_fails_costs_the_living_session_nothing() {
    for use_case in USE_CASES {
        session_survives(use_case, StoreFault::once, true).await;
    }
}

#[tokio::test]
async fn a_store_that_is_full_from_some_call_on_costs_the_living_session_nothing() {
    for use_case in USE_CASES {
        session_survives(use_case, |call| StoreFault::full(StoreName::UserDb, call), true).await;
        session_survives(use_case, |call| StoreFault::full(StoreName::TokenDb, call), true).await;
    }
}

#[tokio::test]
async fn a_store_that_is_read_only_from_some_call_on_costs_the_living_session_nothing() {
    for use_case in USE_CASES {
        session_survives(use_case, |call| StoreFault::read_only(StoreName::UserDb, call), true).await;
        // The access token that was put last may stand where the former one stood.
        session_survives(use_case, |call| StoreFault::read_only(StoreName::TokenDb, call), false).await;
    }
}

#[tokio::test]
async fn a_token_db_that_is_down_from_some_call_on_ends_no_session() {
    for use_case in USE_CASES {
        session_survives(use_case, |call| StoreFault::down(StoreName::TokenDb, call), false).await;
    }
}

#[tokio::test]
async fn a_user_db_that_is_down_from_some_call_on_ends_no_session_that_is_renewed() {
    for use_case in [UseCase::Refresh, UseCase::RefreshAgain, UseCase::ChangeRoles] {
        session_survives(use_case, |call| StoreFault::down(StoreName::UserDb, call), false).await;
    }
}

/// The client tries again with what it has, as a 503 tells it.
#[tokio::test]
async fn whichever_answer_a_refresh_loses_it_can_be_tried_again() {
    for use_case in [UseCase::Refresh, UseCase::RefreshAgain] {
        for call in 0..CALLS {
            let living = LivingSession::begin(TestApp::start().await, use_case).await;
            living.app.faults.set(Some(StoreFault::lost_answer(call)));
            let succeeded = living.attempt(use_case).await;
            let met = living.app.faults.failed();
            living.app.faults.set(None);
            assert!(living.attempt(use_case).await, "{use_case:?}, call {call}");
            if succeeded && met == 0 {
                break;
            }
        }
    }
}

/// A store that refuses writes, whatever is asked of it: all is as before.
async fn is_refused(living: &LivingSession, use_case: UseCase) {
    assert!(!living.attempt(use_case).await, "{use_case:?} cannot succeed");
    assert!(living.has_access().await, "{use_case:?}");
}

#[tokio::test]
async fn with_redis_full_nothing_that_lives_is_ended() {
    let server = RedisServer::start();
    let redis = Redis::connect(&server.url(), "token-db").await.unwrap();
    for use_case in [UseCase::LogIn, UseCase::Refresh, UseCase::RefreshAgain] {
        let token_db = Arc::new(RedisTokenDb::new(redis.clone()));
        let app = TestApp::start_with(|parts| parts.access_tokens = token_db).await;
        let living = LivingSession::begin(app, use_case).await;
        set_max_memory(&redis, "1").await;
        is_refused(&living, use_case).await;
        set_max_memory(&redis, "0").await;
        assert!(living.can_be_renewed().await, "{use_case:?}");
    }
}

async fn set_max_memory(redis: &Redis, bytes: &str) {
    let mut set = redis::cmd("CONFIG");
    set.arg("SET").arg("maxmemory").arg(bytes);
    redis.run::<()>(&set).await.unwrap();
}

#[tokio::test]
async fn with_a_sqlite_file_that_refuses_writes_nothing_that_lives_is_ended() {
    for use_case in [UseCase::LogIn, UseCase::Refresh, UseCase::ChangeRoles] {
        let living = LivingSession::begin(TestApp::start().await, use_case).await;
        living.app.user_db.refuse_writes(true).await;
        is_refused(&living, use_case).await;
        living.app.user_db.refuse_writes(false).await;
        assert!(living.can_be_renewed().await, "{use_case:?}");
    }
}

#[tokio::test]
async fn what_fails_is_told_as_unavailable() {
    let living = LivingSession::begin(TestApp::start().await, UseCase::LogIn).await;
    living.app.faults.set(Some(StoreFault::full(StoreName::TokenDb, 0)));
    let Err(error) = living.app.auth.refresh_session(living.session.refresh.clone()).await else {
        panic!("it succeeds");
    };
    let RefreshError::Session(error) = error else { panic!("{error}") };
    assert_eq!(Refused::<()>::from(error).code(), ProblemCode::Unavailable);
}
