use audit::ChangeStamp;
use domain::{
    ChangeAuthor, Claim, ClaimId, ClaimStatus, ClaimWork, Decider, EventId, Ruling, Timestamp, UserId,
    Verdict,
};
use event_store::{ClaimCounts, ClaimFilter, DecideOutcome, Decision, MOST_DECISIONS, StoreError};
use service_kit::{identity::UserOrKey, page::PageRequest};

use crate::service::EventService;

/// What is decided, and why, of any number of claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RulingWithReason {
    pub(crate) ruling: Ruling,
    pub(crate) reason: Option<String>,
}

/// Which claims are to be decided together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClaimChoice {
    /// These.
    Ids(Vec<ClaimId>),
    /// Those that are PENDING and match, if they are as many as the decider has seen.
    Matching { filter: ClaimFilter, expected: usize },
}

/// What became of one of many decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DecisionResult {
    /// It counts.
    Decided(ClaimStatus),
    /// The claim had been decided: this is its status.
    AlreadyDecided(ClaimStatus),
    /// There is no such claim, or it cannot be read.
    NotFound,
}

/// Why a claim is not decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideClaimError {
    #[error("there is no such claim")]
    Unknown,
    /// With what it is.
    #[error("the claim is decided: it is {0}")]
    AlreadyDecided(ClaimStatus),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why no claim is decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideClaimsError {
    /// With how many match now.
    #[error("other claims match than the decider has seen: {0}")]
    CountChanged(usize),
    /// More match than are decided at a time.
    #[error("too many claims match")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a round of decisions that nobody has to make came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ApprovalRound {
    /// How many claims this round has approved.
    pub(crate) approved: u64,
    /// When the last one was stored, if there may be more.
    pub(crate) more_since: Option<Timestamp>,
}

impl EventService {
    /// Approves or rejects a claim that is PENDING. Of several who do so at the same time one does.
    pub(crate) async fn decide_claim(
        &self,
        decider: &UserOrKey,
        claim: ClaimId,
        ruling: RulingWithReason,
        author: ChangeAuthor,
    ) -> Result<Claim, DecideClaimError> {
        let decision = self.new_decisions(decider_of(decider), &ruling, Some(author))(claim);
        match self.stores.claims.decide(decision).await? {
            DecideOutcome::Decided(claim) => {
                self.ungranted.call();
                self.unchained.call();
                Ok(claim)
            }
            DecideOutcome::AlreadyDecided(claim) => Err(DecideClaimError::AlreadyDecided(claim.status)),
            DecideOutcome::Unknown => Err(DecideClaimError::Unknown),
        }
    }

    /// Decides many claims in the same way, each by itself. If the store fails on the way, some of them may be decided.
    pub(crate) async fn decide_claims(
        &self,
        decider: &UserOrKey,
        choice: ClaimChoice,
        ruling: RulingWithReason,
        author: ChangeAuthor,
    ) -> Result<Vec<(ClaimId, DecisionResult)>, DecideClaimsError> {
        let ids = match choice {
            ClaimChoice::Ids(ids) => ids,
            ClaimChoice::Matching { filter, expected } => self.find_expected(filter, expected).await?,
        };
        let decision = self.new_decisions(decider_of(decider), &ruling, Some(author));
        let outcomes = self.stores.claims.decide_many(ids.iter().copied().map(decision).collect()).await?;
        self.ungranted.call();
        self.unchained.call();
        ids.into_iter().zip(outcomes).map(|(id, outcome)| Ok((id, read_outcome(outcome)?))).collect()
    }

    /// The PENDING claims that match, if they are as many as expected.
    async fn find_expected(
        &self,
        filter: ClaimFilter,
        expected: usize,
    ) -> Result<Vec<ClaimId>, DecideClaimsError> {
        let filter = ClaimFilter { status: Some(ClaimStatus::Pending), ..filter };
        let page = PageRequest { limit: MOST_DECISIONS, before: None };
        let found = self.stores.claims.list(&filter, page).await?;
        if found.next_cursor.is_some() {
            return Err(DecideClaimsError::TooMany);
        }
        if found.items.len() != expected {
            return Err(DecideClaimsError::CountChanged(found.items.len()));
        }
        // The oldest first.
        Ok(found.items.iter().rev().map(|claim| claim.id).collect())
    }

    /// How many claims there are by status, of a user or on an event or both.
    pub(crate) async fn count_claims(
        &self,
        user: Option<UserId>,
        event: Option<EventId>,
    ) -> Result<ClaimCounts, StoreError> {
        self.stores.claims.count(user, event).await
    }

    /// Approves claims on events that decide by themselves, the oldest first. Any number of replicas may do so at the same
    /// time: each claim is approved once.
    pub(crate) async fn approve_undecided(&self) -> Result<ApprovalRound, StoreError> {
        let waiting = self.stores.claims.list_work(ClaimWork::Decide, MOST_DECISIONS).await?;
        let more_since =
            waiting.last().filter(|_| waiting.len() == MOST_DECISIONS).map(|claim| claim.created_at);
        let approval = RulingWithReason { ruling: Ruling::Approved, reason: None };
        let decision = self.new_decisions(Decider::Auto, &approval, None);
        let decisions: Vec<_> = waiting.iter().map(|claim| decision(claim.id)).collect();
        if decisions.is_empty() {
            return Ok(ApprovalRound { approved: 0, more_since: None });
        }
        let outcomes = self.stores.claims.decide_many(decisions).await?;
        self.ungranted.call();
        let is_decided = |outcome: &&_| matches!(outcome, Ok(DecideOutcome::Decided(_)));
        let approved = u64::try_from(outcomes.iter().filter(is_decided).count()).unwrap_or(u64::MAX);
        match outcomes.into_iter().find_map(Result::err) {
            // Nothing was done: a failure that the driver has to know of.
            Some(error) if approved == 0 => Err(error),
            _ => Ok(ApprovalRound { approved, more_since }),
        }
    }

    /// Decisions of one mind, made now: each its own change in the audit log, if somebody makes them.
    fn new_decisions(
        &self,
        by: Decider,
        ruling: &RulingWithReason,
        author: Option<ChangeAuthor>,
    ) -> impl Fn(ClaimId) -> Decision + use<> {
        let verdict = Verdict { by, at: self.now(), reason: ruling.reason.clone() };
        let (ruling, mark, ids) = (ruling.ruling, self.ids.mint().id, self.ids.clone());
        move |claim| {
            let stamp = author.clone().map(|author| ChangeStamp::new(ids.mint(), author));
            Decision { claim, mark, ruling, verdict: verdict.clone(), stamp }
        }
    }
}

pub(super) fn decider_of(caller: &UserOrKey) -> Decider {
    match caller {
        UserOrKey::User(user) => Decider::User(user.id),
        UserOrKey::Key(key) => Decider::Key(key.id),
    }
}

/// A claim that cannot be read keeps no other from being decided: the store has named it in the log.
fn read_outcome(outcome: Result<DecideOutcome, StoreError>) -> Result<DecisionResult, StoreError> {
    match outcome {
        Ok(DecideOutcome::Decided(claim)) => Ok(DecisionResult::Decided(claim.status)),
        Ok(DecideOutcome::AlreadyDecided(claim)) => Ok(DecisionResult::AlreadyDecided(claim.status)),
        Ok(DecideOutcome::Unknown) | Err(StoreError::Corrupt { .. }) => Ok(DecisionResult::NotFound),
        Err(error @ StoreError::Unavailable { .. }) => Err(error),
    }
}
