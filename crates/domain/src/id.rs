//! Ids: one form in every store, one type for each kind of thing.

use std::{fmt, str::FromStr, sync::Arc};

use parking_lot::Mutex;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Clock, RandomSource, Timestamp};

/// Twelve bytes, written as 24 lower-case hex digits: a MongoDB ObjectId, and the form of every id in every
/// store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId([u8; 12]);

/// The text was not 24 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an id of 24 hexadecimal digits")]
pub struct InvalidId;

impl ObjectId {
    /// Takes the raw bytes.
    pub const fn from_bytes(bytes: [u8; 12]) -> Self {
        Self(bytes)
    }

    /// The raw bytes.
    pub const fn bytes(self) -> [u8; 12] {
        self.0
    }

    /// When it was minted, to the second.
    pub fn minted_at(self) -> Timestamp {
        let [a, b, c, d, ..] = self.0;
        Timestamp::from_millis(i64::from(u32::from_be_bytes([a, b, c, d])) * 1000)
    }

    /// The smallest id that can have been minted in the second of `at`.
    ///
    /// Ids start with their second, so a range of times is a range of ids. Ids minted elsewhere carry no
    /// milliseconds: a finer bound must look at the stored time.
    pub fn floor(at: Timestamp) -> Self {
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds_prefix(at));
        Self(bytes)
    }

    /// The largest id that can have been minted in the second of `at`.
    pub fn ceiling(at: Timestamp) -> Self {
        let mut bytes = [0xff; 12];
        bytes[..4].copy_from_slice(&seconds_prefix(at));
        Self(bytes)
    }
}

/// ObjectIds hold seconds as 32 unsigned bits, from 1970 until 2106; what lies outside becomes the nearer
/// end.
fn seconds_prefix(at: Timestamp) -> [u8; 4] {
    u32::try_from(at.as_seconds().max(0)).unwrap_or(u32::MAX).to_be_bytes()
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 24];
        hex::encode_to_slice(self.0, &mut digits).map_err(|_| fmt::Error)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ObjectId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 12];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| InvalidId)?;
        Ok(Self(bytes))
    }
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

crate::fault::deserr_from_text!(ObjectId);
crate::fault::schema_of_text!(
    ObjectId,
    "object-id",
    "6650f1a2c3d4e5f601234567",
    pattern("^[0-9a-fA-F]{24}$")
);

/// A freshly minted id and the moment it stands for; both ascend together within a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MintedId {
    /// The new id.
    pub id: ObjectId,
    /// When it was minted; the entity's `createdAt`.
    pub at: Timestamp,
}

/// Mints ids that ascend with time: 4 bytes seconds, 2 bytes milliseconds, 3 bytes drawn at start, 3 bytes
/// counter.
///
/// MongoDB reads them as ObjectIds. The milliseconds stand where other makers put random bytes, so that
/// sorting by id is sorting by creation across replicas as well, and one index serves both.
#[derive(Debug, Clone)]
pub struct IdGenerator {
    clock: Arc<dyn Clock>,
    process: [u8; 3],
    last: Arc<Mutex<(Timestamp, u32)>>,
}

impl IdGenerator {
    /// A source of ids on this clock, told apart from those of other processes by the machine's own
    /// randomness.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self::from_sources(clock, &RandomSource::new())
    }

    /// A source of ids on this clock, told apart from those of other processes by bytes drawn now from this
    /// randomness.
    pub fn from_sources(clock: Arc<dyn Clock>, random: &RandomSource) -> Self {
        let start = (Timestamp::MIN, u32::from_be_bytes(random.bytes()));
        Self { clock, process: random.bytes(), last: Arc::new(Mutex::new(start)) }
    }

    /// The clock the ids are minted by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// A new id. If the clock stepped back, the last moment is used again, so ids never descend.
    pub fn mint(&self) -> MintedId {
        const COUNTER_MASK: u32 = 0x00ff_ffff;
        let now = self.clock.now();
        let mut last = self.last.lock();
        let (at, counter) = match *last {
            (at, count) if now > at => (now, count & COUNTER_MASK & !0x0080_0000),
            // A full counter within one millisecond borrows the next one, keeping ids unique and ascending.
            (at, count) if count == COUNTER_MASK => (Timestamp::from_millis(at.as_millis() + 1), 0),
            (at, count) => (at, count + 1),
        };
        *last = (at, counter);
        drop(last);
        MintedId { id: self.assemble(at, counter), at }
    }

    fn assemble(&self, at: Timestamp, counter: u32) -> ObjectId {
        let millis = u16::try_from(at.as_millis().rem_euclid(1000)).unwrap_or(0);
        let mut bytes = [0; 12];
        bytes[..4].copy_from_slice(&seconds_prefix(at));
        bytes[4..6].copy_from_slice(&millis.to_be_bytes());
        bytes[6..9].copy_from_slice(&self.process);
        bytes[9..].copy_from_slice(&counter.to_be_bytes()[1..]);
        ObjectId(bytes)
    }
}

/// An id that cannot be mistaken for another kind of id.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub ObjectId);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
        impl From<ObjectId> for $name {
            fn from(id: ObjectId) -> Self {
                Self(id)
            }
        }
        crate::fault::deserr_from_text!($name);
        crate::fault::schema_of_text!($name, "object-id", "6650f1a2c3d4e5f601234567", pattern("^[0-9a-fA-F]{24}$"));
    };
}

typed_id!(
    /// A user's id.
    UserId
);
typed_id!(
    /// An event's id.
    EventId
);
typed_id!(
    /// A reward's id.
    RewardId
);
typed_id!(
    /// A reward request's id.
    ClaimId
);
typed_id!(
    /// An API key's id.
    ApiKeyId
);

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::{ManualClock, SystemClock};

    #[test]
    fn ids_from_many_threads_are_unique_and_ascend_within_each() {
        let ids = IdGenerator::new(Arc::new(SystemClock));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let ids = ids.clone();
                std::thread::spawn(move || (0..10_000).map(|_| ids.mint().id).collect::<Vec<_>>())
            })
            .collect();
        let mut seen = HashSet::new();
        for thread in threads {
            let minted = thread.join().unwrap();
            assert!(minted.is_sorted());
            seen.extend(minted);
        }
        assert_eq!(seen.len(), 80_000);
    }

    #[test]
    fn more_ids_than_the_counter_holds_in_one_millisecond_still_ascend() {
        let clock = ManualClock::new("2026-05-01T09:00:00.999Z".parse().unwrap());
        let ids = IdGenerator::new(Arc::new(clock));
        let mut last = ids.mint();
        for _ in 0..17_000_000 {
            let next = ids.mint();
            assert!(next.id > last.id && next.at >= last.at);
            last = next;
        }
    }

    #[test]
    fn the_same_clock_and_seed_give_the_same_ids() {
        let clock = ManualClock::new("2026-05-01T09:00:00Z".parse().unwrap());
        let ids = |seed| IdGenerator::from_sources(Arc::new(clock.clone()), &RandomSource::from_seed(seed));
        assert_eq!(ids(1).mint(), ids(1).mint());
        assert_ne!(ids(1).mint(), ids(2).mint());
    }

    #[test]
    fn times_that_an_id_cannot_hold_become_the_nearer_end() {
        assert_eq!(ObjectId::floor(Timestamp::from_millis(-1)).bytes(), [0; 12]);
        assert_eq!(ObjectId::ceiling(Timestamp::MAX).bytes(), [0xff; 12]);
    }

    #[test]
    fn an_id_lies_between_the_floor_and_ceiling_of_its_second() {
        let minted = IdGenerator::new(Arc::new(SystemClock)).mint();
        assert!(ObjectId::floor(minted.at) <= minted.id);
        assert!(minted.id <= ObjectId::ceiling(minted.at));
        assert_eq!(minted.id.minted_at().as_seconds(), minted.at.as_seconds());
    }

    #[test]
    fn only_24_hex_digits_are_an_id() {
        for bad in ["", "xyz", "6650f1a2c3d4e5f60123456", "6650f1a2c3d4e5f60123456g"] {
            assert_eq!(bad.parse::<ObjectId>(), Err(InvalidId), "{bad}");
        }
        let id: ObjectId = "6650F1A2c3d4e5f601234567".parse().unwrap();
        assert_eq!(id.to_string(), "6650f1a2c3d4e5f601234567");
    }
}
