use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    evaluate::EvaluationObserver,
    operand::OperandValue,
    operate::{OperationFailure, OperationOutcome},
};

/// Room for the values of a decision that are neither boolean nor null, in bytes as stores write them.
const VALUES_BYTES: usize = 3 * 1024;
/// What a value costs in a store besides its text: BSON has a type, the entry's number as text, and a length.
const BYTES_PER_VALUE: usize = 12;

/// The outcome of a condition for one user at one moment, in the form in which it is stored: below 8 KiB for
/// every condition. With the condition and the facts it was decided on, [`crate::Condition::explain`] tells
/// how it came about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConditionDecision {
    /// Whether the user is admitted.
    pub eligible: bool,
    /// A letter for each operation, arguments before the operation that takes them, otherwise in source
    /// order.
    #[serde(default)]
    pub(crate) outcomes: String,
    /// The values of the operations with the letter `v`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) values: Vec<Value>,
}

/// How one operation ended, as a decision keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutcomeKind {
    True,
    False,
    Null,
    /// Another value, which is kept.
    Value,
    /// Another value, for which there was no room.
    Omitted,
    Failed(OperationFailure),
}

impl OutcomeKind {
    const ALL: [OutcomeKind; 11] = [
        OutcomeKind::True,
        OutcomeKind::False,
        OutcomeKind::Null,
        OutcomeKind::Value,
        OutcomeKind::Omitted,
        OutcomeKind::Failed(OperationFailure::ArgumentFailed),
        OutcomeKind::Failed(OperationFailure::WrongType),
        OutcomeKind::Failed(OperationFailure::DivisionByZero),
        OutcomeKind::Failed(OperationFailure::OutOfRange),
        OutcomeKind::Failed(OperationFailure::NotWhole),
        OutcomeKind::Failed(OperationFailure::TooMuchText),
    ];

    /// The stored form: never change a letter.
    const fn letter(self) -> char {
        match self {
            Self::True => 't',
            Self::False => 'f',
            Self::Null => 'n',
            Self::Value => 'v',
            Self::Omitted => 'o',
            Self::Failed(OperationFailure::ArgumentFailed) => 'a',
            Self::Failed(OperationFailure::WrongType) => 'w',
            Self::Failed(OperationFailure::DivisionByZero) => 'z',
            Self::Failed(OperationFailure::OutOfRange) => 'r',
            Self::Failed(OperationFailure::NotWhole) => 'p',
            Self::Failed(OperationFailure::TooMuchText) => 'l',
        }
    }

    /// None for a letter of a later version.
    pub(crate) fn from_letter(letter: char) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.letter() == letter)
    }
}

/// Notes outcomes as operations end.
#[derive(Debug, Default)]
pub(crate) struct OutcomeRecorder {
    outcomes: String,
    values: Vec<Value>,
    values_bytes: usize,
}

impl EvaluationObserver for OutcomeRecorder {
    fn operation_ended(&mut self, outcome: &OperationOutcome<'_>) {
        let kind = match outcome {
            Ok(OperandValue::Boolean(true)) => OutcomeKind::True,
            Ok(OperandValue::Boolean(false)) => OutcomeKind::False,
            Ok(OperandValue::Null) => OutcomeKind::Null,
            Ok(value) => self.keep(value),
            Err(failure) => OutcomeKind::Failed(*failure),
        };
        self.outcomes.push(kind.letter());
    }
}

impl OutcomeRecorder {
    fn keep(&mut self, operand: &OperandValue<'_>) -> OutcomeKind {
        let Some(room) = room_beside(VALUES_BYTES - self.values_bytes, operand) else {
            return OutcomeKind::Omitted;
        };
        self.values_bytes = VALUES_BYTES - room;
        self.values.push(operand.to_json());
        OutcomeKind::Value
    }

    pub(crate) fn into_decision(self, eligible: bool) -> ConditionDecision {
        ConditionDecision { eligible, outcomes: self.outcomes, values: self.values }
    }
}

/// The room that is left beside a value in a store, at least; None if it does not fit. Looks at no more of
/// the value than fits.
fn room_beside(room: usize, operand: &OperandValue<'_>) -> Option<usize> {
    let bytes = match operand {
        OperandValue::Null | OperandValue::Boolean(_) => 5,
        // The longest float: -1.2345678901234567e-12.
        OperandValue::Number(_) => 24,
        OperandValue::Text(text) if text.len() > room => return None,
        OperandValue::Text(text) => Value::from(text.as_ref()).to_string().len(),
        OperandValue::Moment(_) => 26,
        OperandValue::List(_) => 2,
    };
    let room = room.checked_sub(BYTES_PER_VALUE + bytes)?;
    match operand {
        OperandValue::List(entries) => entries.iter().try_fold(room, room_beside),
        _ => Some(room),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_tell_outcomes_apart() {
        for kind in OutcomeKind::ALL {
            assert_eq!(OutcomeKind::from_letter(kind.letter()), Some(kind));
        }
        assert_eq!(OutcomeKind::from_letter('?'), None);
    }

    #[test]
    fn values_are_kept_while_there_is_room() {
        let mut recorder = OutcomeRecorder::default();
        recorder.operation_ended(&Ok(OperandValue::Text("x".repeat(2_000).into())));
        recorder.operation_ended(&Ok(OperandValue::Text("y".repeat(2_000).into())));
        recorder.operation_ended(&Ok(OperandValue::Number(7.into())));
        recorder.operation_ended(&Err(OperationFailure::DivisionByZero));
        let decision = recorder.into_decision(true);
        assert_eq!(decision.outcomes, "vovz");
        assert_eq!(decision.values, [Value::from("x".repeat(2_000)), Value::from(7)]);
    }
}
