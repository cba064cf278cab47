use std::{convert::Infallible, ops::ControlFlow, str::FromStr};

use deserr::{DeserializeError, ErrorKind, IntoValue, MergeWithError, ValuePointerRef};
use serde::{Deserialize, Serialize};

/// One thing wrong with an input: where (a JSON Pointer, RFC 6901) and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Fault {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter.
    #[schema(example = "/password")]
    pub pointer: String,
    /// What is wrong and what would be right.
    #[schema(example = "must have 8 to 128 characters")]
    pub message: String,
}

/// Every fault of one input, in the order they were found. Never empty when it is an error.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults(pub Vec<Fault>);

impl Faults {
    /// A single fault.
    pub fn one(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self(vec![Fault { pointer: pointer.into(), message: message.into() }])
    }
}

/// Accumulates: reading goes on after a fault, so that the caller learns all of them at once.
impl DeserializeError for Faults {
    fn error<V: IntoValue>(
        so_far: Option<Self>,
        error: ErrorKind<V>,
        location: ValuePointerRef,
    ) -> ControlFlow<Self, Self> {
        let mut faults = so_far.unwrap_or_default();
        faults.0.push(describe(error, location));
        ControlFlow::Continue(faults)
    }
}

impl MergeWithError<Faults> for Faults {
    fn merge(so_far: Option<Self>, other: Self, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        let mut faults = so_far.unwrap_or_default();
        faults.0.extend(other.0);
        ControlFlow::Continue(faults)
    }
}

impl MergeWithError<Infallible> for Faults {
    fn merge(_: Option<Self>, never: Infallible, _: ValuePointerRef) -> ControlFlow<Self, Self> {
        match never {}
    }
}

fn describe<V: IntoValue>(error: ErrorKind<V>, location: ValuePointerRef) -> Fault {
    let here = pointer(location);
    let (pointer, message) = match error {
        ErrorKind::IncorrectValueKind { accepted, .. } => {
            let kinds: Vec<_> = accepted.iter().map(|kind| kind_name(*kind)).collect();
            (here, format!("must be {}", kinds.join(" or ")))
        }
        ErrorKind::MissingField { field } => (child(&here, field), "is required".to_owned()),
        ErrorKind::UnknownKey { key, accepted } => {
            (child(&here, key), format!("is not a known field; known: {}", accepted.join(", ")))
        }
        ErrorKind::UnknownValue { accepted, .. } => (here, format!("must be one of {}", accepted.join(", "))),
        ErrorKind::BadSequenceLen { expected, .. } => (here, format!("must have {expected} entries")),
        ErrorKind::Unexpected { msg } => (here, msg),
    };
    Fault { pointer, message }
}

fn kind_name(kind: deserr::ValueKind) -> &'static str {
    use deserr::ValueKind::{Boolean, Float, Integer, Map, NegativeInteger, Null, Sequence, String};
    match kind {
        Null => "null",
        Boolean => "true or false",
        Integer => "a whole number",
        NegativeInteger => "a negative whole number",
        Float => "a number",
        String => "text",
        Sequence => "an array",
        Map => "an object",
    }
}

fn child(parent: &str, key: &str) -> String {
    format!("{parent}/{}", key.replace('~', "~0").replace('/', "~1"))
}

/// Where a value stands in its input: an RFC 6901 pointer.
pub fn pointer(location: ValuePointerRef) -> String {
    match location {
        ValuePointerRef::Origin => String::new(),
        ValuePointerRef::Key { key, prev } => child(&pointer(*prev), key),
        ValuePointerRef::Index { index, prev } => format!("{}/{index}", pointer(*prev)),
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
    text.parse().map_err(|error: T::Err| Faults::one(pointer(location), error.to_string()))
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

/// Describes a type to OpenAPI as text with a format and an example.
macro_rules! schema_of_text {
    ($type:ty, $format:literal, $example:literal) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .format(Some(utoipa::openapi::SchemaFormat::Custom($format.to_owned())))
                    .examples([serde_json::Value::from($example)])
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
