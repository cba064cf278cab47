use serde::{Deserialize, Serialize};

/// One thing wrong with a condition: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{pointer:?}: {message}")]
pub struct Fault {
    /// RFC 6901 pointer, relative to the condition; the empty text is the condition itself.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// The pointer to a member or an entry of what `parent` points to.
pub(crate) fn child(parent: &str, token: &str) -> String {
    format!("{parent}/{}", token.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tildes_and_slashes_are_escaped_in_pointers() {
        assert_eq!(child("/and/0", "/"), "/and/0/~1");
        assert_eq!(child("", "~x"), "/~0x");
    }

    #[test]
    fn a_fault_shows_where_and_what() {
        assert_eq!(Fault::new("/and", "is odd").to_string(), "\"/and\": is odd");
    }
}
