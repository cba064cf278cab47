//! Stores that fail as a test plans it.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Email, RandomSource, RoleSet, User, UserId};
use service_kit::{
    access_token::IssuedToken,
    page::{Page, PageRequest},
};

use crate::{
    refresh_token::TokenHash,
    store::{
        AccessTokenStore, NewUser, PasswordHashChange, RefreshRow, RefreshTokenStore, RegistrationOutcome,
        RoleChange, RotationOutcome, StoreError, TokenRotation, UserFilter, UserRecord, UserStore,
    },
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreName {
    UserDb,
    TokenDb,
}

/// What a call asks of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CallKind {
    /// Nothing but an answer.
    Read,
    /// A change for which a full store has room.
    Removal,
    /// A change that needs room.
    Write,
}

/// Which calls fail.
#[derive(Debug, Clone)]
pub(crate) struct StoreFault {
    /// The numbers of the calls since the fault was set, to whichever store.
    calls: Range<usize>,
    store: Option<StoreName>,
    kinds: &'static [CallKind],
    is_done_all_the_same: bool,
}

impl StoreFault {
    pub(crate) const TOKEN_DB_DOWN: Self = Self {
        calls: 0..usize::MAX,
        store: Some(StoreName::TokenDb),
        kinds: &[CallKind::Read, CallKind::Removal, CallKind::Write],
        is_done_all_the_same: false,
    };

    /// One call fails, and those after it succeed.
    pub(crate) fn once(call: usize) -> Self {
        Self { calls: call..call + 1, store: None, ..Self::TOKEN_DB_DOWN }
    }

    /// One call is carried out, but its answer is lost.
    pub(crate) fn lost_answer(call: usize) -> Self {
        Self { is_done_all_the_same: true, ..Self::once(call) }
    }

    /// From one call on, a store is full.
    pub(crate) fn full(store: StoreName, call: usize) -> Self {
        Self { calls: call..usize::MAX, store: Some(store), kinds: &[CallKind::Write], ..Self::once(0) }
    }

    /// From one call on, a store is read-only.
    pub(crate) fn read_only(store: StoreName, call: usize) -> Self {
        Self { kinds: &[CallKind::Write, CallKind::Removal], ..Self::full(store, call) }
    }

    /// From one call on, a store is down.
    pub(crate) fn down(store: StoreName, call: usize) -> Self {
        Self { calls: call..usize::MAX, store: Some(store), ..Self::TOKEN_DB_DOWN }
    }
}

/// The fault that is set, and what it has met.
#[derive(Debug, Default)]
pub(crate) struct FaultPlan(Mutex<FaultState>);

#[derive(Debug, Default)]
struct FaultState {
    fault: Option<StoreFault>,
    calls: usize,
    failed: usize,
}

impl FaultPlan {
    /// Sets a fault, or none, and counts from the beginning.
    pub(crate) fn set(&self, fault: Option<StoreFault>) {
        *self.0.lock().unwrap() = FaultState { fault, ..FaultState::default() };
    }

    /// How many calls there were since the fault was set.
    pub(crate) fn calls(&self) -> usize {
        self.0.lock().unwrap().calls
    }

    /// How many of them failed.
    pub(crate) fn failed(&self) -> usize {
        self.0.lock().unwrap().failed
    }

    fn strike(&self, store: StoreName, kind: CallKind) -> Option<StoreFault> {
        let mut state = self.0.lock().unwrap();
        let call = state.calls;
        state.calls += 1;
        let met = state.fault.clone().filter(|fault| {
            fault.calls.contains(&call)
                && fault.store.is_none_or(|other| other == store)
                && fault.kinds.contains(&kind)
        });
        state.failed += usize::from(met.is_some());
        met
    }
}

/// Stores behind a network: others get a chance to come between, and calls fail as planned.
#[derive(Debug)]
pub(crate) struct FaultyStores {
    pub(crate) plan: Arc<FaultPlan>,
    pub(crate) users: Arc<dyn UserStore>,
    pub(crate) refresh_tokens: Arc<dyn RefreshTokenStore>,
    pub(crate) access_tokens: Arc<dyn AccessTokenStore>,
}

impl FaultyStores {
    async fn carry_out<T>(
        &self,
        store: StoreName,
        kind: CallKind,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let failed = || StoreError::unavailable("test", "planned to fail");
        let fault = self.plan.strike(store, kind);
        if store == StoreName::TokenDb {
            cross_network().await;
        }
        if fault.as_ref().is_some_and(|fault| !fault.is_done_all_the_same) {
            return Err(failed());
        }
        let answer = call.await;
        if store == StoreName::TokenDb {
            cross_network().await;
        }
        if fault.is_some() { Err(failed()) } else { answer }
    }

    async fn ask_users<T>(
        &self,
        kind: CallKind,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.carry_out(StoreName::UserDb, kind, call).await
    }

    async fn ask_tokens<T>(
        &self,
        kind: CallKind,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.carry_out(StoreName::TokenDb, kind, call).await
    }
}

/// The way to the store or back: mostly short.
async fn cross_network() {
    let random = RandomSource::new();
    match random.number_within(0..=11) {
        0 => tokio::time::sleep(Duration::from_millis(random.number_within(1..=4))).await,
        _ => tokio::task::yield_now().await,
    }
}

#[async_trait]
impl UserStore for FaultyStores {
    async fn create(&self, user: NewUser) -> Result<RegistrationOutcome, StoreError> {
        self.ask_users(CallKind::Write, self.users.create(user)).await
    }

    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.ask_users(CallKind::Read, self.users.find(id)).await
    }

    async fn find_roles(&self, ids: &[UserId]) -> Result<Vec<Option<RoleSet>>, StoreError> {
        self.ask_users(CallKind::Read, self.users.find_roles(ids)).await
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        self.ask_users(CallKind::Read, self.users.find_by_email(email)).await
    }

    async fn find_confirmed(&self, id: UserId) -> Result<Option<UserRecord>, StoreError> {
        self.ask_users(CallKind::Read, self.users.find_confirmed(id)).await
    }

    async fn list(&self, filter: &UserFilter, page: PageRequest) -> Result<Page<User>, StoreError> {
        self.ask_users(CallKind::Read, self.users.list(filter, page)).await
    }

    async fn create_audited(
        &self,
        user: NewUser,
        stamp: ChangeStamp,
    ) -> Result<RegistrationOutcome, StoreError> {
        self.ask_users(CallKind::Write, self.users.create_audited(user, stamp)).await
    }

    async fn set_roles(
        &self,
        id: UserId,
        roles: RoleSet,
        stamp: ChangeStamp,
    ) -> Result<RoleChange, StoreError> {
        self.ask_users(CallKind::Write, self.users.set_roles(id, roles, stamp)).await
    }

    async fn set_password_hash(&self, change: PasswordHashChange) -> Result<bool, StoreError> {
        self.ask_users(CallKind::Write, self.users.set_password_hash(change)).await
    }

    async fn has_admin(&self) -> Result<bool, StoreError> {
        self.ask_users(CallKind::Read, self.users.has_admin()).await
    }
}

#[async_trait]
impl RefreshTokenStore for FaultyStores {
    async fn put(&self, row: RefreshRow) -> Result<Option<RefreshRow>, StoreError> {
        self.ask_users(CallKind::Write, self.refresh_tokens.put(row)).await
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &TokenHash,
        before: Option<RefreshRow>,
    ) -> Result<(), StoreError> {
        self.ask_users(CallKind::Write, self.refresh_tokens.take_back(user, placed, before)).await
    }

    async fn rotate(&self, rotation: &TokenRotation) -> Result<RotationOutcome, StoreError> {
        self.ask_users(CallKind::Write, self.refresh_tokens.rotate(rotation)).await
    }

    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        self.ask_users(CallKind::Read, self.refresh_tokens.find(user)).await
    }

    async fn find_confirmed(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError> {
        self.ask_users(CallKind::Read, self.refresh_tokens.find_confirmed(user)).await
    }

    async fn delete(&self, user: UserId) -> Result<(), StoreError> {
        self.ask_users(CallKind::Removal, self.refresh_tokens.delete(user)).await
    }

    async fn delete_family(&self, user: UserId, family: &TokenHash) -> Result<(), StoreError> {
        self.ask_users(CallKind::Removal, self.refresh_tokens.delete_family(user, family)).await
    }
}

#[async_trait]
impl AccessTokenStore for FaultyStores {
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<Option<IssuedToken>, StoreError> {
        self.ask_tokens(CallKind::Write, self.access_tokens.put(user, token)).await
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &str,
        before: Option<&IssuedToken>,
    ) -> Result<(), StoreError> {
        let kind = if before.is_some() { CallKind::Write } else { CallKind::Removal };
        self.ask_tokens(kind, self.access_tokens.take_back(user, placed, before)).await
    }

    async fn remove(&self, user: UserId) -> Result<Option<IssuedToken>, StoreError> {
        self.ask_tokens(CallKind::Removal, self.access_tokens.remove(user)).await
    }

    async fn give_back(&self, user: UserId, removed: &IssuedToken) -> Result<(), StoreError> {
        self.ask_tokens(CallKind::Write, self.access_tokens.give_back(user, removed)).await
    }

    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        self.ask_tokens(CallKind::Read, self.access_tokens.check_many(sessions)).await
    }
}
