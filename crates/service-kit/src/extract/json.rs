//! JSON as this API takes it: no name twice in one object.

use std::fmt;

use deserr::ValuePointerRef;
use domain::{Fault, Faults};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A body as a value, and what is wrong with it besides its contents: names that stand twice in one object. Their first
/// value is kept. At most 100 faults.
///
/// # Errors
/// The text is not JSON, or has more than 127 levels.
pub(super) fn read_value(text: &[u8]) -> Result<(Value, Faults), serde_json::Error> {
    let mut faults = Faults::default();
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = ValueSeed { at: ValuePointerRef::Origin, faults: &mut faults }.deserialize(&mut reader)?;
    reader.end()?;
    Ok((value, faults))
}

/// Reads one value that stands at a place, and notes the faults in it.
struct ValueSeed<'a> {
    at: ValuePointerRef<'a>,
    faults: &'a mut Faults,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::from_f64(value).ok_or_else(|| E::custom("number out of range"))?))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let Self { at, faults } = self;
        let mut values = Vec::new();
        loop {
            let entry = ValueSeed { at: at.push_index(values.len()), faults: &mut *faults };
            match entries.next_element_seed(entry)? {
                Some(value) => values.push(value),
                None => return Ok(Value::Array(values)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let Self { at, faults } = self;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let here = at.push_key(&name);
            let is_repeated = object.contains_key(&name);
            if is_repeated && !faults.is_full() {
                let message = "stands more than once in this object".to_owned();
                faults.push(Fault { pointer: domain::json_pointer(here), message });
            }
            let value = members.next_value_seed(ValueSeed { at: here, faults: &mut *faults })?;
            if !is_repeated {
                object.insert(name, value);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pointers(text: &str) -> Vec<String> {
        let (_, faults) = read_value(text.as_bytes()).unwrap();
        faults.into_vec().into_iter().map(|fault| fault.pointer).collect()
    }

    #[test]
    fn a_name_that_stands_twice_in_an_object_is_found_at_any_depth() {
        assert_eq!(pointers(r#"{"a":1,"b":2}"#), [""; 0]);
        assert_eq!(pointers(r#"[{"a":1},{"a":2}]"#), [""; 0]);
        assert_eq!(pointers(r#"{"a":1,"a":1}"#), ["/a"]);
        assert_eq!(pointers(r#"{"a":1,"\u0061":1}"#), ["/a"]);
        assert_eq!(pointers(r#"{"x/y":[0,{"~":{"a":1,"a":2,"a":3}}]}"#), ["/x~1y/1/~0/a"; 2]);
        let twice = r#"{">=":[{"var":"user.ageDays"},30],">=":[{"var":"user.ageDays"},0]}"#;
        let (value, faults) = read_value(twice.as_bytes()).unwrap();
        assert_eq!(value, json!({">=": [{"var": "user.ageDays"}, 30]}));
        assert_eq!(faults.into_vec()[0].pointer, "/>=");
    }

    #[test]
    fn endless_repetitions_are_told_a_hundred_times() {
        let members = vec![r#""a":0"#; 30_000].join(",");
        assert_eq!(pointers(&format!("{{{members}}}")).len(), 100);
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "{}x", "{\"a\":01}", "nul", "[1,]", "\"\u{1}\"", "1e999", "\"\\ud800\""] {
            assert!(read_value(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(read_value(b"\"\xff\"").is_err());
        assert!(read_value("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn anything_without_repetitions_is_read_as_serde_json_reads_it() {
        for value in [json!(null), json!([true, false, "x", -1, 2.5]), json!({"a": {"b": [], "c": {}}})] {
            assert_eq!(read_value(value.to_string().as_bytes()).unwrap().0, value);
        }
    }
}
