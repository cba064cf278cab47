//! What days of activity amount to, in a time zone. Pure.

use event_store::{ActiveDay, ActivityTally, QuarterSet};
use jiff::{
    SignedDuration, Timestamp,
    civil::Date,
    tz::{Offset, TimeZone},
};
use rules::ActivityTotals;
use rust_decimal::Decimal;

const DAY_SECONDS: i64 = 24 * 60 * 60;
const QUARTER_SECONDS: i64 = 15 * 60;
const QUARTERS: u32 = 96;

/// Adds up days of activity. Days and streaks are those of the zone's calendar, whatever its clocks do: a date is one day
/// however long it lasts, and a date that a zone left out is missed by nobody.
///
/// Exact for every zone whose offset is a multiple of 15 minutes, which has been all of them since 1972.
pub(crate) fn total_activity(days: &[ActiveDay], zone: &TimeZone) -> ActivityTotals {
    let mut tally = ActivityTally::default();
    let mut ascending: Vec<_> = days.iter().collect();
    ascending.sort_unstable_by_key(|day| day.day);
    let (mut offsets, mut dates) = (ZoneOffsets::new(zone), Vec::with_capacity(days.len()));
    for day in ascending {
        tally.add(&day.tally);
        enter_dates(day, &mut offsets, &mut dates);
    }
    dates.sort_unstable();
    dates.dedup();
    let sum = i128::from(tally.whole) * 10_000 + i128::from(tally.fraction);
    ActivityTotals {
        count: u64::try_from(tally.count).unwrap_or_default(),
        sum: Decimal::try_from_i128_with_scale(sum, 4).unwrap_or(Decimal::MAX).normalize(),
        max: tally.max.map(|max| Decimal::new(max, 4).normalize()),
        days: u32::try_from(dates.len()).unwrap_or(u32::MAX),
        streak: streak_of(&dates, zone),
    }
}

/// A date of a zone's calendar, counted from 1970-01-01.
type DateNumber = i64;

/// The consecutive dates up to the latest; ascending, each once.
fn streak_of(dates: &[DateNumber], zone: &TimeZone) -> u32 {
    let follow = |pair: &[DateNumber]| match pair {
        [before, date] if date - before == 1 => true,
        // Samoa went from 29 to 31 December 2011.
        [before, date] if date - before == 2 => is_left_out(before + 1, zone),
        _ => false,
    };
    let others = dates.windows(2).rev().take_while(|pair| follow(pair)).count();
    u32::try_from(others + usize::from(!dates.is_empty())).unwrap_or(u32::MAX)
}

fn is_left_out(date: DateNumber, zone: &TimeZone) -> bool {
    let epoch = Date::constant(1970, 1, 1);
    let Ok(date) = epoch.checked_add(SignedDuration::from_hours(24 * date)) else { return false };
    date.to_zoned_datetime(zone.clone()).is_ok_and(|start| start.date() != date)
}

/// Enters the dates that a day in UTC has activity on: mostly one or two.
fn enter_dates(day: &ActiveDay, offsets: &mut ZoneOffsets, dates: &mut Vec<DateNumber>) {
    let start = day.day * DAY_SECONDS;
    let [first, last] = [start, start + DAY_SECONDS - 1].map(|second| offsets.at(second));
    match quarters_before_midnight(first) {
        Some(midnight) if first == last => {
            let date = date_at(start, first);
            if day.quarters.has_within(0..midnight) {
                dates.push(date);
            }
            if day.quarters.has_within(midnight..QUARTERS) {
                dates.push(date + 1);
            }
        }
        // The zone's clocks are changed on this day.
        _ => dates.extend(occupied(day.quarters).map(|quarter| {
            let second = start + i64::from(quarter) * QUARTER_SECONDS;
            date_at(second, offsets.at(second))
        })),
    }
}

fn occupied(quarters: QuarterSet) -> impl Iterator<Item = u32> {
    (0..QUARTERS).filter(move |quarter| quarters.has_within(*quarter..quarter + 1))
}

/// How far a zone's clocks are ahead of UTC, in seconds. Cheap for moments that follow each other closely.
struct ZoneOffsets<'a> {
    zone: &'a TimeZone,
    /// From when until just before when the offset below holds.
    holds: std::ops::Range<i64>,
    offset: i64,
}

impl<'a> ZoneOffsets<'a> {
    fn new(zone: &'a TimeZone) -> Self {
        Self { zone, holds: 0..0, offset: 0 }
    }

    /// At this second since 1970. Beyond the years that there are, it stays what it was at their end.
    fn at(&mut self, second: i64) -> i64 {
        if !self.holds.contains(&second) {
            let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
            let at = Timestamp::from_second(second.clamp(least, most)).unwrap_or_default();
            let change = self.zone.following(at).next().map(|next| next.timestamp().as_second());
            self.holds = second..change.unwrap_or(i64::MAX);
            self.offset = i64::from(Offset::seconds(self.zone.to_offset(at)));
        }
        self.offset
    }
}

fn date_at(second: i64, offset: i64) -> DateNumber {
    (second + offset).div_euclid(DAY_SECONDS)
}

/// How many quarters of a day in UTC lie before the zone's midnight; all of them where that is UTC's own.
fn quarters_before_midnight(offset: i64) -> Option<u32> {
    let seconds = (-offset).rem_euclid(DAY_SECONDS);
    let quarters = if seconds == 0 { i64::from(QUARTERS) } else { seconds / QUARTER_SECONDS };
    (seconds % QUARTER_SECONDS == 0).then_some(u32::try_from(quarters).ok()?)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use domain::ActivityValue;
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 12] = [
        "UTC",
        "Asia/Seoul",
        "Asia/Kathmandu",
        "America/New_York",
        "America/St_Johns",
        "America/Sao_Paulo",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Africa/Casablanca",
        "Asia/Tehran",
        "America/Santiago",
    ];

    /// Each moment as a part of a day by itself.
    fn days_of(moments: &[i64]) -> Vec<ActiveDay> {
        let day = |millis: &i64| {
            let mut quarters = QuarterSet::default();
            quarters.insert(millis.rem_euclid(DAY_SECONDS * 1000) / (QUARTER_SECONDS * 1000));
            let tally = ActivityTally::of_value(Some(ActivityValue::from_ten_thousandths(1000)));
            ActiveDay { day: millis.div_euclid(DAY_SECONDS * 1000), tally, quarters }
        };
        moments.iter().map(day).collect()
    }

    fn total(zone: &str, times: &[&str]) -> ActivityTotals {
        let millis = |time: &&str| time.parse::<Timestamp>().unwrap().as_millisecond();
        let moments: Vec<_> = times.iter().map(millis).collect();
        total_activity(&days_of(&moments), &TimeZone::get(zone).unwrap())
    }

    /// What a calendar says of each moment by itself.
    fn count_naively(moments: &[i64], zone: &TimeZone) -> (u32, u32) {
        let date = |millis: &i64| {
            Timestamp::from_millisecond(*millis).unwrap().to_zoned_datetime(zone.clone()).date()
        };
        let dates: BTreeSet<_> = moments.iter().map(date).collect();
        let mut streak = 0;
        if let Some(last) = dates.last() {
            // From noon to noon of the day before, by the zone's own calendar.
            let mut day = *last;
            while dates.contains(&day) {
                streak += 1;
                let mut before = day.to_zoned_datetime(zone.clone()).unwrap().timestamp();
                while before.to_zoned_datetime(zone.clone()).date() >= day {
                    before = before.checked_sub(jiff::SignedDuration::from_mins(1)).unwrap();
                }
                day = before.to_zoned_datetime(zone.clone()).date();
            }
        }
        (u32::try_from(dates.len()).unwrap(), streak)
    }

    #[test]
    fn days_break_at_midnight_of_the_zone_whatever_its_clocks_do() {
        let new_york = "America/New_York";
        let spring = total(new_york, &["2026-03-08T04:50:00Z", "2026-03-09T03:50:00Z"]);
        assert_eq!((spring.days, spring.streak), (2, 2));
        let autumn = total(new_york, &["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]);
        assert_eq!((autumn.days, autumn.streak, autumn.count), (1, 1, 2));
        let kathmandu = total("Asia/Kathmandu", &["2026-05-01T18:14:59.999Z", "2026-05-01T18:15:00Z"]);
        assert_eq!((kathmandu.days, kathmandu.streak), (2, 2));
        let samoa = total("Pacific/Apia", &["2011-12-30T09:00:00Z", "2011-12-30T11:00:00Z"]);
        assert_eq!((samoa.days, samoa.streak), (2, 2));
    }

    #[test]
    fn a_streak_is_that_of_the_latest_day() {
        let times =
            ["2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z", "2026-05-03T10:00:00Z", "2026-05-05T10:00:00Z"];
        assert_eq!(total("UTC", &times).streak, 1);
        assert_eq!(total("UTC", &times[..3]).streak, 3);
        assert_eq!(total("UTC", &[]), ActivityTotals::default());
    }

    #[test]
    fn ten_times_a_tenth_is_one() {
        let totals = total("UTC", &["2026-05-01T10:00:00Z"; 10]);
        assert_eq!((totals.sum, totals.max), (Decimal::ONE, Some(Decimal::new(1, 1))));
    }

    proptest! {
        #[test]
        fn days_and_streaks_are_those_of_the_zones_calendar(
            zone in proptest::sample::select(&ZONES[..]),
            // From 2009 to 2026, in stretches of three weeks, and on a border of quarters as often as not.
            start in 0_i64..6_000,
            offsets in proptest::collection::vec((0_i64..21 * 96, prop_oneof![Just(0), Just(899_999), 0_i64..900_000]), 1..60),
        ) {
            let start = (14_250 + start) * DAY_SECONDS * 1000;
            let moments: Vec<_> = offsets.iter().map(|(quarter, rest)| start + quarter * 900_000 + rest).collect();
            let zone = TimeZone::get(zone).unwrap();
            let totals = total_activity(&days_of(&moments), &zone);
            prop_assert_eq!((totals.days, totals.streak), count_naively(&moments, &zone));
        }
    }
}
