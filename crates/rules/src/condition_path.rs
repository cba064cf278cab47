use std::fmt;

/// Where in a condition something stands. Written as an RFC 6901 pointer, which costs nothing until it is
/// needed.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConditionPath<'a> {
    /// The condition itself.
    Root,
    /// A member of an object.
    Member(&'a ConditionPath<'a>, &'a str),
    /// An entry of an array.
    Entry(&'a ConditionPath<'a>, usize),
}

impl fmt::Display for ConditionPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(parent, name) if !name.contains(['~', '/']) => write!(f, "{parent}/{name}"),
            Self::Member(parent, name) => {
                write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Self::Entry(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tildes_and_slashes_are_escaped_in_pointers() {
        let members = ConditionPath::Member(&ConditionPath::Root, "and");
        let entry = ConditionPath::Entry(&members, 0);
        assert_eq!(ConditionPath::Root.to_string(), "");
        assert_eq!(ConditionPath::Member(&entry, "/~x").to_string(), "/and/0/~1~0x");
    }
}
