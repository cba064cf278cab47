//! Whether a claim may be stored, and what it was decided on. Pure: the same event and facts always
//! give the same decision.

use domain::{DecisionTrace, Event, EventStatus, Phase, Timestamp};
use rules::{Condition, Facts, ProgressStep};

/// Why an event cannot be claimed by this user at this moment.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum ClaimRefusal {
    #[error("the event is switched off")]
    EventNotActive,
    #[error("the event's period has not begun")]
    EventNotStarted,
    #[error("the event's period is over")]
    EventEnded,
    /// With how far the user is.
    #[error("the event's condition is not met")]
    ConditionNotMet(Vec<ProgressStep>),
}

/// Whether the event takes claims at the moment `now`. It costs nothing, and so comes before the facts.
pub(crate) fn check_open(event: &Event, now: Timestamp) -> Result<(), ClaimRefusal> {
    if event.status != EventStatus::Active {
        return Err(ClaimRefusal::EventNotActive);
    }
    match event.phase(now) {
        Phase::Upcoming => Err(ClaimRefusal::EventNotStarted),
        Phase::Ended => Err(ClaimRefusal::EventEnded),
        Phase::Ongoing => Ok(()),
    }
}

/// Decides a claim on an open event by the facts its condition names.
pub(crate) fn decide_claim(
    event: &Event,
    condition: &Condition,
    facts: &Facts,
) -> Result<DecisionTrace, ClaimRefusal> {
    let decision = condition.evaluate(facts);
    if !decision.eligible {
        return Err(ClaimRefusal::ConditionNotMet(condition.progress(facts)));
    }
    Ok(DecisionTrace {
        event_revision: event.revision,
        facts: facts.to_json(condition.facts()),
        evaluation: serde_json::to_value(&decision).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use domain::{ObjectId, Role, RoleSet, UserId};
    use serde_json::json;
    use service_kit::identity::Caller;

    use super::*;
    use crate::app::facts::user_facts;
    use crate::test_app::{heavy_condition, parse_time, spring_event};

    /// Registered on 2026-05-01 at 09:00.
    fn some_claimant() -> Caller {
        let id = UserId(ObjectId::floor(parse_time("2026-05-01T09:00:00Z")));
        Caller { id, roles: RoleSet::from_roles(&[Role::User]) }
    }

    fn decide_at(event: &Event, now: &str) -> Result<DecisionTrace, ClaimRefusal> {
        let condition = Condition::parse(&event.condition).unwrap();
        check_open(event, parse_time(now))?;
        decide_claim(event, &condition, &user_facts(&some_claimant(), parse_time(now)))
    }

    #[test]
    fn an_event_can_be_claimed_from_its_start_until_just_before_its_end() {
        let spring = spring_event(json!({}));
        assert_eq!(decide_at(&spring, "2026-04-30T23:59:59.999Z"), Err(ClaimRefusal::EventNotStarted));
        assert!(decide_at(&spring, "2026-05-01T00:00:00Z").is_ok());
        assert!(decide_at(&spring, "2026-05-31T23:59:59.999Z").is_ok());
        assert_eq!(decide_at(&spring, "2026-06-01T00:00:00Z"), Err(ClaimRefusal::EventEnded));
        let off = Event { status: EventStatus::Inactive, ..spring };
        assert_eq!(decide_at(&off, "2026-05-02T00:00:00Z"), Err(ClaimRefusal::EventNotActive));
    }

    #[test]
    fn the_trace_holds_the_revision_the_facts_and_the_evaluation() {
        let week = spring_event(json!({">=": [{"var": "user.ageDays"}, 7]}));
        let trace = decide_at(&week, "2026-05-08T09:00:00Z").unwrap();
        assert_eq!(trace.event_revision, 3);
        assert_eq!(trace.facts["user"]["ageDays"], 7);
        assert_eq!(trace.evaluation["eligible"], true);
        let decision = serde_json::from_value(trace.evaluation).unwrap();
        let explained = Condition::from_stored(&week.condition).explain(&decision, &trace.facts);
        let explained = serde_json::to_value(explained).unwrap();
        assert_eq!((&explained["operator"], &explained["value"]), (&json!(">="), &json!(true)));
    }

    #[test]
    fn a_condition_that_is_not_met_tells_how_far_the_user_is() {
        let week = spring_event(json!({">=": [{"var": "user.ageDays"}, 7]}));
        let Err(ClaimRefusal::ConditionNotMet(progress)) = decide_at(&week, "2026-05-08T08:59:59Z") else {
            panic!("admitted")
        };
        assert_eq!(progress[0].actual, 6);
        assert!(!progress[0].met);
    }

    #[test]
    fn what_is_kept_of_a_decision_is_small_however_large_the_condition() {
        let heavy = spring_event(heavy_condition());
        assert!(heavy.condition.to_string().len() > 15 * 1024);
        let trace = decide_at(&heavy, "2026-05-08T09:00:00Z").unwrap();
        let kept = serde_json::to_string(&trace).unwrap().len();
        let facts = trace.facts.to_string().len();
        // The rest of a claim has less than 1 KiB: three ids, a status, two times, a key of up to 255
        // characters.
        assert!(kept - facts < 7 * 1024, "{kept} bytes, {facts} of which are facts");
    }
}
