//! The one place this crate takes randomness from.

/// Random bytes, good enough for keys and ids.
pub(crate) fn random_bytes<const COUNT: usize>() -> [u8; COUNT] {
    rand::random()
}

/// A random number from 0 up to 1.
pub(crate) fn random_fraction() -> f64 {
    rand::random()
}
