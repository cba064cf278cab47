//! The totals of 32 days in a row on one sheet: a year is read as a dozen rows or documents, however much happened in it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{ActiveDay, ActivityTally, QuarterSet, STORE, StoreError};

/// Days on a sheet. About a month, without a calendar's irregularities; full, it fits into a page of the store.
pub(crate) const DAYS_PER_SHEET: i64 = 32;

/// The days with activity among 32 in a row, of one user and type.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct DaySheet {
    /// Ascending, each once.
    days: Vec<ActiveDay>,
}

/// A sheet as it is stored. Only ever add variants: what is stored stays readable.
#[derive(Debug, Serialize, Deserialize)]
enum StoredSheet {
    First(Vec<StoredDay>),
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredDay {
    /// Within the sheet.
    day: u8,
    count: i64,
    whole: i64,
    fraction: i64,
    max: Option<i64>,
    quarters: u128,
}

/// The sheet a day is on, counted from 1970.
pub(crate) fn sheet_of(day: i64) -> i64 {
    day.div_euclid(DAYS_PER_SHEET)
}

/// The sheets that have some of these days.
pub(crate) fn sheets_of(days: &Range<i64>) -> Range<i64> {
    if days.is_empty() { 0..0 } else { sheet_of(days.start)..sheet_of(days.end - 1) + 1 }
}

impl DaySheet {
    /// Reads the bytes of the sheet with this number.
    pub(crate) fn from_bytes(sheet: i64, bytes: &[u8]) -> Result<Self, StoreError> {
        let StoredSheet::First(days) =
            postcard::from_bytes(bytes).map_err(|error| StoreError::corrupt(STORE, error))?;
        let first = sheet * DAYS_PER_SHEET;
        let day = |stored: StoredDay| ActiveDay {
            day: first + i64::from(stored.day),
            tally: ActivityTally {
                count: stored.count,
                whole: stored.whole,
                fraction: stored.fraction,
                max: stored.max,
            },
            quarters: QuarterSet(stored.quarters),
        };
        Ok(Self { days: days.into_iter().map(day).collect() })
    }

    /// The sheet as it is stored: some 20 bytes a day.
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        let day = |day: &ActiveDay| StoredDay {
            day: u8::try_from(day.day.rem_euclid(DAYS_PER_SHEET)).unwrap_or_default(),
            count: day.tally.count,
            whole: day.tally.whole,
            fraction: day.tally.fraction,
            max: day.tally.max,
            quarters: day.quarters.0,
        };
        let stored = StoredSheet::First(self.days.iter().map(day).collect());
        postcard::to_allocvec(&stored).map_err(|error| StoreError::corrupt(STORE, error))
    }

    /// Adds to a day what is not on the sheet yet.
    pub(crate) fn add(&mut self, part: &ActiveDay) {
        let day = self.entry(part.day);
        day.tally.add(&part.tally);
        day.quarters.0 |= part.quarters.0;
    }

    /// Puts down how a day stood once. Activities are only ever added to a day, so what counts more is the later.
    pub(crate) fn put(&mut self, seen: &ActiveDay) {
        let day = self.entry(seen.day);
        if seen.tally.count > day.tally.count {
            *day = *seen;
        }
    }

    /// Its days, ascending.
    pub(crate) fn days(&self) -> &[ActiveDay] {
        &self.days
    }

    /// The same for those who keep them.
    pub(crate) fn into_days(self) -> Vec<ActiveDay> {
        self.days
    }

    fn entry(&mut self, day: i64) -> &mut ActiveDay {
        let index = self.days.binary_search_by_key(&day, |known| known.day);
        let index = index.unwrap_or_else(|index| {
            let nothing = ActiveDay { day, tally: ActivityTally::default(), quarters: QuarterSet::default() };
            self.days.insert(index, nothing);
            index
        });
        &mut self.days[index]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_day(sheet: i64) -> impl Strategy<Value = ActiveDay> {
        let tally = (1..i64::MAX / 64, any::<i32>(), 0..i64::MAX / 64, any::<Option<i64>>()).prop_map(
            |(count, whole, fraction, max)| ActivityTally { count, whole: whole.into(), fraction, max },
        );
        (0..DAYS_PER_SHEET, tally, 0_u128..1 << 96).prop_map(move |(day, tally, quarters)| ActiveDay {
            day: sheet * DAYS_PER_SHEET + day,
            tally,
            quarters: QuarterSet(quarters),
        })
    }

    proptest! {
        #[test]
        fn a_sheet_is_read_as_it_was_written(
            (sheet, days) in (0_i64..100_000).prop_flat_map(|sheet| (Just(sheet), prop::collection::vec(any_day(sheet), 0..60)))
        ) {
            let mut written = DaySheet::default();
            for day in &days {
                written.add(day);
            }
            let read = DaySheet::from_bytes(sheet, &written.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(&read, &written);
            prop_assert!(read.days.is_sorted_by(|one, other| one.day < other.day));
            for day in read.into_days() {
                let parts: Vec<_> = days.iter().filter(|part| part.day == day.day).collect();
                let mut total = ActivityTally::default();
                for part in &parts {
                    total.add(&part.tally);
                }
                prop_assert_eq!(total, day.tally);
                prop_assert_eq!(parts.iter().fold(0, |bits, part| bits | part.quarters.0), day.quarters.0);
            }
        }

        #[test]
        fn what_was_seen_of_a_day_last_stays_in_whatever_order_it_is_put_down(
            mut seen in prop::collection::vec(any_day(7), 1..20), turn in 0_usize..20
        ) {
            let put_all = |seen: &[ActiveDay], times: usize| {
                let mut sheet = DaySheet::default();
                for day in std::iter::repeat_n(seen, times).flatten() {
                    sheet.put(day);
                }
                sheet
            };
            let in_order = put_all(&seen, 1);
            let turn = turn % seen.len();
            seen.rotate_left(turn);
            let turned = put_all(&seen, 2);
            for (one, other) in in_order.into_days().iter().zip(turned.into_days()) {
                prop_assert_eq!(one.tally.count, other.tally.count);
                let most = seen.iter().filter(|day| day.day == one.day).map(|day| day.tally.count).max();
                prop_assert_eq!(Some(one.tally.count), most);
            }
        }
    }

    #[test]
    fn a_stored_sheet_of_today_is_readable_for_ever() {
        // Written once, never to be changed: days 0 and 31 of the sheet 643.
        let bytes = [0, 2, 0, 3, 19, 142, 156, 1, 1, 160, 156, 1, 5, 31, 1, 0, 0, 0, 128, 2];
        let days = DaySheet::from_bytes(643, &bytes).unwrap().into_days();
        let day = |day, count, whole, fraction, max, quarters| ActiveDay {
            day,
            tally: ActivityTally { count, whole, fraction, max },
            quarters: QuarterSet(quarters),
        };
        assert_eq!(days[0], day(643 * 32, -2, -10, 9991, Some(10_000), 5));
        assert_eq!(days[1], day(643 * 32 + 31, -1, 0, 0, None, 256));
    }

    #[test]
    fn what_is_no_sheet_is_an_error() {
        for bytes in [&[][..], &[7], &[0, 200], &[0, 1, 0, 2]] {
            assert!(matches!(DaySheet::from_bytes(0, bytes), Err(StoreError::Corrupt { .. })), "{bytes:?}");
        }
    }

    #[test]
    fn a_range_of_days_lies_on_these_sheets() {
        for (days, sheets) in [(0..1, 0..1), (31..32, 0..1), (31..33, 0..2), (64..96, 2..3), (5..5, 0..0)] {
            assert_eq!(sheets_of(&days), sheets);
        }
    }
}
