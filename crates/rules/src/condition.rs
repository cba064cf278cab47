use std::{collections::HashSet, sync::Arc};

use domain::ActivityType;
use serde_json::Value;

use crate::{
    condition_fault::ConditionFault,
    decision::{ConditionDecision, OutcomeRecorder},
    evaluate::evaluate_condition,
    expression::Expression,
    fact::{ActivityFact, Fact},
    facts::Facts,
    operate::OperationFailure,
    progress::{ProgressStep, collect_progress},
    prospect::find_reasons,
    reader::read_condition,
    reason::{Reason, ReasonMatter},
    trace::{ConditionTrace, build_trace},
};

/// What one allocation costs besides its content, and the counters of an [`Arc`].
const ARC_BYTES: usize = 32;

/// Who may claim: a checked rule, ready to be evaluated. Cloning it is cheap.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Arc<CompiledCondition>);

#[derive(Debug, PartialEq)]
struct CompiledCondition {
    /// None for the condition that admits everybody.
    expression: Option<Expression>,
    /// Each once, in the order of first mention.
    facts: Box<[Fact]>,
}

impl Condition {
    /// Checks a new condition, or tells what is wrong with it: at most 100 faults, whose length is bounded.
    ///
    /// # Errors
    /// The condition has a fault. Whatever its size and depth, finding out takes bounded time and stack.
    pub fn parse(source: &Value) -> Result<Self, Vec<ConditionFault>> {
        let read = read_condition(source);
        if read.faults.is_empty() { Ok(Self::new(read.expression)) } else { Err(read.faults) }
    }

    /// Reads a condition that was accepted before, perhaps by another version, without judging it anew. A
    /// part that this version does not understand fails where it is needed.
    pub fn from_stored(source: &Value) -> Self {
        Self::new(read_condition(source).expression)
    }

    /// The condition `{}`.
    pub fn everybody() -> Self {
        Self::new(None)
    }

    fn new(expression: Option<Expression>) -> Self {
        let mut mentioned = Vec::new();
        if let Some(expression) = &expression {
            expression.collect_facts(&mut mentioned);
        }
        let mut seen = HashSet::new();
        let facts = mentioned.into_iter().filter(|fact| seen.insert(*fact)).cloned().collect();
        Self(Arc::new(CompiledCondition { expression, facts }))
    }

    /// The facts it asks for, each once: the others need not be loaded.
    pub fn facts(&self) -> &[Fact] {
        &self.0.facts
    }

    /// The activity types it asks about, each once.
    pub fn activity_types(&self) -> HashSet<&ActivityType> {
        let activity_type = |fact| match fact {
            &Fact::Activity(ActivityFact { ref activity_type, .. }) => Some(activity_type),
            _ => None,
        };
        self.0.facts.iter().filter_map(activity_type).collect()
    }

    /// The memory it takes in bytes, rather too much than too little, so that a cache can be bounded by it.
    pub fn weight(&self) -> usize {
        let names: usize = self.0.facts.iter().map(|fact| fact.heap_bytes() + ARC_BYTES).sum();
        let facts = self.0.facts.len() * size_of::<Fact>() + ARC_BYTES + names;
        let expression = self.0.expression.as_ref().map_or(0, Expression::heap_bytes);
        size_of::<CompiledCondition>() + ARC_BYTES + facts + expression
    }

    /// Decides. A condition that cannot be evaluated admits nobody; its trace tells why.
    pub fn evaluate(&self, facts: &Facts) -> ConditionDecision {
        match &self.0.expression {
            Some(expression) => evaluate_condition(expression, facts),
            None => OutcomeRecorder::default().into_decision(true),
        }
    }

    /// How far the user is, comparison by comparison in source order. For answers; it is not stored.
    pub fn progress(&self, facts: &Facts) -> Vec<ProgressStep> {
        self.0.expression.as_ref().map(|expression| collect_progress(expression, facts)).unwrap_or_default()
    }

    /// Why the user is not admitted: what matters of what they lack. Empty exactly if they are.
    pub fn reasons(&self, facts: &Facts) -> Vec<Reason> {
        let Some(expression) = &self.0.expression else { return Vec::new() };
        let reasons = find_reasons(expression, facts);
        if reasons.is_empty() && !self.evaluate(facts).eligible {
            // Each part can be evaluated, but not all of them.
            let matter = ReasonMatter::Failed(Some(OperationFailure::TooMuchText));
            return vec![Reason::without_fact("!!", matter)];
        }
        reasons
    }

    /// How a decision came about, from what was stored: the decision and the facts ([`Facts::to_json`]).
    /// Nothing is evaluated anew. The condition must be the one that was decided by.
    pub fn explain(&self, decision: &ConditionDecision, facts: &Value) -> ConditionTrace {
        match &self.0.expression {
            Some(expression) => build_trace(expression, decision, facts),
            None => ConditionTrace::Literal { literal: Value::Bool(true) },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn unknown_user() -> Facts {
        Facts::new(String::new(), Vec::new(), 0, domain::Timestamp::from_millis(0))
    }

    #[test]
    fn the_empty_condition_admits_everybody() {
        let parsed = Condition::parse(&json!({})).unwrap();
        assert_eq!(parsed, Condition::everybody());
        assert_eq!(parsed.facts(), []);
        let decision = parsed.evaluate(&unknown_user());
        assert!(decision.eligible && parsed.progress(&unknown_user()).is_empty());
        let trace = parsed.explain(&decision, &unknown_user().to_json(&[]));
        assert_eq!(trace, ConditionTrace::Literal { literal: json!(true) });
    }

    #[test]
    fn facts_are_listed_once_in_the_order_of_first_mention() {
        let age = json!({">": [{"var": "user.ageDays"}, 1]});
        let soon = json!({"<": [{"var": "now"}, "2026-06-01T00:00:00Z"]});
        let source = json!({"and": [age, {"in": ["USER", {"var": "user.roles"}]}, age, soon]});
        let facts = [Fact::UserAgeDays, Fact::UserRoles, Fact::Now];
        assert_eq!(Condition::parse(&source).unwrap().facts(), facts);
    }

    #[test]
    fn activity_types_are_listed_once_however_much_is_asked_of_them() {
        let at_least_one = |fact: &str| json!({">=": [{ "var": fact }, 1]});
        let facts =
            ["activity.login.days", "activity.flash-sale.sum", "activity.login.streak", "attributes.a"];
        let condition = Condition::parse(&json!({ "and": facts.map(at_least_one) })).unwrap();
        assert_eq!(condition.facts().iter().map(Fact::to_string).collect::<Vec<_>>(), facts);
        let mut types: Vec<_> = condition.activity_types().into_iter().map(ActivityType::as_str).collect();
        types.sort_unstable();
        assert_eq!(types, ["flash-sale", "login"]);
    }

    #[test]
    fn conditions_can_be_shared_between_threads() {
        fn assert_shared<T: Send + Sync + Clone>(_: &T) {}
        assert_shared(&Condition::everybody());
    }

    #[test]
    fn what_an_earlier_version_accepted_is_read_without_being_judged_anew() {
        let admits = |source: &Value| Condition::from_stored(source).evaluate(&unknown_user()).eligible;
        let numeric_text = json!({"==": [{"var": "user.ageDays"}, "0"]});
        assert!(Condition::parse(&numeric_text).is_err());
        assert!(!admits(&numeric_text));
        assert!(admits(&json!({"<": [{"var": "user.ageDays"}, i64::MAX]})));
    }

    #[test]
    fn what_a_later_version_accepted_fails_only_where_it_is_needed() {
        let unknown = json!({">": [{"var": "moon.phase"}, 1]});
        let admits = |source: &Value| Condition::from_stored(source).evaluate(&unknown_user()).eligible;
        assert!(!admits(&unknown));
        assert!(!admits(&json!({ "!": unknown })));
        assert!(admits(&json!({"or": [true, unknown]})));
        let condition = Condition::from_stored(&unknown);
        let trace = condition.explain(&condition.evaluate(&unknown_user()), &unknown_user().to_json(&[]));
        let shown = serde_json::to_value(trace).unwrap();
        assert_eq!(shown["error"], "an argument could not be evaluated");
        assert_eq!(shown["arguments"][0], json!({"error": "this part is not understood any more"}));
    }
}
