use std::fmt;

use async_trait::async_trait;
use domain::{ObjectId, Timestamp, UserId};

use super::StoreError;
use crate::refresh_token::{Fingerprint, TokenHash};

/// A user's session as user-db holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshRow {
    /// The row's own id.
    pub id: ObjectId,
    /// Whose session it is; unique.
    pub user: UserId,
    /// The hashes of the one token that can be used, and of its family.
    pub token: Fingerprint,
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// When the session began: the login.
    pub created_at: Timestamp,
    /// When the token was last rotated.
    pub updated_at: Timestamp,
}

/// A presented token and what shall take its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Whose token it is.
    pub user: UserId,
    /// What was presented.
    pub presented: Fingerprint,
    /// The hash of the next token, of the same family.
    pub next: TokenHash,
    /// From when on the next one is refused.
    pub expires_at: Timestamp,
    /// The present moment.
    pub now: Timestamp,
}

/// What became of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The next token is the one that can be used.
    Rotated,
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
    /// Makes this the user's only row.
    async fn put(&self, row: RefreshRow) -> Result<(), StoreError>;

    /// Replaces the presented hash by the next if it is the stored one and has not expired; of many racers with one
    /// token exactly one gets [`Rotated::Rotated`]. Otherwise deletes a row of the same family with another hash.
    ///
    /// Each of the two is one conditional statement; the row is judged by each as it then is.
    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError>;

    /// The user's row.
    async fn find(&self, user: UserId) -> Result<Option<RefreshRow>, StoreError>;

    /// Deletes the user's row, whichever it is. Deleting none is fine.
    async fn delete(&self, user: UserId) -> Result<(), StoreError>;

    /// Deletes the user's row if it still holds this hash.
    async fn delete_if(&self, user: UserId, token: &TokenHash) -> Result<(), StoreError>;
}
