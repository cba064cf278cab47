//! What is wrong with an input, collected so that a caller learns of everything at once, in an answer of
//! bounded size.

use std::{convert::Infallible, ops::ControlFlow, str::FromStr};

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, ValueKind, ValuePointerRef};
use serde::{Deserialize, Serialize};

/// The most bytes a pointer takes in an answer, escapes included. With the other bounds an answer stays below
/// 64 KiB.
const POINTER_MAX: usize = 256;
/// The most bytes a message takes in an answer, escapes included.
const MESSAGE_MAX: usize = 320;

/// One thing wrong with an input: where (a JSON Pointer, RFC 6901) and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fault {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter. A long one is cut and ends in `…`.
    #[schema(example = "/password")]
    pub pointer: String,
    /// What is wrong and what would be right.
    #[schema(example = "must have 8 to 128 characters")]
    pub message: String,
}

impl Fault {
    /// A fault at this place. Long texts are cut: an answer must not grow with what a caller sent.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            pointer: cut_text(pointer.into(), POINTER_MAX),
            message: cut_text(message.into(), MESSAGE_MAX),
        }
    }
}

/// The faults of one input, in the order in which they were found: the first 100, each of a bounded size.
/// Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The most faults that are kept, and answered.
    pub const MOST: usize = 100;

    /// A single fault.
    pub fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Fault::new(pointer, message)])
    }

    /// Adds a fault, unless there are 100 already.
    pub fn push(&mut self, fault: Fault) {
        if !self.is_full() {
            self.0.push(Fault::new(fault.pointer, fault.message));
        }
    }

    /// The faults one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// The faults as a list.
    pub fn into_vec(self) -> Vec<Fault> {
        self.0
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is no room for another fault, so that looking for more is of no use.
    pub fn is_full(&self) -> bool {
        self.0.len() >= Self::MOST
    }

    /// Goes on reading while there is room for more faults.
    fn go_on(self) -> ControlFlow<Self, Self> {
        if self.is_full() { ControlFlow::Break(self) } else { ControlFlow::Continue(self) }
    }
}

impl Extend<Fault> for Faults {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, faults: I) {
        for fault in faults.into_iter().take(Self::MOST.saturating_sub(self.0.len())) {
            self.push(fault);
        }
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        let mut collected = Self::default();
        collected.extend(faults);
        collected
    }
}

/// Accumulates: reading goes on after a fault, so that the caller learns all of them at once, up to the most
/// there may be.
impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        so_far: Option<Self>,
        error: ErrorKind<V>,
        location: ValuePointerRef,
    ) -> ControlFlow<Self, Self> {
        let mut faults = so_far.unwrap_or_default();
        if !faults.is_full() {
            faults.push(describe_error(error, location));
        }
        faults.go_on()
    }
}

impl MergeWithError<Faults> for Faults {
    fn merge(so_far: Option<Self>, other: Self, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut faults = so_far.unwrap_or_default();
        faults.extend(other.0);
        faults.go_on()
    }
}

impl MergeWithError<Infallible> for Faults {
    fn merge(_: Option<Self>, never: Infallible, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        match never {}
    }
}

fn describe_error<V: IntoValue>(error: ErrorKind<V>, location: ValuePointerRef) -> Fault {
    let (pointer, message) = match error {
        ErrorKind::IncorrectValueKind { accepted, .. } => {
            (json_pointer(location), format!("must be {}", describe_kinds(accepted)))
        }
        ErrorKind::MissingField { field } => {
            (json_pointer(location.push_key(field)), "is required".to_owned())
        }
        ErrorKind::UnknownKey { key, accepted } => (
            json_pointer(location.push_key(key)),
            format!("is not a known field; known: {}", accepted.join(", ")),
        ),
        ErrorKind::UnknownValue { accepted, .. } => {
            (json_pointer(location), format!("must be one of {}", accepted.join(", ")))
        }
        ErrorKind::BadSequenceLen { expected, .. } => {
            (json_pointer(location), format!("must have {expected} entries"))
        }
        ErrorKind::Unexpected { msg } => (json_pointer(location), msg),
    };
    Fault::new(pointer, message)
}

/// The kinds of value that are accepted, in words. A number includes the whole ones, and those the negative
/// ones.
fn describe_kinds(accepted: &[ValueKind]) -> String {
    let includes = |kind| accepted.contains(&kind);
    let kinds = accepted.iter().filter(|kind| match kind {
        ValueKind::NegativeInteger => !includes(ValueKind::Integer) && !includes(ValueKind::Float),
        ValueKind::Integer => !includes(ValueKind::Float),
        _ => true,
    });
    kinds.map(|kind| kind_name(*kind)).collect::<Vec<_>>().join(" or ")
}

fn kind_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Boolean => "true or false",
        ValueKind::Integer => "a whole number",
        ValueKind::NegativeInteger => "a negative whole number",
        ValueKind::Float => "a number",
        ValueKind::String => "text",
        ValueKind::Sequence => "an array",
        ValueKind::Map => "an object",
    }
}

/// Where a value stands in its input: an RFC 6901 pointer of at most 256 bytes. A longer one is cut and
/// ends in `…`.
pub fn json_pointer(location: ValuePointerRef) -> String {
    let mut pointer = String::new();
    write_pointer(location, &mut pointer);
    cut_text(pointer, POINTER_MAX)
}

/// Stops where the pointer is longer than it may be, so that the work does not grow with the keys that a
/// caller chose.
fn write_pointer(location: ValuePointerRef, pointer: &mut String) {
    match location {
        ValuePointerRef::Origin => {}
        ValuePointerRef::Key { key, prev } => {
            write_pointer(*prev, pointer);
            pointer.push('/');
            for character in key.chars().take(POINTER_MAX) {
                match character {
                    '~' => pointer.push_str("~0"),
                    '/' => pointer.push_str("~1"),
                    other => pointer.push(other),
                }
            }
        }
        ValuePointerRef::Index { index, prev } => {
            write_pointer(*prev, pointer);
            pointer.push('/');
            pointer.push_str(&index.to_string());
        }
    }
}

/// The text, or its beginning and `…` if it takes more than this many bytes as a JSON string.
fn cut_text(mut text: String, most: usize) -> String {
    const CUT_MARK: &str = "…";
    let (mut taken, mut cut) = (0, 0);
    for (start, character) in text.char_indices() {
        if taken + CUT_MARK.len() <= most {
            cut = start;
        }
        taken += json_bytes(character);
        if taken > most {
            text.truncate(cut);
            text.push_str(CUT_MARK);
            break;
        }
    }
    text
}

/// How many bytes a character takes inside a JSON string.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

/// Reads a type out of JSON text through its `FromStr`, reporting its error as a fault.
///
/// # Errors
/// The value is no text, or the text does not read.
pub fn read_text<T, V>(value: deserr::Value<V>, location: ValuePointerRef) -> Result<T, Faults>
where
    T: FromStr,
    T::Err: ToString,
    V: IntoValue,
{
    let text = <String as deserr::Deserr<Faults>>::deserialize_from_value(value, location)?;
    text.parse().map_err(|error: T::Err| Faults::new(json_pointer(location), error.to_string()))
}

/// Lets JSON bodies hold a type that is written as text.
macro_rules! deserr_from_text {
    ($type:ty) => {
        impl deserr::Deserr<$crate::Faults> for $type {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef,
            ) -> Result<Self, $crate::Faults> {
                $crate::fault::read_text(value, location)
            }
        }
    };
}
pub(crate) use deserr_from_text;

/// Describes a type to OpenAPI as text with a format, an example and bounds, such as `pattern("^a")`.
macro_rules! schema_of_text {
    ($type:ty, $format:literal, $example:literal $(, $bound:ident($value:expr))* $(,)?) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom($format.to_owned())))
                    .examples([serde_json::Value::from($example)])
                    $(.$bound(Some($value)))*
                    .into()
            }
        }
        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
        }
    };
}
pub(crate) use schema_of_text;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};

    use super::*;

    #[derive(Debug, deserr::Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    #[allow(dead_code, reason = "only what is refused is looked at")]
    struct FaultyBody {
        points: i64,
        ratio: f64,
        names: Vec<String>,
    }

    fn read_body(body: Value) -> Vec<Fault> {
        deserr::deserialize::<FaultyBody, _, Faults>(body).unwrap_err().0
    }

    fn unknown_fields(keys: impl Iterator<Item = String>) -> Value {
        let mut fields: Map<String, Value> = keys.map(|key| (key, Value::Null)).collect();
        fields.extend([("points".into(), 1.into()), ("ratio".into(), 1.into()), ("names".into(), json!([]))]);
        fields.into()
    }

    #[test]
    fn every_fault_is_found_and_told_where_it_stands() {
        let mut faults = read_body(json!({ "points": 1.5, "ratio": "x", "names": ["a", 1], "a/b~c": 1 }));
        faults.sort_by(|one, other| one.pointer.cmp(&other.pointer));
        assert_eq!(
            faults,
            [
                Fault::new("/a~1b~0c", "is not a known field; known: points, ratio, names"),
                Fault::new("/names/1", "must be text"),
                Fault::new("/points", "must be a whole number"),
                Fault::new("/ratio", "must be a number"),
            ]
        );
        assert_eq!(read_body(json!({ "points": 1, "ratio": 1 })), [Fault::new("/names", "is required")]);
    }

    #[test]
    fn no_more_than_100_faults_are_collected() {
        let wrong: Vec<Value> = (0..5000).map(Value::from).collect();
        assert_eq!(read_body(json!({ "points": "x", "ratio": "x", "names": wrong })).len(), Faults::MOST);
        assert_eq!(read_body(unknown_fields((0..5000).map(|n| n.to_string()))).len(), Faults::MOST);
        let faults: Faults = (0..5000).map(|n| Fault::new(n.to_string(), "x")).collect();
        assert_eq!((faults.0.len(), faults.0[99].pointer.as_str(), faults.is_full()), (100, "99", true));
    }

    #[test]
    fn long_keys_and_messages_are_cut() {
        let faults = read_body(unknown_fields(std::iter::once("한".repeat(100_000))));
        assert_eq!(faults[0].pointer, format!("/{}…", "한".repeat(84)));
        assert_eq!(Fault::new("x", "y".repeat(321)).message, format!("{}…", "y".repeat(317)));
        assert_eq!(Fault::new("x", "y".repeat(320)).message, "y".repeat(320));
        assert_eq!(Fault::new("\u{1}".repeat(99), "x").pointer, format!("{}…", "\u{1}".repeat(42)));
        let mut faults = Faults::default();
        faults.push(Fault { pointer: "p".repeat(9999), message: "m".repeat(9999) });
        assert_eq!((faults.0[0].pointer.len(), faults.0[0].message.len()), (256, 320));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn faults_take_a_bounded_amount_of_room_whatever_was_sent(
            keys in prop::collection::vec("\\PC{0,300}", 0..150),
        ) {
            let faults = deserr::deserialize::<FaultyBody, _, Faults>(unknown_fields(keys.into_iter()));
            let faults = faults.err().unwrap_or_default().0;
            prop_assert!(faults.len() <= Faults::MOST);
            for fault in faults {
                let bytes = |text: &str| serde_json::to_string(text).map_or(usize::MAX, |json| json.len() - 2);
                prop_assert!(bytes(&fault.pointer) <= 256 && bytes(&fault.message) <= 320);
            }
        }
    }
}
