//! Whether a claim may be stored, and what it was decided on. Pure: the same event, caller and moment always give the
//! same decision.

use domain::{DecisionTrace, Event, EventStatus, Phase, Timestamp};
use rules::{Condition, Facts, Progress};
use service_kit::identity::Caller;

const MILLIS_PER_DAY: i64 = 24 * 60 * 60 * 1000;

/// Why a claim is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refused {
    NotActive,
    NotStarted,
    Ended,
    /// With how far the user is.
    ConditionNotMet(Vec<Progress>),
}

impl Refused {
    /// The outcome as the metrics count it.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Refused::NotActive => "event_not_active",
            Refused::NotStarted => "event_not_started",
            Refused::Ended => "event_ended",
            Refused::ConditionNotMet(_) => "condition_not_met",
        }
    }
}

/// Decides a claim at the moment `now`.
pub(crate) fn decide(
    event: &Event,
    condition: &Condition,
    caller: &Caller,
    now: Timestamp,
) -> Result<DecisionTrace, Refused> {
    if event.status != EventStatus::Active {
        return Err(Refused::NotActive);
    }
    match event.phase(now) {
        Phase::Upcoming => return Err(Refused::NotStarted),
        Phase::Ended => return Err(Refused::Ended),
        Phase::Ongoing => {}
    }
    let facts = facts(caller, now);
    let decision = condition.evaluate(&facts);
    if !decision.eligible {
        return Err(Refused::ConditionNotMet(decision.progress));
    }
    Ok(DecisionTrace {
        event_revision: event.revision,
        condition: event.condition.clone(),
        facts: facts.to_json(),
        evaluation: serde_json::to_value(&decision).unwrap_or_default(),
    })
}

/// What is known of the caller. When they registered is part of their id, to the second.
fn facts(caller: &Caller, now: Timestamp) -> Facts {
    let age = now.as_millis() - caller.id.0.minted_at().as_millis();
    Facts {
        user_id: caller.id.to_string(),
        roles: caller.roles.iter().map(|role| role.name().to_owned()).collect(),
        age_days: age.max(0) / MILLIS_PER_DAY,
        now: now.to_jiff(),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Approval, EventId, ObjectId, Role, RoleSet, UserId};
    use serde_json::{Value, json};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn event(condition: Value) -> Event {
        Event {
            id: EventId(ObjectId::from_bytes([1; 12])),
            name: "Spring".into(),
            description: None,
            condition,
            period_start: at("2026-05-01T00:00:00Z"),
            period_end: Some(at("2026-06-01T00:00:00Z")),
            timezone: "UTC".into(),
            status: EventStatus::Active,
            approval: Approval::Manual,
            revision: 3,
            created_by: UserId(ObjectId::from_bytes([2; 12])),
            created_at: at("2026-04-01T00:00:00Z"),
            updated_at: at("2026-04-01T00:00:00Z"),
        }
    }

    /// Registered on 2026-05-01 at 09:00.
    fn caller() -> Caller {
        let id = UserId(ObjectId::floor(at("2026-05-01T09:00:00Z")));
        Caller { id, roles: RoleSet::from_roles(&[Role::User]) }
    }

    fn decided(event: &Event, now: &str) -> Result<DecisionTrace, Refused> {
        let condition = Condition::parse(&event.condition).unwrap();
        decide(event, &condition, &caller(), at(now))
    }

    #[test]
    fn an_event_can_be_claimed_from_its_start_until_just_before_its_end() {
        let spring = event(json!({}));
        assert_eq!(decided(&spring, "2026-04-30T23:59:59.999Z"), Err(Refused::NotStarted));
        assert!(decided(&spring, "2026-05-01T00:00:00Z").is_ok());
        assert!(decided(&spring, "2026-05-31T23:59:59.999Z").is_ok());
        assert_eq!(decided(&spring, "2026-06-01T00:00:00Z"), Err(Refused::Ended));
        let off = Event { status: EventStatus::Inactive, ..spring };
        assert_eq!(decided(&off, "2026-05-02T00:00:00Z"), Err(Refused::NotActive));
    }

    #[test]
    fn the_trace_holds_the_revision_the_facts_and_the_evaluation() {
        let week = event(json!({">=": [{"var": "user.ageDays"}, 7]}));
        let trace = decided(&week, "2026-05-08T09:00:00Z").unwrap();
        assert_eq!((trace.event_revision, &trace.condition), (3, &week.condition));
        assert_eq!(trace.facts["user"]["ageDays"], 7);
        assert_eq!(trace.evaluation["eligible"], true);
        assert_eq!(trace.evaluation["progress"][0]["target"], 7);
    }

    #[test]
    fn a_condition_that_is_not_met_tells_how_far_the_user_is() {
        let week = event(json!({">=": [{"var": "user.ageDays"}, 7]}));
        let Err(Refused::ConditionNotMet(progress)) = decided(&week, "2026-05-08T08:59:59Z") else {
            panic!("admitted")
        };
        assert_eq!(progress[0].actual, 6);
        assert!(!progress[0].met);
    }
}
