//! Numbers as conditions count with them: decimals of up to 28 digits (`rust_decimal`), because sums of
//! decimals must be exact (ten times 0.1 is 1), which binary floating point is not.

use rust_decimal::Decimal;
use serde_json::{Number, Value};

/// 2^53-1: whole numbers up to here are the same for every reader of JSON.
const LARGEST: i64 = 9_007_199_254_740_991;

/// What a number in a condition must be, for messages.
pub(crate) const NUMBER_RULE: &str =
    "must be a number within ±9007199254740991 (2^53-1) and have at most 28 decimals";

/// The number as it is written, if 28 digits can hold it.
pub(crate) fn decimal_from_json(number: &Number) -> Option<Decimal> {
    if let Some(whole) = number.as_i64() {
        return Some(whole.into());
    }
    // The shortest text that reads as the same float is what the author wrote, up to 15 digits.
    let text = number.to_string();
    if text.contains('e') {
        Decimal::from_scientific(&text).ok()
    } else {
        Decimal::from_str_exact(&text).ok()
    }
}

/// A whole number as such; any other as the nearest float, which is how readers of JSON take it anyway.
pub(crate) fn decimal_to_json(decimal: Decimal) -> Value {
    if let Some(whole) = decimal.is_integer().then(|| i64::try_from(decimal).ok()).flatten() {
        return whole.into();
    }
    decimal.to_string().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// Whether the number lies within ±(2^53-1).
pub(crate) fn is_within_range(decimal: Decimal) -> bool {
    decimal.abs() <= Decimal::from(LARGEST)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_decimal(json: &Value) -> Option<Decimal> {
        decimal_from_json(json.as_number().unwrap())
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        let parsed = |text: &str| read_decimal(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(parsed("10"), parsed("10.0"));
        assert_eq!(parsed("10"), parsed("1e1"));
        assert_eq!(parsed("0.0000001"), parsed("1e-7"));
        assert_eq!(parsed("-0.0"), parsed("0"));
        assert_eq!(parsed("9007199254740991"), parsed("9007199254740991.0"));
    }

    #[test]
    fn decimals_are_exact() {
        let tenth = read_decimal(&json!(0.1)).unwrap();
        assert_eq!((0..10).map(|_| tenth).sum::<Decimal>(), Decimal::ONE);
        assert_eq!(read_decimal(&json!(0.666_666_666_666_666_6)).unwrap().to_string(), "0.6666666666666666");
    }

    #[test]
    fn what_28_digits_cannot_hold_is_no_decimal() {
        assert_eq!(read_decimal(&json!(1e300)), None);
        assert_eq!(read_decimal(&json!(1e-29)), None);
        assert_eq!(read_decimal(&json!(1.234_567_890_123_456_7e-13)), None);
        assert!(read_decimal(&json!(1e-28)).is_some());
    }

    #[test]
    fn the_range_ends_where_floats_stop_counting_by_one() {
        for (number, within) in [
            (json!(9_007_199_254_740_991_i64), true),
            (json!(-9_007_199_254_740_991_i64), true),
            (json!(9_007_199_254_740_992_i64), false),
            (json!(9_007_199_254_740_992.0), false),
            (json!(-9_007_199_254_740_992_i64), false),
            (json!(u64::MAX), false),
        ] {
            assert_eq!(is_within_range(read_decimal(&number).unwrap()), within, "{number}");
        }
    }

    #[test]
    fn numbers_are_written_as_they_were_read() {
        for number in [json!(0), json!(-7), json!(0.5), json!(9_007_199_254_740_991_i64), json!(1e-7)] {
            assert_eq!(decimal_to_json(read_decimal(&number).unwrap()), number);
        }
        assert_eq!(decimal_to_json(read_decimal(&json!(10.0)).unwrap()), json!(10));
        assert_eq!(decimal_to_json(read_decimal(&json!(-0.0)).unwrap()), json!(0));
    }
}
