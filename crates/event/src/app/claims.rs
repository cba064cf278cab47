use audit::ChangeStamp;
use domain::{
    Approval, ChangeAuthor, Claim, ClaimId, ClaimStatus, ClaimWork, DecisionTrace, EventId, Role, UserId,
};
use event_store::{ClaimFilter, ClaimOutcome, NewClaim, RevisionKey, StoreError, StoredClaim};
use rules::{Condition, ConditionDecision, ConditionTrace};
use serde_json::Value;
use service_kit::{
    identity::{Caller, UserOrKey},
    page::{Page, PageRequest},
    subject::{SubjectError, SubjectRule, choose_subject},
};

use super::stock::limited_stocks;
use crate::{
    claim_figures::ClaimOutcomeLabel,
    decide::{ClaimRefusal, check_open, decide_claim},
    service::EventService,
};

/// A claim that stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AcceptedClaim {
    /// It was stored now.
    Stored(Claim),
    /// It was stored before, under the same key: this is what was answered then.
    Repeated(Claim),
}

impl AcceptedClaim {
    /// The claim, as it was when it was stored.
    pub(crate) fn into_claim(self) -> Claim {
        match self {
            Self::Stored(claim) | Self::Repeated(claim) => claim,
        }
    }
}

/// A claim with what it was decided on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ExplainedClaim {
    pub(crate) claim: Claim,
    /// The event's revision it was decided on.
    pub(crate) event_revision: i64,
    /// The condition as it stood in that revision; null for a revision that was never kept.
    pub(crate) condition: Value,
    pub(crate) facts: Value,
    pub(crate) eligible: bool,
    /// The condition with the value of each part.
    pub(crate) trace: ConditionTrace,
}

/// Why a claim is not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreateClaimError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Refused(#[from] ClaimRefusal),
    /// With the user's claim that there is.
    #[error("the user has claimed the event before: {0}")]
    AlreadyRequested(ClaimId),
    #[error("of one of the event's rewards nothing is left")]
    SoldOut,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why nobody's claim can be made of a request.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimantError {
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// Whom a server claims for may not claim.
    #[error("the user lacks the role USER")]
    NoClaimant,
}

/// Whose claim a request makes: its caller's, or that of the user whom a server names. Also then the user has
/// to be one who may claim.
pub(crate) fn choose_claimant(
    caller: UserOrKey,
    named: Option<UserId>,
    looked_up: Option<Caller>,
) -> Result<Caller, ClaimantError> {
    let claimant = choose_subject(caller, named, looked_up, SubjectRule::Keys)?;
    if claimant.is(Role::User) { Ok(claimant) } else { Err(ClaimantError::NoClaimant) }
}

/// Why claims are not listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListClaimsError {
    #[error("only staff sees the claims of others")]
    OthersClaims,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a claim is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindClaimError {
    /// There is none, or it is somebody else's.
    #[error("there is no such claim for this caller")]
    Unknown,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Claims an event's rewards for a user. Of any number of attempts at most one is ever stored; one that
    /// is refused is not used up. A retry with the same key gets the first answer again, also after the
    /// event has ended. A server that claims for the user is the change's author in the audit log.
    pub(crate) async fn create_claim(
        &self,
        claimant: &Caller,
        event: EventId,
        idempotency_key: Option<String>,
        server: Option<ChangeAuthor>,
    ) -> Result<AcceptedClaim, CreateClaimError> {
        let stamp = server.map(|server| self.stamp(server));
        let result = self.decide_and_store(claimant, event, idempotency_key, stamp).await;
        self.claim_figures.count(outcome_label(&result));
        result
    }

    async fn decide_and_store(
        &self,
        claimant: &Caller,
        event: EventId,
        idempotency_key: Option<String>,
        stamp: Option<ChangeStamp>,
    ) -> Result<AcceptedClaim, CreateClaimError> {
        let found = self.catalogue.find_event(event).await?.ok_or(CreateClaimError::UnknownEvent)?;
        let now = self.now();
        let decided = match check_open(&found.event, now) {
            Ok(()) => {
                let facts = self.load_facts(&found.event, &found.condition, claimant, now).await?;
                decide_claim(&found.event, &found.condition, &facts)
            }
            Err(refusal) => Err(refusal),
        };
        let decision = match decided {
            Ok(decision) => decision,
            Err(refusal) => return self.repeat_or_refuse(claimant.id, event, idempotency_key, refusal).await,
        };
        let minted = self.ids.mint();
        let claim = Claim {
            id: ClaimId(minted.id),
            event_id: event,
            user_id: claimant.id,
            status: ClaimStatus::Pending,
            event_revision: decision.event_revision,
            created_at: minted.at,
            updated_at: minted.at,
            verdict: None,
            revocation: None,
            work: (found.event.approval == Approval::Auto).then_some(ClaimWork::Decide),
            seats: limited_stocks(&found.event),
        };
        let key = idempotency_key.clone();
        let new = NewClaim { request: claim.clone(), decision, idempotency_key: key, stamp };
        match self.stores.claims.claim_once(new).await? {
            ClaimOutcome::Stored => {
                self.unchained.call();
                if claim.work == Some(ClaimWork::Decide) {
                    self.undecided.call();
                }
                Ok(AcceptedClaim::Stored(claim))
            }
            ClaimOutcome::Already(stored) => repeat_or_name(*stored, idempotency_key.as_deref()),
            ClaimOutcome::SoldOut => Err(CreateClaimError::SoldOut),
            ClaimOutcome::UnknownEvent => Err(CreateClaimError::UnknownEvent),
        }
    }

    /// A retry may come when the event is over or the condition no longer holds: it gets its first answer
    /// all the same.
    async fn repeat_or_refuse(
        &self,
        user: UserId,
        event: EventId,
        idempotency_key: Option<String>,
        refusal: ClaimRefusal,
    ) -> Result<AcceptedClaim, CreateClaimError> {
        if idempotency_key.is_some() {
            let stored = self.stores.claims.find_claim(user, event).await?;
            if let Some(stored) = stored.filter(|stored| stored.idempotency_key == idempotency_key) {
                return repeat_or_name(stored, idempotency_key.as_deref());
            }
        }
        Err(refusal.into())
    }

    /// One page of claims, newest first. A user who is no staff sees their own, and need not say so.
    pub(crate) async fn list_claims(
        &self,
        viewer: &UserOrKey,
        mut filter: ClaimFilter,
        page: PageRequest,
    ) -> Result<Page<Claim>, ListClaimsError> {
        if let UserOrKey::User(user) = viewer
            && !user.roles.is_staff()
            && *filter.user.get_or_insert(user.id) != user.id
        {
            return Err(ListClaimsError::OthersClaims);
        }
        Ok(self.stores.claims.list(&filter, page).await?)
    }

    /// The claim with what it was decided on, if this caller may see it.
    pub(crate) async fn find_claim(
        &self,
        viewer: &UserOrKey,
        id: ClaimId,
    ) -> Result<ExplainedClaim, FindClaimError> {
        let found = self.stores.claims.find(id).await?;
        let visible = found.filter(|(claim, _)| viewer.sees_as_staff() || viewer.is_user(claim.user_id));
        let (claim, trace) = visible.ok_or(FindClaimError::Unknown)?;
        let key = RevisionKey { event: claim.event_id, revision: trace.event_revision };
        let revision = self.stores.revisions.find(key).await?;
        let condition = revision.map(|revision| revision.condition).unwrap_or_default();
        Ok(explain_claim(claim, trace, condition)?)
    }
}

/// Puts the stored outcome of each part back into the condition it was decided by.
fn explain_claim(claim: Claim, trace: DecisionTrace, condition: Value) -> Result<ExplainedClaim, StoreError> {
    let decision: ConditionDecision =
        serde_json::from_value(trace.evaluation).map_err(|error| StoreError::corrupt("event-db", error))?;
    let explained = Condition::from_stored(&condition).explain(&decision, &trace.facts);
    Ok(ExplainedClaim {
        claim,
        event_revision: trace.event_revision,
        condition,
        facts: trace.facts,
        eligible: decision.eligible,
        trace: explained,
    })
}

/// Answers a user's second attempt: the first answer again to whoever has its key, else which claim stands.
fn repeat_or_name(
    stored: StoredClaim,
    idempotency_key: Option<&str>,
) -> Result<AcceptedClaim, CreateClaimError> {
    let claim = stored.request;
    if idempotency_key.is_none() || stored.idempotency_key.as_deref() != idempotency_key {
        return Err(CreateClaimError::AlreadyRequested(claim.id));
    }
    let as_stored = Claim {
        status: ClaimStatus::Pending,
        updated_at: claim.created_at,
        verdict: None,
        revocation: None,
        ..claim
    };
    Ok(AcceptedClaim::Repeated(as_stored))
}

/// What became of an attempt, as the metrics count it.
fn outcome_label(result: &Result<AcceptedClaim, CreateClaimError>) -> ClaimOutcomeLabel {
    match result {
        Ok(AcceptedClaim::Stored(_)) => ClaimOutcomeLabel::Stored,
        Ok(AcceptedClaim::Repeated(_)) => ClaimOutcomeLabel::Repeated,
        Err(CreateClaimError::UnknownEvent) => ClaimOutcomeLabel::UnknownEvent,
        Err(CreateClaimError::Refused(refusal)) => match refusal {
            ClaimRefusal::EventNotActive => ClaimOutcomeLabel::EventNotActive,
            ClaimRefusal::EventNotStarted => ClaimOutcomeLabel::EventNotStarted,
            ClaimRefusal::EventEnded => ClaimOutcomeLabel::EventEnded,
            ClaimRefusal::ConditionNotMet(_) => ClaimOutcomeLabel::ConditionNotMet,
        },
        Err(CreateClaimError::AlreadyRequested(_)) => ClaimOutcomeLabel::AlreadyRequested,
        Err(CreateClaimError::SoldOut) => ClaimOutcomeLabel::SoldOut,
        Err(CreateClaimError::Store(_)) => ClaimOutcomeLabel::Failed,
    }
}

#[cfg(test)]
mod tests {
    use domain::{ObjectId, UserId};
    use serde_json::json;

    use super::*;
    use crate::test_app::parse_time;

    #[test]
    fn a_claim_of_an_earlier_version_is_shown_with_what_is_left_of_its_decision() {
        let at = parse_time("2026-05-01T09:00:00Z");
        let claim = Claim {
            id: ClaimId(ObjectId::from_bytes([1; 12])),
            event_id: EventId(ObjectId::from_bytes([2; 12])),
            user_id: UserId(ObjectId::from_bytes([3; 12])),
            status: ClaimStatus::Pending,
            event_revision: 1,
            created_at: at,
            updated_at: at,
            verdict: None,
            revocation: None,
            work: None,
            seats: Vec::new(),
        };
        let trace = DecisionTrace {
            event_revision: 1,
            facts: json!({"now": "2026-05-01T09:00:00.000Z"}),
            evaluation: json!({"eligible": true, "progress": [], "trace": {"literal": true}}),
        };
        let condition = json!({">=": [{"var": "user.ageDays"}, 7]});
        for condition in [Value::Null, json!({}), condition] {
            let explained = explain_claim(claim.clone(), trace.clone(), condition.clone()).unwrap();
            assert!(explained.eligible, "{condition}");
            assert_eq!((explained.condition, &explained.facts), (condition, &trace.facts));
        }
    }
}
