use domain::{ClaimId, EventId};
use event_store::StoreError;
use rules::{ProgressStep, Reason};
use service_kit::{
    identity::{Caller, UserOrKey},
    subject::SubjectError,
};

use super::events::is_visible;
use crate::{
    decide::{ClaimRefusal, check_open},
    service::EventService,
};

/// Whether a user could claim an event now, and how far they are.
#[derive(Debug)]
pub(crate) struct Eligibility {
    /// Why not; empty if they could.
    pub(crate) obstacles: Vec<EligibilityObstacle>,
    /// Comparison by comparison.
    pub(crate) progress: Vec<ProgressStep>,
}

/// Something that stands between a user and a claim.
#[derive(Debug)]
pub(crate) enum EligibilityObstacle {
    /// The event takes no claims at this moment.
    Closed(ClaimRefusal),
    /// The user has claimed it already.
    AlreadyRequested(ClaimId),
    /// Of one of its rewards nothing is left.
    SoldOut,
    /// Something the condition asks for.
    Unmet(Reason),
}

/// Why nobody can say whether a user could claim.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EligibilityError {
    /// There is none, or only staff may know of it.
    #[error("there is no such event for this caller")]
    UnknownEvent,
    /// It is not known, or not for this caller to know, whose.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Looks at everything that decides a claim, and stores nothing. The same facts and the same condition are used as by
    /// a claim.
    pub(crate) async fn check_eligibility(
        &self,
        viewer: &UserOrKey,
        user: &Caller,
        event: EventId,
    ) -> Result<Eligibility, EligibilityError> {
        let found = self.catalogue.find_event(event).await?;
        let found = found
            .filter(|found| is_visible(found.event.status, viewer))
            .ok_or(EligibilityError::UnknownEvent)?;
        let now = self.now();
        let facts = self.load_facts(&found.event, &found.condition, user, now).await?;
        let mut obstacles = Vec::new();
        if let Err(refusal) = check_open(&found.event, now) {
            obstacles.push(EligibilityObstacle::Closed(refusal));
        }
        if let Some(claim) = self.stores.claims.find_claim(user.id, event).await? {
            obstacles.push(EligibilityObstacle::AlreadyRequested(claim.request.id));
        } else if self.is_sold_out(&found.event).await? {
            obstacles.push(EligibilityObstacle::SoldOut);
        }
        obstacles.extend(found.condition.reasons(&facts).into_iter().map(EligibilityObstacle::Unmet));
        Ok(Eligibility { obstacles, progress: found.condition.progress(&facts) })
    }
}
