use domain::EventId;
use event_store::StoreError;
use rules::{Condition, ConditionTrace, Facts, ProgressStep, Reason};
use serde_json::Value;
use service_kit::identity::Caller;

use crate::service::EventService;

/// What a condition makes of facts.
#[derive(Debug)]
pub(crate) struct ConditionVerdict {
    pub(crate) eligible: bool,
    /// The facts the condition names, and those that are always there.
    pub(crate) facts: Value,
    /// The condition with the value of each part.
    pub(crate) trace: ConditionTrace,
    pub(crate) progress: Vec<ProgressStep>,
    pub(crate) reasons: Vec<Reason>,
}

/// Why a condition is not tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EvaluateConditionError {
    #[error("there is no such event")]
    UnknownEvent,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl EventService {
    /// Tries a condition on a user as they are now, within an event's period and zone. Nothing is stored.
    pub(crate) async fn evaluate_for_user(
        &self,
        condition: &Condition,
        event: EventId,
        user: &Caller,
    ) -> Result<ConditionVerdict, EvaluateConditionError> {
        let found = self.catalogue.find_event(event).await?.ok_or(EvaluateConditionError::UnknownEvent)?;
        let facts = self.load_facts(&found.event, condition, user, self.now()).await?;
        Ok(judge_facts(condition, &facts))
    }
}

/// Tries a condition on facts.
pub(crate) fn judge_facts(condition: &Condition, facts: &Facts) -> ConditionVerdict {
    let decision = condition.evaluate(facts);
    let kept = facts.to_json(condition.facts());
    ConditionVerdict {
        eligible: decision.eligible,
        trace: condition.explain(&decision, &kept),
        progress: condition.progress(facts),
        reasons: condition.reasons(facts),
        facts: kept,
    }
}
