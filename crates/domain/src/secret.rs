//! Values that must not be read by accident.

use std::fmt;

/// A password, token, key or address with a password in it. `Debug` shows only that there is one; it cannot
/// be displayed or serialised.
///
/// Not the crate `secrecy`: that gives neither `Clone` nor comparison for plain text, which settings need,
/// and wraps only what can wipe itself. Memory is not wiped here; where that matters, put a
/// `zeroize::Zeroizing<String>` inside. Comparing takes a time that depends on the values: it is for tests
/// and settings, never for what a stranger sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for those who have to use it.
    pub const fn expose(&self) -> &T {
        &self.0
    }

    /// The value itself, no longer protected.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_seen_in_any_debug_output() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {secret:#?}"), "Secret(…) Secret(…)");
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(…))");
        assert_eq!(secret.expose(), "hunter2");
        assert_eq!(secret.clone().into_inner(), "hunter2");
    }
}
