//! What a change expects of the resource it changes, so that nobody overwrites what they have not seen.

/// Which revisions of a resource a change may be made from, as its caller has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedRevision {
    /// Whatever it is.
    Any,
    /// One of these, or the change is refused.
    OneOf(Vec<i64>),
}

impl ExpectedRevision {
    /// Whether a resource at this revision may be changed.
    pub fn admits(&self, revision: i64) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(revisions) => revisions.contains(&revision),
        }
    }
}
