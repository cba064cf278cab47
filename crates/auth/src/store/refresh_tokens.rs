use std::fmt;

use async_trait::async_trait;
use domain::{ObjectId, Timestamp, UserId};

use super::StoreError;
use crate::refresh_token::{TokenFingerprint, TokenHash};

/// A user's session as user-db holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRow {
    /// The row's own id.
    pub id: ObjectId,
    /// Whose session it is; unique.
    pub user: UserId,
    /// The hashes of the one token that can be used, and of its family.
    pub token: TokenFingerprint,
    /// The hash of the token that was rotated last; none after a login.
    pub previous: Option<TokenHash>,
    /// From when on the token is refused.
    pub expires_at: Timestamp,
    /// When the session began: the login.
    pub created_at: Timestamp,
    /// When the token was last rotated, or the session began.
    pub updated_at: Timestamp,
}

impl RefreshRow {
    /// Whether `presented` was rotated last, after `since`, and `next` is what it was rotated to and has not been used.
    pub(crate) fn repeats(&self, presented: &TokenHash, next: &TokenHash, since: Timestamp) -> bool {
        self.token.hash == *next && self.previous.as_ref() == Some(presented) && self.updated_at > since
    }
}

/// A presented token and what shall take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRotation {
    /// Whose token it is.
    pub user: UserId,
    /// What was presented.
    pub presented: TokenFingerprint,
    /// The hash of the next token, of the same family.
    pub next: TokenHash,
    /// From when on the next one is refused.
    pub expires_at: Timestamp,
    /// The present moment.
    pub now: Timestamp,
    /// A rotation that was made after this moment may be repeated.
    pub repeatable_since: Timestamp,
}

/// What became of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationOutcome {
    /// The next token is the one that can be used.
    Rotated,
    /// The presented token was rotated to the next one not long ago, and that has not been used: nothing was changed.
    Repeated,
    /// The presented token was rotated away before: the session has been deleted, since one of two holders stole it
    /// (RFC 9700, 4.14.2).
    Reused,
    /// There is no such session, or the user has logged in again since.
    Unknown,
    /// It is the right token, too late.
    Expired,
}

/// The sessions' refresh tokens (`user_tokens` in user-db): at most one row per user.
#[async_trait]
pub trait RefreshTokenStore: Send + Sync + fmt::Debug {
    /// Makes this the user's only row, and returns the one whose place it took. One atomic step.
    async fn put(&self, row: RefreshRow) -> Result<Option<RefreshRow>, StoreError>;

    /// Takes a [`put`](Self::put) back: if the user's row still holds the hash `placed`, `before` has its place again, or
    /// there is none. Compared and changed in one step.
    async fn take_back(
        &self,
        user: UserId,
        placed: &TokenHash,
        before: Option<RefreshRow>,
    ) -> Result<(), StoreError>;

    /// Replaces the presented hash by the next if it is the stored one and has not expired; of many racers with one
    /// token exactly one gets [`RotationOutcome::Rotated`], and those who come soon after it
    /// [`RotationOutcome::Repeated`]. Otherwise deletes a row of the same family with another hash.
    ///
    /// Each of the two is one conditional statement; the row is judged by each as it then is.
    async fn rotate(&self, rotation: &TokenRotation) -> Result<RotationOutcome, StoreError>;

    /// The user's row.
    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError>;

    /// The user's row, also while the servers of the store change their roles: one that was deposed without knowing it
    /// does not answer.
    async fn find_confirmed(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError>;

    /// Deletes the user's row, whichever it is. Deleting none is fine.
    async fn delete(&self, user: UserId) -> Result<(), StoreError>;

    /// Deletes the user's row if it is of this family, whichever of its tokens can be used.
    async fn delete_family(&self, user: UserId, family: &TokenHash) -> Result<(), StoreError>;
}
