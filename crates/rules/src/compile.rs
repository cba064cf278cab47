use std::sync::LazyLock;

use datalogic_rs::{CustomOperator, DataValue, Engine, Error, Logic, bumpalo::Bump, operator::EvalContext};
use serde_json::{Value, json};

use crate::{
    check::{Expression, Kind},
    explain::Probe,
    fact::{Fact, instant},
    fault::Fault,
    operator::{Family, Operator},
};

/// One engine for all conditions; it holds no state besides its settings.
pub(crate) static ENGINE: LazyLock<Engine> =
    LazyLock::new(|| Engine::builder().add_operator(ARGUMENT, Argument).build());

/// Stands for an argument that could not be evaluated. No argument is an object otherwise.
pub(crate) const FAILED: DataValue<'static> = DataValue::Object(&[]);

/// Not an operator of conditions: [`Operator::named`] does not know it.
const ARGUMENT: &str = "argument";

/// Hands over an argument that was evaluated before, and fails if that had failed: only now is it known that the
/// argument matters, since `and`, `or` and `if` skip some of theirs.
struct Argument;

impl CustomOperator for Argument {
    fn evaluate<'a>(
        &self,
        arguments: &[&'a DataValue<'a>],
        _: &mut EvalContext<'_, 'a>,
        _: &'a Bump,
    ) -> datalogic_rs::Result<&'a DataValue<'a>> {
        match arguments {
            [value] if !matches!(value, DataValue::Object(_)) => Ok(*value),
            _ => Err(Error::custom_message("an argument could not be evaluated")),
        }
    }
}

/// A condition ready to run.
pub(crate) struct Program {
    pub(crate) root: Node,
    /// In source order.
    pub(crate) probes: Vec<Probe>,
    /// Each once, in the order of first mention.
    pub(crate) facts: Vec<Fact>,
}

pub(crate) enum Node {
    Literal(Value),
    List(Vec<Node>),
    Fact(Fact),
    Operation(Operation),
}

/// One operator over its evaluated arguments, which the rule takes from an array by number.
pub(crate) struct Operation {
    pub(crate) operator: &'static str,
    pub(crate) pointer: String,
    pub(crate) arguments: Vec<Node>,
    /// Whether `now` is given as milliseconds since 1970, as the literals in the rule are then.
    pub(crate) instants: bool,
    pub(crate) rule: Logic,
}

pub(crate) fn compile(expression: Expression) -> Result<Program, Fault> {
    let mut compiler = Compiler { probes: Vec::new(), facts: Vec::new() };
    let root = compiler.node(expression)?;
    Ok(Program { root, probes: compiler.probes, facts: compiler.facts })
}

struct Compiler {
    probes: Vec<Probe>,
    facts: Vec<Fact>,
}

impl Compiler {
    fn node(&mut self, expression: Expression) -> Result<Node, Fault> {
        match expression.kind {
            Kind::Literal(value) => Ok(Node::Literal(value)),
            Kind::List(items) => Ok(Node::List(self.nodes(items)?)),
            Kind::Fact(fact) => {
                if !self.facts.contains(&fact) {
                    self.facts.push(fact);
                }
                Ok(Node::Fact(fact))
            }
            Kind::Operation(operator, arguments) => {
                self.probe(operator, &arguments)?;
                let instants = compares_instants(operator, &arguments);
                let rule = rule(operator, &arguments, instants, &expression.pointer)?;
                let arguments = self.nodes(arguments)?;
                let operator = operator.name;
                Ok(Node::Operation(Operation {
                    operator,
                    pointer: expression.pointer,
                    arguments,
                    instants,
                    rule,
                }))
            }
        }
    }

    fn nodes(&mut self, expressions: Vec<Expression>) -> Result<Vec<Node>, Fault> {
        expressions.into_iter().map(|expression| self.node(expression)).collect()
    }

    /// Notes each comparison between a fact and a literal; `a < b < c` makes two.
    fn probe(&mut self, operator: &'static Operator, arguments: &[Expression]) -> Result<(), Fault> {
        if !operator.is_comparison() && operator.family != Family::Membership {
            return Ok(());
        }
        for pair in arguments.windows(2) {
            let (fact, name, target, place) = match pair {
                [
                    Expression { kind: Kind::Fact(fact), .. },
                    Expression { kind: Kind::Literal(target), pointer },
                ] => (*fact, operator.name, target, pointer),
                [
                    Expression { kind: Kind::Literal(target), pointer },
                    Expression { kind: Kind::Fact(fact), .. },
                ] => (*fact, operator.flipped(), target, pointer),
                _ => continue,
            };
            let instants = compares_instants(operator, pair);
            let rule = rule(operator, pair, instants, place)?;
            self.probes.push(Probe { fact, operator: name, target: target.clone(), instants, rule });
        }
        Ok(())
    }
}

/// The check has seen to it that every literal next to `now` is a time.
fn compares_instants(operator: &Operator, arguments: &[Expression]) -> bool {
    operator.is_comparison()
        && arguments.iter().any(|argument| matches!(argument.kind, Kind::Fact(Fact::Now)))
}

fn rule(
    operator: &Operator,
    arguments: &[Expression],
    instants: bool,
    pointer: &str,
) -> Result<Logic, Fault> {
    let mut taken = 0;
    let operands: Vec<_> = arguments.iter().map(|argument| operand(argument, instants, &mut taken)).collect();
    let rule = json!({ operator.name: operands }).to_string();
    ENGINE.compile(rule.as_str()).map_err(|error| Fault::new(pointer, format!("cannot be compiled: {error}")))
}

/// Literals and lists stay as written, because some operators treat a written list differently from a computed one.
fn operand(expression: &Expression, instants: bool, taken: &mut usize) -> Value {
    match &expression.kind {
        Kind::Literal(value) if instants => value.as_str().and_then(instant).map_or(Value::Null, Value::from),
        Kind::Literal(value) => value.clone(),
        Kind::List(items) => items.iter().map(|item| operand(item, instants, taken)).collect(),
        Kind::Fact(_) | Kind::Operation(..) => {
            let number = taken.to_string();
            *taken += 1;
            json!({ ARGUMENT: { "var": number } })
        }
    }
}
