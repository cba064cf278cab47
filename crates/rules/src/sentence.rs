//! Reasons in words.

mod english;
mod korean;

use serde_json::Value;

use crate::{
    condition_fault::shortened_text,
    fact::Fact,
    language::Language,
    reason::{Reason, ReasonMatter},
    requirement::Requirement,
};

/// One sentence, or two where the language likes that better.
pub(crate) fn write_sentence(reason: &Reason, language: Language) -> String {
    match (language, &reason.matter) {
        (Language::English, ReasonMatter::Constant) => english::CONSTANT.to_owned(),
        (Language::Korean, ReasonMatter::Constant) => korean::CONSTANT.to_owned(),
        (Language::English, ReasonMatter::Failed(failure)) => english::failed_sentence(*failure),
        (Language::Korean, ReasonMatter::Failed(failure)) => korean::failed_sentence(*failure),
        (_, ReasonMatter::Required { fact, requirement }) => {
            let told = ToldReason {
                fact: fact.as_ref(),
                formula: reason.fact.as_deref().unwrap_or_default(),
                requirement: *requirement,
                actual: &reason.actual,
                target: &reason.target,
            };
            match language {
                Language::English => english::required_sentence(&told),
                Language::Korean => korean::required_sentence(&told),
            }
        }
    }
}

/// What a sentence tells.
struct ToldReason<'a> {
    /// None for what is computed.
    fact: Option<&'a Fact>,
    formula: &'a str,
    requirement: Requirement,
    actual: &'a Value,
    target: &'a Value,
}

impl ToldReason<'_> {
    /// Whether it is about how much there is and how much there should be.
    fn has_amounts(&self) -> bool {
        self.actual.is_number() && self.target.is_number()
    }
}

/// What a language says instead of values that JSON has a word for.
struct ValueWords {
    null: &'static str,
    yes: &'static str,
    no: &'static str,
}

/// A value as a sentence shows it; long ones are shortened.
fn shown_value(value: &Value, words: &ValueWords) -> String {
    match value {
        Value::Null => words.null.to_owned(),
        Value::Bool(true) => words.yes.to_owned(),
        Value::Bool(false) => words.no.to_owned(),
        Value::Number(number) => grouped_digits(&number.to_string()),
        Value::String(text) => format!("\"{}\"", shortened_text(text)),
        Value::Array(entries) => {
            let shown: Vec<_> =
                entries.iter().take(MOST_ENTRIES).map(|entry| shown_value(entry, words)).collect();
            let more = if entries.len() > MOST_ENTRIES { ", …" } else { "" };
            // Lists within lists could be shown as long as a condition is.
            shortened_list(&format!("{}{more}", shown.join(", ")))
        }
        Value::Object(_) => shortened_text(&value.to_string()),
    }
}

/// Entries shown of a list.
const MOST_ENTRIES: usize = 8;
/// Characters shown of a list.
const LIST_CHARACTERS: usize = 300;

fn shortened_list(list: &str) -> String {
    match list.char_indices().nth(LIST_CHARACTERS) {
        None => list.to_owned(),
        Some((end, _)) => format!("{}…", &list[..end]),
    }
}

/// A text that needs no quotes, such as a role's name or a time.
fn bare_text(value: &Value, words: &ValueWords) -> String {
    value.as_str().map_or_else(|| shown_value(value, words), shortened_text)
}

/// 1234567.5 as 1,234,567.5, as both languages write it.
fn grouped_digits(number: &str) -> String {
    let (sign, digits) = number.strip_prefix('-').map_or(("", number), |digits| ("-", digits));
    let whole_length = digits.bytes().take_while(u8::is_ascii_digit).count();
    let (whole, rest) = digits.split_at(whole_length);
    let mut grouped = sign.to_owned();
    for (at, digit) in whole.char_indices() {
        if at > 0 && (whole_length - at) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

#[cfg(test)]
mod tests;
