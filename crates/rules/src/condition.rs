use std::{fmt, sync::Arc};

use serde_json::{Map, Value};

use crate::{
    check,
    compile::{Program, compile},
    evaluate,
    explain::{Decision, Trace},
    fact::{Fact, Facts},
    fault::Fault,
};

/// Who may claim: a checked and compiled rule. Cloning it is cheap.
#[derive(Clone)]
pub struct Condition(Arc<Compiled>);

struct Compiled {
    source: Value,
    /// None for the condition that admits everybody.
    program: Option<Program>,
}

impl Condition {
    /// Checks and compiles a condition, or tells everything that is wrong with it.
    pub fn parse(source: &Value) -> Result<Self, Vec<Fault>> {
        let program = match check::read(source)? {
            Some(expression) => Some(compile(expression).map_err(|fault| vec![fault])?),
            None => None,
        };
        Ok(Self(Arc::new(Compiled { source: source.clone(), program })))
    }

    /// The condition `{}`.
    pub fn everybody() -> Self {
        Self(Arc::new(Compiled { source: Value::Object(Map::new()), program: None }))
    }

    /// The condition as it was given.
    pub fn source(&self) -> &Value {
        &self.0.source
    }

    /// The facts it asks for, each once: the others need not be loaded.
    pub fn facts(&self) -> &[Fact] {
        self.0.program.as_ref().map_or(&[], |program| &program.facts)
    }

    /// Decides and explains. A condition that cannot be evaluated admits nobody; its trace tells why.
    pub fn evaluate(&self, facts: &Facts) -> Decision {
        match &self.0.program {
            Some(program) => evaluate::evaluate(program, facts),
            None => Decision {
                eligible: true,
                progress: Vec::new(),
                trace: Trace::Literal { literal: Value::Bool(true) },
            },
        }
    }
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source).finish()
    }
}

/// Two conditions are equal if they are written the same.
impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn anyone() -> Facts {
        Facts { user_id: String::new(), roles: Vec::new(), age_days: 0, now: jiff::Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn the_empty_condition_admits_everybody() {
        let parsed = Condition::parse(&json!({})).unwrap();
        assert_eq!(parsed, Condition::everybody());
        assert_eq!(parsed.source(), &json!({}));
        assert_eq!(parsed.facts(), []);
        let decision = parsed.evaluate(&anyone());
        assert!(decision.eligible && decision.progress.is_empty());
        assert_eq!(decision.trace, Trace::Literal { literal: json!(true) });
    }

    #[test]
    fn the_source_is_kept_as_given() {
        let source = json!({"!": {"var": ["user.ageDays", 3]}});
        assert_eq!(Condition::parse(&source).unwrap().source(), &source);
    }

    #[test]
    fn facts_are_listed_once_in_the_order_of_first_mention() {
        let age = json!({">": [{"var": "user.ageDays"}, 1]});
        let source = json!({"and": [age, {"in": ["USER", {"var": "user.roles"}]}, age]});
        assert_eq!(Condition::parse(&source).unwrap().facts(), [Fact::UserAgeDays, Fact::UserRoles]);
    }

    #[test]
    fn conditions_can_be_shared_between_threads() {
        fn shared<T: Send + Sync + Clone>(_: &T) {}
        shared(&Condition::everybody());
    }
}
