//! Days of activity, cut into quarters of an hour: the borders of days in every time zone lie between two quarters.

use std::{collections::BTreeMap, ops::Range};

use domain::{Activity, ActivityValue, Timestamp};

const QUARTER_MILLIS: i64 = 15 * 60 * 1000;
/// Quarters of an hour in a day.
pub const QUARTERS_PER_DAY: i64 = 96;

/// How much there was of something: number, sum and largest value. Exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActivityTally {
    /// How many activities.
    pub count: i64,
    /// The sum of their values, rounded down.
    pub whole: i64,
    /// What the rounding cut off, in ten-thousandths, each activity's by itself: never negative. Kept apart, neither part
    /// can grow beyond 64 bits.
    pub fraction: i64,
    /// The largest value, in ten-thousandths.
    pub max: Option<i64>,
}

impl ActivityTally {
    /// Of one activity.
    pub fn of_value(value: Option<ActivityValue>) -> Self {
        const UNIT: i64 = 10_000;
        let value = value.map(ActivityValue::ten_thousandths);
        let summand = value.unwrap_or(0);
        Self { count: 1, whole: summand.div_euclid(UNIT), fraction: summand.rem_euclid(UNIT), max: value }
    }

    /// Adds another to it.
    pub fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.whole += other.whole;
        self.fraction += other.fraction;
        // None is less than every value.
        self.max = self.max.max(other.max);
    }
}

/// The quarters of a day, counted from its midnight in UTC, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuarterSet(pub u128);

impl QuarterSet {
    /// Enters a quarter, 0 to 95.
    pub fn insert(&mut self, quarter: i64) {
        self.0 |= u32::try_from(quarter).ok().and_then(|quarter| 1_u128.checked_shl(quarter)).unwrap_or(0);
    }

    /// Whether there is a quarter from this one on, before that one.
    pub fn has_within(self, quarters: Range<u32>) -> bool {
        let below = |end: u32| 1_u128.checked_shl(end).map_or(u128::MAX, |bit| bit - 1);
        self.0 & below(quarters.end) & !below(quarters.start) != 0
    }
}

/// A day in UTC, or a part of one, on which there was activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveDay {
    /// Days since 1970-01-01.
    pub day: i64,
    /// How much.
    pub tally: ActivityTally,
    /// When.
    pub quarters: QuarterSet,
}

impl ActiveDay {
    /// A quarter, counted from 1970, as a part of its day.
    pub(crate) fn of_quarter(quarter: i64, tally: ActivityTally) -> Self {
        let mut quarters = QuarterSet::default();
        quarters.insert(quarter.rem_euclid(QUARTERS_PER_DAY));
        Self { day: quarter.div_euclid(QUARTERS_PER_DAY), tally, quarters }
    }
}

/// The quarter a moment lies in, counted from 1970.
pub(crate) fn quarter_of(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(QUARTER_MILLIS)
}

/// A span, cut so that each part is read where it costs least: whole days by the day, the rest of whole quarters by the
/// quarter, and single activities only where a quarter is cut by an end of the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpanParts {
    /// Days since 1970.
    pub(crate) days: Range<i64>,
    /// Quarters since 1970, outside of those days.
    pub(crate) quarters: Vec<Range<i64>>,
    /// Moments outside of those quarters.
    pub(crate) moments: Vec<Range<Timestamp>>,
}

impl SpanParts {
    /// Cuts the span from one moment until just before another.
    pub(crate) fn new(from: Timestamp, to: Timestamp) -> Self {
        let (start, end) = (from.as_millis(), to.as_millis().max(from.as_millis()));
        let quarters = cut(start..end, QUARTER_MILLIS);
        let days = cut(quarters.inner.clone(), QUARTERS_PER_DAY);
        let moment =
            |millis: Range<i64>| Timestamp::from_millis(millis.start)..Timestamp::from_millis(millis.end);
        Self {
            days: days.inner,
            quarters: days.outer,
            moments: quarters.outer.into_iter().map(moment).collect(),
        }
    }
}

/// A range, cut where whole pieces of a size begin and end.
struct CutRange {
    /// The whole pieces inside, counted in pieces.
    inner: Range<i64>,
    /// What is left at the ends, in the range's own unit. Never empty.
    outer: Vec<Range<i64>>,
}

fn cut(range: Range<i64>, size: i64) -> CutRange {
    let first = range.start.div_euclid(size) + i64::from(range.start.rem_euclid(size) != 0);
    let inner = first..range.end.div_euclid(size);
    let outer = if inner.is_empty() {
        vec![range]
    } else {
        vec![range.start..inner.start * size, inner.end * size..range.end]
    };
    let inner = if inner.is_empty() { first..first } else { inner };
    CutRange { inner, outer: outer.into_iter().filter(|rest| !rest.is_empty()).collect() }
}

/// Gathers single activities into quarters.
pub(crate) fn tally_quarters<'a>(
    activities: impl Iterator<Item = &'a Activity>,
) -> BTreeMap<i64, ActivityTally> {
    let mut quarters = BTreeMap::<i64, ActivityTally>::new();
    for activity in activities {
        quarters.entry(quarter_of(activity.at)).or_default().add(&ActivityTally::of_value(activity.value));
    }
    quarters
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_parts_of_a_span_cover_it_once(
            start in 0_i64..400_000_000, length in prop_oneof![0_i64..3_000_000, 0_i64..400_000_000]
        ) {
            let end = start + length;
            let parts = SpanParts::new(Timestamp::from_millis(start), Timestamp::from_millis(end));
            let mut covered: Vec<Range<i64>> = parts.moments.iter().map(|part| part.start.as_millis()..part.end.as_millis())
                .chain(parts.quarters.iter().map(|part| part.start * QUARTER_MILLIS..part.end * QUARTER_MILLIS))
                .collect();
            if !parts.days.is_empty() {
                let day = QUARTER_MILLIS * QUARTERS_PER_DAY;
                covered.push(parts.days.start * day..parts.days.end * day);
            }
            covered.sort_by_key(|part| part.start);
            let mut at = start;
            for part in covered {
                prop_assert_eq!(part.start, at);
                prop_assert!(part.end > at);
                at = part.end;
            }
            prop_assert_eq!(at, end);
            // Single activities are looked at for less than two quarters.
            let single: i64 = parts.moments.iter().map(|part| part.end.as_millis() - part.start.as_millis()).sum();
            prop_assert!(single < 2 * QUARTER_MILLIS);
            prop_assert!(parts.quarters.iter().map(|part| part.end - part.start).sum::<i64>() < 2 * QUARTERS_PER_DAY);
        }

        #[test]
        fn a_tally_is_the_exact_sum(values in proptest::collection::vec(-10_000_000_000_000_i64..=10_000_000_000_000, 1..50)) {
            let mut tally = ActivityTally::default();
            for value in &values {
                tally.add(&ActivityTally::of_value(Some(ActivityValue::from_ten_thousandths(*value))));
            }
            let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
            prop_assert_eq!(i128::from(tally.whole) * 10_000 + i128::from(tally.fraction), sum);
            prop_assert_eq!(tally.max, values.iter().max().copied());
            prop_assert_eq!(tally.count, i64::try_from(values.len()).unwrap());
        }
    }

    #[test]
    fn a_set_of_quarters_knows_which_of_a_range_it_has() {
        let mut set = QuarterSet::default();
        assert!(!set.has_within(0..96));
        set.insert(95);
        set.insert(10);
        for (range, has) in
            [(0..10, false), (10..11, true), (11..95, false), (95..96, true), (0..96, true), (5..5, false)]
        {
            assert_eq!(set.has_within(range.clone()), has, "{range:?}");
        }
    }
}
