//! Numbers in JSON bodies. JSON knows no integers: `10`, `10.0` and `1e1` are one number (RFC 8259, section
//! 6).

use deserr::ValuePointerRef;
use serde_json::{Number, Value};

use crate::{Fault, Faults, json_pointer};

/// The largest whole number that every JSON reader takes exactly: 2^53-1 (RFC 7493, section 2.2).
pub const MAX_WHOLE_NUMBER: i64 = (1 << 53) - 1;

/// Makes every number without a fractional part an integer, however it was written, so that whoever reads the
/// value after this sees one form. To be called on a whole body before anything is read out of it.
///
/// # Errors
/// A fault for each whole number beyond ±(2^53-1): such a number may already be another one than was written.
/// The value may have been changed in part.
pub fn normalise_numbers(value: &mut Value) -> Result<(), Faults> {
    let mut faults = Faults::default();
    visit_numbers(value, ValuePointerRef::Origin, &mut faults);
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

/// Goes as deep as the value does: `serde_json` reads at most 128 levels.
fn visit_numbers(value: &mut Value, location: ValuePointerRef, faults: &mut Faults) {
    match value {
        Value::Number(number) => match read_whole(number) {
            WholeNumber::Within(whole) => *number = whole.into(),
            WholeNumber::Beyond if !faults.is_full() => faults.push(Fault {
                pointer: json_pointer(location),
                message: format!("must lie between -{MAX_WHOLE_NUMBER} and {MAX_WHOLE_NUMBER}"),
            }),
            WholeNumber::Beyond | WholeNumber::Fraction => {}
        },
        Value::Array(values) => {
            for (index, value) in values.iter_mut().enumerate() {
                visit_numbers(value, location.push_index(index), faults);
            }
        }
        Value::Object(members) => {
            for (key, value) in members {
                visit_numbers(value, location.push_key(key), faults);
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

enum WholeNumber {
    /// A whole number that is exact.
    Within(i64),
    /// A whole number beyond what is exact.
    Beyond,
    /// No whole number.
    Fraction,
}

fn read_whole(number: &Number) -> WholeNumber {
    const WITHIN: std::ops::RangeInclusive<i64> = -MAX_WHOLE_NUMBER..=MAX_WHOLE_NUMBER;
    let whole = match (number.as_i64(), number.as_f64()) {
        (Some(whole), _) => Some(whole),
        // A double with a fractional part is smaller than 2^52, so larger ones are all whole.
        (None, Some(float)) if float.fract() != 0.0 => return WholeNumber::Fraction,
        #[allow(
            clippy::cast_possible_truncation,
            reason = "has no fractional part; `as` saturates beyond i64"
        )]
        (None, float) => float.map(|float| float as i64),
    };
    whole.filter(|whole| WITHIN.contains(whole)).map_or(WholeNumber::Beyond, WholeNumber::Within)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, deserr::Deserr)]
    #[deserr(error = Faults)]
    struct NumberBody {
        points: i64,
        quantity: u32,
        value: f64,
    }

    fn read_numbers(text: &str) -> Result<Value, Faults> {
        let mut value: Value = serde_json::from_str(text).unwrap();
        normalise_numbers(&mut value).map(|()| value)
    }

    #[test]
    fn a_number_without_fractional_part_is_a_whole_number_however_it_is_written() {
        for text in ["10", "10.0", "1e1", "1E+1", "100e-1", "10.000"] {
            assert_eq!(read_numbers(text).unwrap().to_string(), "10", "{text}");
        }
        for text in ["-0", "-0.0", "0e5"] {
            assert_eq!(read_numbers(text).unwrap().to_string(), "0", "{text}");
        }
        let body = read_numbers(r#"{"points": -1e3, "quantity": 10.0, "value": 2.0}"#).unwrap();
        let read = deserr::deserialize::<NumberBody, _, Faults>(body);
        assert_eq!(read, Ok(NumberBody { points: -1000, quantity: 10, value: 2.0 }));
    }

    #[test]
    fn a_fraction_stays_a_fraction_and_is_no_whole_number() {
        let body = read_numbers(r#"{"points": 10.5, "quantity": 0.1, "value": 2.25}"#).unwrap();
        assert_eq!(body, json!({ "points": 10.5, "quantity": 0.1, "value": 2.25 }));
        let mut faults = deserr::deserialize::<NumberBody, _, Faults>(body).unwrap_err().into_vec();
        faults.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        assert_eq!(faults[0], Fault { pointer: "/points".into(), message: "must be a whole number".into() });
        assert_eq!(
            faults[1],
            Fault { pointer: "/quantity".into(), message: "must be a whole number".into() }
        );
    }

    #[test]
    fn whole_numbers_beyond_two_to_the_53_are_faults_where_they_stand() {
        assert_eq!(read_numbers("[9007199254740991, -9007199254740991]").unwrap()[0], MAX_WHOLE_NUMBER);
        let text = r#"{"a": [1, 9007199254740992], "b": {"c/d": -9007199254740992}, "e": 1e300,
            "f": 18446744073709551615, "g": 9007199254740993.0}"#;
        let faults = read_numbers(text).unwrap_err().into_vec();
        let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/a/1", "/b/c~1d", "/e", "/f", "/g"]);
        assert_eq!(faults[0].message, "must lie between -9007199254740991 and 9007199254740991");
    }

    #[test]
    fn a_body_full_of_numbers_beyond_is_answered_with_a_bounded_list() {
        let text = format!("[{}1]", "1e300,".repeat(1000));
        assert_eq!(read_numbers(&text).unwrap_err().iter().count(), Faults::MOST);
    }

    proptest! {
        #[test]
        fn every_exact_whole_number_survives_every_way_of_writing_it(
            number in -MAX_WHOLE_NUMBER..=MAX_WHOLE_NUMBER,
            form in prop::sample::select(vec!["", ".0", ".000", "e0", "E+0", ".0e0"]),
        ) {
            prop_assert_eq!(read_numbers(&format!("{number}{form}")), Ok(json!(number)));
        }

        #[test]
        fn numbers_with_a_fractional_part_are_left_as_they_are(number in -1e15..1e15_f64) {
            prop_assume!(number.fract() != 0.0);
            prop_assert_eq!(read_numbers(&json!(number).to_string()), Ok(json!(number)));
        }
    }
}
