use http::{HeaderMap, header};
use rules::Language;

/// The language that a request asks for; English if it asks for none.
pub(in crate::handlers) fn asked_language(headers: &HeaderMap) -> Language {
    let asked = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    asked.map_or_else(Language::default, Language::from_accept_language)
}
