use audit::ChangeStamp;
use domain::{Claim, ClaimId, ClaimStatus, ObjectId, Ruling, Timestamp, Verdict};

/// The most claims that are decided at a time.
pub const MOST_DECISIONS: usize = 500;

/// What somebody decides of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The claim.
    pub claim: ClaimId,
    /// A fresh id for this decision and those made together with it: it tells them from any other, also from one of the same
    /// person at the same moment.
    pub mark: ObjectId,
    /// For or against the claimant.
    pub ruling: Ruling,
    /// Who decides, when and why.
    pub verdict: Verdict,
    /// The same for the audit log, with an id for this claim alone. None where the event decides by itself: the claim says so.
    pub stamp: Option<ChangeStamp>,
}

impl Decision {
    /// The claim as this decision leaves it, if it is PENDING before.
    pub(crate) fn apply_to(&self, claim: Claim) -> Claim {
        let is_approved = self.ruling == Ruling::Approved;
        Claim {
            status: self.ruling.status(),
            updated_at: self.verdict.at,
            verdict: Some(self.verdict.clone()),
            work: is_approved.then_some(domain::ClaimWork::Grant),
            seats: if is_approved { claim.seats } else { Vec::new() },
            ..claim
        }
    }
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecideOutcome {
    /// It counts. This is the claim now.
    Decided(Claim),
    /// The claim was not PENDING any more: another decision counts, and nothing was changed.
    AlreadyDecided(Claim),
    /// There is no such claim.
    Unknown,
}

/// What somebody takes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// The claim.
    pub claim: ClaimId,
    /// A fresh id: it tells this revocation from any other.
    pub mark: ObjectId,
    /// Who takes it back, when and why.
    pub verdict: Verdict,
    /// Which of its seats it gives back. What it holds of others is used up.
    pub returned: Vec<ObjectId>,
    /// The same for the audit log.
    pub stamp: ChangeStamp,
}

/// What became of a revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RevokeOutcome {
    /// It counts. This is the claim now.
    Revoked(Claim),
    /// The claim is not APPROVED; nothing was changed.
    NotApproved(Claim),
    /// There is no such claim.
    Unknown,
}

/// How many claims there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClaimCounts {
    /// Of each status, in the order of [`ClaimStatus::ALL`].
    by_status: [u64; ClaimStatus::ALL.len()],
    /// The PENDING one that was stored first.
    pub oldest_pending: Option<OldestClaim>,
}

/// The claim that has waited longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OldestClaim {
    /// The claim.
    pub id: ClaimId,
    /// When it was stored.
    pub created_at: Timestamp,
}

impl ClaimCounts {
    /// How many have this status.
    pub const fn with_status(&self, status: ClaimStatus) -> u64 {
        self.by_status[status as usize]
    }

    /// Adds to those with this status.
    pub(crate) fn add(&mut self, status: ClaimStatus, count: u64) {
        let counted = &mut self.by_status[status as usize];
        *counted = counted.saturating_add(count);
    }
}
