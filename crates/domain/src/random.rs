//! Where randomness comes from.

use std::{ops::RangeInclusive, sync::Arc};

use parking_lot::Mutex;
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};

/// Where random bytes come from. Everything that draws some (tokens, salts, ids, pauses) is handed a source,
/// so that tests can repeat what was drawn. Copies share one stream.
#[derive(Clone, Default)]
pub struct RandomSource(RandomStream);

#[derive(Clone, Default)]
enum RandomStream {
    /// The thread's generator (`ChaCha`), seeded and reseeded by the operating system. Fit for secrets.
    #[default]
    System,
    /// The same bytes for the same seed.
    Seeded(Arc<Mutex<StdRng>>),
}

impl RandomSource {
    /// The machine's own randomness, fit for secrets.
    pub fn new() -> Self {
        Self(RandomStream::System)
    }

    /// A source that repeats itself: the same seed gives the same bytes. For tests.
    pub fn from_seed(seed: u64) -> Self {
        Self(RandomStream::Seeded(Arc::new(Mutex::new(StdRng::seed_from_u64(seed)))))
    }

    /// Fills a buffer with random bytes.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.draw(|generator| generator.fill_bytes(buffer));
    }

    /// Random bytes, as many as the caller's type asks for.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// A number within the range, each equally likely; the range's start if the range is empty.
    pub fn number_within(&self, range: RangeInclusive<u64>) -> u64 {
        if range.is_empty() { *range.start() } else { self.draw(|generator| generator.random_range(range)) }
    }

    #[allow(clippy::disallowed_methods, reason = "the one place that draws ambient randomness")]
    fn draw<T>(&self, draw: impl FnOnce(&mut dyn Rng) -> T) -> T {
        match &self.0 {
            RandomStream::System => draw(&mut rand::rng()),
            RandomStream::Seeded(generator) => draw(&mut *generator.lock()),
        }
    }
}

/// Shows the kind of source only: what a generator holds foretells its next bytes.
impl std::fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0 {
            RandomStream::System => "RandomSource(system)",
            RandomStream::Seeded(_) => "RandomSource(seeded)",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() {
        let (one, same, other) =
            (RandomSource::from_seed(7), RandomSource::from_seed(7), RandomSource::from_seed(8));
        let first: [u8; 16] = one.bytes();
        assert_eq!(first, same.bytes());
        assert_ne!(first, other.bytes());
        assert_ne!(first, one.clone().bytes(), "a copy goes on where the first one was");
    }

    #[test]
    fn the_system_gives_other_bytes_each_time() {
        let source = RandomSource::new();
        let drawn: HashSet<[u8; 16]> = (0..1000).map(|_| source.bytes()).collect();
        assert_eq!(drawn.len(), 1000);
    }

    #[test]
    fn a_number_within_a_range_reaches_both_ends_and_an_empty_range_gives_its_start() {
        let source = RandomSource::from_seed(1);
        let drawn: HashSet<u64> = (0..200).map(|_| source.number_within(3..=5)).collect();
        assert_eq!(drawn, HashSet::from([3, 4, 5]));
        #[allow(clippy::reversed_empty_ranges, reason = "the case under test")]
        let empty = 5..=3;
        assert_eq!(source.number_within(empty), 5);
    }
}
