use serde::{Deserialize, Serialize};

use crate::condition_path::ConditionPath;

/// Faults reported at most; what else is wrong is not.
pub(crate) const MAX_FAULTS: usize = 100;
/// Characters shown of a text that comes from the condition.
const SHOWN_CHARACTERS: usize = 64;

/// One thing wrong with a condition: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{pointer:?}: {message}")]
pub struct ConditionFault {
    /// RFC 6901 pointer, relative to the condition; the empty text is the condition itself. It always leads
    /// somewhere.
    pub pointer: String,
    /// What is wrong and what would be right. Long texts from the condition are shortened.
    pub message: String,
}

/// Collects faults up to [`MAX_FAULTS`], so that no input can make an answer much longer than itself.
#[derive(Debug, Default)]
pub(crate) struct FaultList(Vec<ConditionFault>);

impl FaultList {
    pub(crate) fn push(&mut self, path: &ConditionPath<'_>, message: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(ConditionFault { pointer: path.to_string(), message: message.into() });
        }
    }

    pub(crate) fn into_faults(self) -> Vec<ConditionFault> {
        self.0
    }
}

/// Whether a message may show the text in full.
pub(crate) fn is_short(text: &str) -> bool {
    text.chars().nth(SHOWN_CHARACTERS).is_none()
}

/// The text as messages show it.
pub(crate) fn shortened_text(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_shows_where_and_what() {
        let fault = ConditionFault { pointer: "/and".into(), message: "is odd".into() };
        assert_eq!(fault.to_string(), "\"/and\": is odd");
    }

    #[test]
    fn long_texts_are_shortened_between_characters() {
        assert_eq!(shortened_text(&"가".repeat(64)), "가".repeat(64));
        assert_eq!(shortened_text(&"가".repeat(65)), format!("{}…", "가".repeat(64)));
        assert!(is_short(&"가".repeat(64)) && !is_short(&"가".repeat(65)));
    }
}
