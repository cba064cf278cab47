//! Moments in time, as Guerdon takes them in, keeps them and writes them.

use std::{fmt, str::FromStr};

use jiff::{
    SignedDuration,
    civil::{Date, DateTime},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC with millisecond precision; RFC 3339 outside (`2026-05-01T09:00:00.000Z`).
///
/// Input ([`FromStr`]) must lie between 1970-01-01T00:00:00Z and 9999-12-31T23:59:59.999Z, both included.
/// What is already stored is not judged anew: there, every moment that RFC 3339 can write (years 0000 to
/// 9999) is kept as it is.
///
/// Milliseconds are held as a number, because `jiff::Timestamp` ends 26 hours before the year 9999 does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The text was no RFC 3339 time, or lies outside the years 1970 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an RFC 3339 time between the years 1970 and 9999, such as \"2026-05-01T09:00:00Z\"")]
pub struct InvalidTimestamp;

/// 1970-01-01T00:00:00, where milliseconds are counted from.
const UNIX_EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// The first moment accepted as input: 1970-01-01T00:00:00.000Z.
    pub const MIN: Self = Self(0);
    /// The last moment there is: 9999-12-31T23:59:59.999Z.
    pub const MAX: Self = Self(253_402_300_799_999);
    /// The first moment that RFC 3339 can write: 0000-01-01T00:00:00.000Z.
    const FIRST_WRITABLE: Self = Self(-62_167_219_200_000);

    /// Cuts to whole milliseconds.
    pub fn from_jiff(at: jiff::Timestamp) -> Self {
        Self::from_millis(at.as_millisecond())
    }

    /// Milliseconds since 1970. What RFC 3339 cannot write (years before 0000 or after 9999) becomes the
    /// nearest moment that it can.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(Self::FIRST_WRITABLE.0, Self::MAX.0))
    }

    /// Milliseconds since 1970.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, as JWTs count them.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This moment moved by whole seconds; it stops at the ends of what RFC 3339 can write.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_millis(self.0.saturating_add(seconds.saturating_mul(1000)))
    }

    /// The same moment for arithmetic with time zones.
    ///
    /// The last 26 hours of 9999 become jiff's last moment, 9999-12-30T22:00:00.999Z: jiff ends there, so
    /// that every moment has a year of at most four digits in every zone.
    pub fn to_jiff(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// Reads an RFC 3339 time of any year from 0000 to 9999.
    fn read_any_year(text: &str) -> Option<Self> {
        let millis = read_rfc3339(text)?;
        (Self::FIRST_WRITABLE.0..=Self::MAX.0).contains(&millis).then_some(Self(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let civil = UNIX_EPOCH.saturating_add(SignedDuration::from_millis(self.0));
        write!(f, "{civil:.3}Z")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339, section 5.6, and nothing else. Fractions finer than a millisecond are cut off. `t` and
    /// `z` may be in lower case, as the section allows. A leap second (`:60`, only in the last minute of a
    /// month in UTC) becomes the last millisecond before it, since neither clocks nor stores count it.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::read_any_year(text).filter(|at| *at >= Self::MIN).ok_or(InvalidTimestamp)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidTimestamp;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// For what is stored: a moment before 1970 is read as it stands.
impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::read_any_year(&text).ok_or_else(|| serde::de::Error::custom(InvalidTimestamp))
    }
}

crate::fault::deserr_from_text!(Timestamp);
crate::fault::schema_of_text!(
    Timestamp,
    "date-time",
    "2026-05-01T09:00:00.000Z",
    // From 1970 to 9999.
    pattern("^(19[7-9][0-9]|[2-9][0-9]{3})-"),
);

/// Milliseconds since 1970 of a time in the grammar of RFC 3339, section 5.6.
fn read_rfc3339(text: &str) -> Option<i64> {
    let mut text = TimeText(text.as_bytes());
    let year = text.number(4)?;
    text.byte(b"-")?;
    let month = text.number(2)?;
    text.byte(b"-")?;
    let day = text.number(2)?;
    text.byte(b"Tt")?;
    let hour = text.number_up_to(23)?;
    text.byte(b":")?;
    let minute = text.number_up_to(59)?;
    text.byte(b":")?;
    let second = text.number_up_to(60)?;
    let millis = text.fraction()?;
    let offset_minutes = text.offset()?;
    if !text.0.is_empty() {
        return None;
    }
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    let days = date.to_datetime(jiff::civil::Time::midnight()).duration_since(UNIX_EPOCH).as_hours() / 24;
    let minutes = (days * 24 + i64::from(hour)) * 60 + i64::from(minute) - offset_minutes;
    match second {
        60 if ends_month(minutes) => Some((minutes + 1) * 60_000 - 1),
        60 => None,
        _ => Some((minutes * 60 + i64::from(second)) * 1000 + millis),
    }
}

/// Whether the minute that starts this many minutes after 1970 is the last of a month in UTC: the only place
/// for a leap second (RFC 3339, appendix D).
fn ends_month(minutes: i64) -> bool {
    let start = UNIX_EPOCH.saturating_add(SignedDuration::from_mins(minutes));
    start.day() == start.days_in_month() && (start.hour(), start.minute()) == (23, 59)
}

/// What is left of a text while it is read piece by piece.
struct TimeText<'a>(&'a [u8]);

impl TimeText<'_> {
    /// Takes one byte if it is among these.
    fn byte(&mut self, allowed: &[u8]) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        allowed.contains(&first).then(|| {
            self.0 = rest;
            first
        })
    }

    /// Takes a number of exactly this many digits.
    fn number(&mut self, digits: usize) -> Option<i16> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + i16::from(self.byte(b"0123456789")? - b'0')))
    }

    /// Takes a number of two digits that is not above `most`.
    fn number_up_to(&mut self, most: i16) -> Option<i16> {
        self.number(2).filter(|number| *number <= most)
    }

    /// Takes a fraction of a second, if there is one, as whole milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        if self.byte(b".").is_none() {
            return Some(0);
        }
        let length = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at(length);
        self.0 = rest;
        let digit = |place: usize| i64::from(digits.get(place).map_or(0, |byte| byte - b'0'));
        (length > 0).then(|| digit(0) * 100 + digit(1) * 10 + digit(2))
    }

    /// Takes the offset from UTC, in minutes. `-00:00` says that the local offset is not known; the moment is
    /// the same.
    fn offset(&mut self) -> Option<i64> {
        let sign = match self.byte(b"Zz+-")? {
            b'+' => 1,
            b'-' => -1,
            _ => return Some(0),
        };
        let hours = self.number_up_to(23)?;
        self.byte(b":")?;
        let minutes = self.number_up_to(59)?;
        Some(sign * (i64::from(hours) * 60 + i64::from(minutes)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Days from 1970-01-01 to a date, counted year by year and month by month.
    fn count_days(year: i64, month: i64, day: i64) -> i64 {
        let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let years: i64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
        let months: i64 = (1..month).map(|month| month_length(year, month)).sum();
        years + months + day - 1
    }

    fn month_length(year: i64, month: i64) -> i64 {
        match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    prop_compose! {
        /// A date and time with any offset and fraction, and the milliseconds it stands for.
        fn written_times()(
            year in 1971_i64..=9998,
            month in 1_i64..=12,
            day in 1_i64..=31,
            (hour, minute, second) in (0_i64..24, 0_i64..60, 0_i64..60),
            fraction in prop::option::of("[0-9]{1,40}"),
            offset in prop::option::of((prop::bool::ANY, 0_i64..24, 0_i64..60)),
            lower_case in prop::bool::ANY,
        ) -> (String, i64) {
            let day = day.min(month_length(year, month));
            let millis = fraction.as_ref().map_or(0, |digits| format!("{digits:0<3}")[..3].parse().unwrap());
            let fraction = fraction.map(|digits| format!(".{digits}")).unwrap_or_default();
            let (zone, minutes) = match offset {
                None => ("Z".to_owned(), 0),
                Some((true, hours, minutes)) => (format!("+{hours:02}:{minutes:02}"), hours * 60 + minutes),
                Some((false, hours, minutes)) => (format!("-{hours:02}:{minutes:02}"), -hours * 60 - minutes),
            };
            let minutes = count_days(year, month, day) * 1440 + hour * 60 + minute - minutes;
            let seconds = minutes * 60 + second;
            let date = format!("{year:04}-{month:02}-{day:02}");
            let text = format!("{date}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}");
            (if lower_case { text.to_lowercase() } else { text }, seconds * 1000 + millis)
        }
    }

    proptest! {
        #[test]
        fn every_rfc_3339_time_is_read_as_the_moment_it_stands_for((text, millis) in written_times()) {
            prop_assert_eq!(text.parse::<Timestamp>().map(Timestamp::as_millis), Ok(millis), "{}", text);
        }

        #[test]
        fn every_moment_is_written_in_one_form_and_read_back(millis in 0..=Timestamp::MAX.0) {
            let at = Timestamp::from_millis(millis);
            let text = at.to_string();
            let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            prop_assert_eq!(shape, "0000-00-00T00:00:00.000Z");
            prop_assert_eq!(text.parse(), Ok(at));
        }

        #[test]
        fn a_time_with_one_character_changed_is_refused_or_still_in_the_grammar(
            (text, _) in written_times(),
            place in any::<prop::sample::Index>(),
            put in prop::sample::select("0123456789+-:.,TtZz []WQ/\u{2212}".chars().collect::<Vec<_>>()),
            how in 0..3,
        ) {
            let mut characters: Vec<char> = text.chars().collect();
            let place = place.index(characters.len());
            match how {
                0 => characters[place] = put,
                1 => characters.insert(place, put),
                _ => { characters.remove(place); }
            }
            let changed: String = characters.into_iter().collect();
            if changed.parse::<Timestamp>().is_ok() {
                prop_assert!(is_in_the_grammar(&changed), "{}", changed);
            }
        }
    }

    /// The grammar of RFC 3339, section 5.6, written a second time as a pattern over shapes.
    fn is_in_the_grammar(text: &str) -> bool {
        let shape = |text: &str| -> String {
            text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c.to_ascii_uppercase() }).collect()
        };
        let Some((head, tail)) = text.split_at_checked(19) else { return false };
        let fraction = tail.trim_start_matches('.').trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = tail.strip_suffix(fraction).unwrap_or_default();
        let fraction_is_right = digits.is_empty() || (digits.len() > 1 && digits.rfind('.') == Some(0));
        shape(head) == "0000-00-00T00:00:00"
            && fraction_is_right
            && matches!(shape(fraction).as_str(), "Z" | "+00:00" | "-00:00")
    }

    #[test]
    fn times_are_written_with_exactly_three_decimals() {
        let at: Timestamp = "2026-05-01T18:00:00.1239+09:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-05-01T09:00:00.123Z");
        let whole: Timestamp = "2026-05-01T09:00:00Z".parse().unwrap();
        assert_eq!(whole.to_string(), "2026-05-01T09:00:00.000Z");
    }

    #[test]
    fn the_range_includes_both_of_its_ends_and_ends_after_the_offset_is_taken_off() {
        for (text, written) in [
            ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000Z"),
            ("1969-12-31T23:00:00-01:00", "1970-01-01T00:00:00.000Z"),
            ("9999-12-30T22:00:00.5Z", "9999-12-30T22:00:00.500Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
            ("9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59.999Z"),
            ("9999-12-31T00:59:59-23:00", "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), written, "{text}");
        }
        for bad in [
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:59:59+01:00",
            "9999-12-31T23:59:59-00:01",
            "0000-01-01T00:00:00+00:01",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTimestamp), "{bad}");
        }
    }

    #[test]
    fn what_rfc_3339_does_not_allow_is_refused() {
        for bad in [
            "",
            "yesterday",
            "2026-05-01",
            "2026-05-01T09:00:00",
            "2026-05-01T09:00Z",
            "2026-05-01T09Z",
            "2026-05-01 09:00:00Z",
            "2026-05-01_09:00:00Z",
            "2026-05-01T09:00:00,5Z",
            "2026-05-01T09:00:00.Z",
            "2026-05-01T09:00:00Z[UTC]",
            "2026-05-01T09:00:00+09:00[Asia/Seoul]",
            "2026-05-01T09:00:00+09",
            "2026-05-01T09:00:00+0900",
            "2026-05-01T09:00:00+24:00",
            "2026-05-01T09:00:00+09:60",
            "2026-05-01T09:00:00\u{2212}09:00",
            "2026-05-01T24:00:00Z",
            "2026-05-01T09:60:00Z",
            "2026-05-01T09:00:61Z",
            "2026-02-29T09:00:00Z",
            "2026-13-01T09:00:00Z",
            "2026-00-01T09:00:00Z",
            "2026-05-00T09:00:00Z",
            "20260501T090000Z",
            "+002026-05-01T09:00:00Z",
            "2026-W18-5T09:00:00Z",
            " 2026-05-01T09:00:00Z",
            "2026-05-01T09:00:00Z ",
            "٢٠٢٦-05-01T09:00:00Z",
        ] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTimestamp), "{bad}");
        }
    }

    #[test]
    fn an_unknown_offset_is_utc() {
        let unknown: Timestamp = "2026-05-01T09:00:00-00:00".parse().unwrap();
        assert_eq!(unknown, "2026-05-01T09:00:00Z".parse().unwrap());
    }

    #[test]
    fn a_leap_second_is_the_last_millisecond_before_it_and_stands_only_at_the_end_of_a_month() {
        for (text, written) in [
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
            ("2017-01-01T08:59:60.25+09:00", "2016-12-31T23:59:59.999Z"),
            ("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), written, "{text}");
        }
        for bad in ["2016-12-31T23:58:60Z", "2016-12-30T23:59:60Z", "2016-12-31T23:59:60+09:00"] {
            assert_eq!(bad.parse::<Timestamp>(), Err(InvalidTimestamp), "{bad}");
        }
    }

    #[test]
    fn a_stored_moment_before_1970_is_read_as_it_stands_and_never_becomes_1970() {
        let stored = Timestamp::from_millis(-1);
        assert_eq!(stored.to_string(), "1969-12-31T23:59:59.999Z");
        assert_eq!(serde_json::from_str::<Timestamp>("\"1969-12-31T23:59:59.999Z\"").unwrap(), stored);
        assert_eq!(Timestamp::from_millis(i64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(stored.as_seconds(), -1);
    }

    #[test]
    fn what_jiff_cannot_hold_becomes_its_last_moment_and_not_its_first() {
        let last: Timestamp = "9999-12-31T23:59:59.999Z".parse().unwrap();
        assert_eq!(last.to_jiff(), jiff::Timestamp::MAX);
        assert_eq!(
            Timestamp::from_jiff("2026-05-01T09:00:00.1239Z".parse().unwrap()).as_millis() % 1000,
            123
        );
    }
}
