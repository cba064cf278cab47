use std::{collections::HashMap, fmt};

use async_trait::async_trait;
use audit::ChangeStamp;
use domain::{Claim, ClaimId, ClaimStatus, ClaimWork, DecisionTrace, EventId, Timestamp, UserId};
use serde::Serialize;
use service_kit::page::{Page, PageRequest};

use super::{ClaimCounts, DecideOutcome, Decision, Revocation, RevokeOutcome, StoreError};

/// A claim to be stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NewClaim {
    /// The request, PENDING.
    pub request: Claim,
    /// What it was decided on.
    pub decision: DecisionTrace,
    /// By which the claimant recognises a retry.
    pub idempotency_key: Option<String>,
    /// Who makes it, if it is a server: that has an entry in the audit log. Not kept with the claim.
    #[serde(skip)]
    pub stamp: Option<ChangeStamp>,
}

/// A stored claim, as far as answering a second one goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredClaim {
    /// The request as it is now.
    pub request: Claim,
    /// The key it was made with.
    pub idempotency_key: Option<String>,
}

/// The claims that stood in the way of others, each readable or not by itself.
pub(crate) type EarlierClaims = HashMap<(UserId, EventId), Result<StoredClaim, StoreError>>;

/// What became of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// It is stored, and it is the user's only one for this event.
    Stored,
    /// The user has claimed this event before; nothing was changed.
    Already(Box<StoredClaim>),
    /// Of something that it needs a seat for nothing is left; nothing was changed.
    SoldOut,
    /// The event is gone; nothing was changed.
    UnknownEvent,
}

/// Which requests to list: those that match everything that is given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClaimFilter {
    /// Only this user's.
    pub user: Option<UserId>,
    /// Only those for this event.
    pub event: Option<EventId>,
    /// Only those that have come so far.
    pub status: Option<ClaimStatus>,
    /// Only those made at this moment or later.
    pub from: Option<Timestamp>,
    /// Only those made before this moment.
    pub to: Option<Timestamp>,
}

impl ClaimFilter {
    /// Whether a request belongs on a page or one after it: for adapters that find it by user and event at once.
    pub(crate) fn admits(&self, request: &Claim, page: PageRequest) -> bool {
        self.user.is_none_or(|user| request.user_id == user)
            && self.event.is_none_or(|event| request.event_id == event)
            && self.status.is_none_or(|status| request.status == status)
            && self.from.is_none_or(|from| request.created_at >= from)
            && self.to.is_none_or(|to| request.created_at < to)
            && page.before.is_none_or(|before| request.id.0 < before)
    }
}

/// The claims (`reward_requests` in event-db): one per user and event.
#[async_trait]
pub trait ClaimStore: Send + Sync + fmt::Debug {
    /// Stores a claim unless the user has claimed the event before: of any number of racers one is stored. It takes the
    /// seats it names, all or none. Durable when it returns.
    async fn claim_once(&self, new: NewClaim) -> Result<ClaimOutcome, StoreError>;

    /// The user's claim on an event.
    async fn find_claim(&self, user: UserId, event: EventId) -> Result<Option<StoredClaim>, StoreError>;

    /// The request with this id, and what it was decided on.
    async fn find(&self, id: ClaimId) -> Result<Option<(Claim, DecisionTrace)>, StoreError>;

    /// One page, newest first. Each combination of filters walks an index: the cost does not grow with the page's
    /// position nor with the number of requests.
    async fn list(&self, filter: &ClaimFilter, page: PageRequest) -> Result<Page<Claim>, StoreError>;

    /// Decides a claim that is PENDING: of any number of racers one decides it. What a decision makes necessary (see
    /// [`ClaimWork`]) is noted in the same step. Rejected, a claim gives its seats back.
    async fn decide(&self, decision: Decision) -> Result<DecideOutcome, StoreError> {
        let outcome = self.decide_many(vec![decision]).await?.pop();
        outcome.unwrap_or(Ok(DecideOutcome::Unknown))
    }

    /// Decides up to [`MOST_DECISIONS`](super::MOST_DECISIONS) claims, each by itself: one answer for each, in order. If it
    /// fails as a whole, some may be decided all the same.
    async fn decide_many(
        &self,
        decisions: Vec<Decision>,
    ) -> Result<Vec<Result<DecideOutcome, StoreError>>, StoreError>;

    /// Takes back a claim that is APPROVED: of any number of racers one does. Its work is from then on
    /// [`ClaimWork::Reverse`].
    async fn revoke(&self, revocation: Revocation) -> Result<RevokeOutcome, StoreError>;

    /// Notes that this work is done for these claims. One for which there is other work by now keeps it.
    async fn finish_work(&self, claims: Vec<ClaimId>, work: ClaimWork) -> Result<(), StoreError>;

    /// How many claims there are, of a user or on an event or both, if these are given.
    async fn count(&self, user: Option<UserId>, event: Option<EventId>) -> Result<ClaimCounts, StoreError>;

    /// Claims that this work is still to be done for, the oldest first, at most so many. Those that cannot be read are
    /// passed over.
    async fn list_work(&self, work: ClaimWork, limit: usize) -> Result<Vec<Claim>, StoreError>;
}
