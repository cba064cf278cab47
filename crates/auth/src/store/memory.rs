//! token-db in the memory of this process: for one machine. A restart ends the access tokens, not the sessions.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use constant_time_eq::constant_time_eq;
use dashmap::{DashMap, Entry};
use domain::{Clock, UserId};
use service_kit::{access_token::IssuedToken, health::Dependency};

use super::{AccessTokenStore, StoreError};

/// Logins between two sweeps, at least.
const SWEEP_EVERY: usize = 1024;

/// Access tokens in memory.
#[derive(Debug)]
pub struct MemoryTokenDb {
    clock: Arc<dyn Clock>,
    tokens: DashMap<UserId, IssuedToken>,
    puts_until_sweep: AtomicUsize,
}

impl MemoryTokenDb {
    /// Empty, expiring by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, tokens: DashMap::new(), puts_until_sweep: AtomicUsize::new(SWEEP_EVERY) }
    }

    /// Forgets expired tokens after as many puts as tokens were left by the last sweep: memory stays below about twice
    /// the live sessions, at constant cost per put and without a timer.
    fn sweep_in_turn(&self) {
        if self.puts_until_sweep.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        let now = self.clock.now();
        self.tokens.retain(|_, token| now < token.expires_at);
        self.tokens.shrink_to_fit();
        self.puts_until_sweep.store(self.tokens.len().max(SWEEP_EVERY), Ordering::Relaxed);
    }

    fn is_alive(&self, token: &IssuedToken) -> bool {
        self.clock.now() < token.expires_at
    }

    fn is_valid(&self, user: UserId, token: &str) -> bool {
        self.tokens
            .get(&user)
            .is_some_and(|stored| self.is_alive(&stored) && is_same_token(&stored.token, token))
    }
}

fn is_same_token(one: &str, other: &str) -> bool {
    constant_time_eq(one.as_bytes(), other.as_bytes())
}

#[async_trait]
impl AccessTokenStore for MemoryTokenDb {
    async fn put(&self, user: UserId, token: &IssuedToken) -> Result<Option<IssuedToken>, StoreError> {
        let before = self.tokens.insert(user, token.clone());
        self.sweep_in_turn();
        Ok(before.filter(|before| self.is_alive(before)))
    }

    async fn take_back(
        &self,
        user: UserId,
        placed: &str,
        before: Option<&IssuedToken>,
    ) -> Result<(), StoreError> {
        if let Entry::Occupied(mut entry) = self.tokens.entry(user)
            && is_same_token(&entry.get().token, placed)
        {
            match before {
                Some(before) => drop(entry.insert(before.clone())),
                None => drop(entry.remove()),
            }
        }
        Ok(())
    }

    async fn remove(&self, user: UserId) -> Result<Option<IssuedToken>, StoreError> {
        let removed = self.tokens.remove(&user).map(|(_, removed)| removed);
        Ok(removed.filter(|removed| self.is_alive(removed)))
    }

    async fn give_back(&self, user: UserId, removed: &IssuedToken) -> Result<(), StoreError> {
        let mut entry = self.tokens.entry(user).or_insert_with(|| removed.clone());
        if !self.is_alive(&entry) {
            *entry = removed.clone();
        }
        Ok(())
    }

    async fn check_many(&self, sessions: &[(UserId, String)]) -> Result<Vec<bool>, StoreError> {
        Ok(sessions.iter().map(|(user, token)| self.is_valid(*user, token)).collect())
    }
}

#[async_trait]
impl Dependency for MemoryTokenDb {
    fn name(&self) -> &'static str {
        "token-db"
    }

    async fn answers(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use domain::{ManualClock, ObjectId};

    use super::*;
    use crate::store::contract::access_tokens as contract;

    fn new_database() -> (Arc<MemoryTokenDb>, ManualClock) {
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        (Arc::new(MemoryTokenDb::new(Arc::new(clock.clone()))), clock)
    }

    #[tokio::test]
    async fn only_the_latest_token_of_a_user_counts() {
        contract::only_the_latest_token_of_a_user_counts(&*new_database().0).await;
    }

    #[tokio::test]
    async fn what_was_displaced_is_told_and_can_be_put_back() {
        let (db, clock) = new_database();
        contract::what_was_displaced_is_told_and_can_be_put_back(&*db, clock.now()).await;
    }

    #[tokio::test]
    async fn what_was_removed_is_told_and_can_be_given_back() {
        let (db, clock) = new_database();
        contract::what_was_removed_is_told_and_can_be_given_back(&*db, clock.now()).await;
    }

    #[tokio::test]
    async fn an_expired_token_is_neither_told_nor_in_the_way() {
        let (db, clock) = new_database();
        let (user, old) = contract::issued_token(1, "old", clock.now());
        db.put(user, &old).await.unwrap();
        clock.advance_seconds(900);
        let (_, new) = contract::issued_token(1, "new", clock.now());
        db.give_back(user, &new).await.unwrap();
        assert!(db.is_valid(user, "new"));
        db.put(user, &old).await.unwrap();
        assert!(db.put(user, &new).await.unwrap().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn removing_ones_own_token_never_removes_a_later_one() {
        contract::removing_ones_own_token_never_removes_a_later_one(new_database().0).await;
    }

    #[tokio::test]
    async fn a_token_stops_counting_the_moment_it_expires() {
        let (db, clock) = new_database();
        let (user, token) = contract::issued_token(1, "a", clock.now());
        db.put(user, &token).await.unwrap();
        clock.advance_seconds(899);
        assert!(db.is_valid(user, "a"));
        clock.advance_seconds(1);
        assert!(!db.is_valid(user, "a"));
    }

    #[tokio::test]
    async fn memory_follows_the_live_sessions() {
        let (db, clock) = new_database();
        for n in 0..20_000_u32 {
            let mut id = [0; 12];
            id[..4].copy_from_slice(&n.to_be_bytes());
            let (_, token) = contract::issued_token(1, "a", clock.now());
            db.put(UserId(ObjectId::from_bytes(id)), &token).await.unwrap();
            clock.advance_seconds(1);
        }
        // 900 live at any moment: one login a second, 900 seconds each.
        assert!(db.tokens.len() <= 900 + SWEEP_EVERY, "{}", db.tokens.len());
    }
}
