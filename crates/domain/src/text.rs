//! Text that people write: names and descriptions.
//!
//! Text is kept in Unicode NFC (UAX #15), so that one spelling is one text whatever keyboard typed it, and it
//! holds nothing that a reader cannot see or that makes the reader see another order.

use std::{fmt, str::FromStr};

use icu_normalizer::ComposingNormalizerBorrowed;
use serde::{Deserialize, Serialize};

mod character;
mod folding;

pub(crate) use character::is_hidden;
pub use character::{CharacterFault, RefusedCharacter};
pub use folding::fold_text;

/// One line of text: 1 to `MAX` characters in NFC, trimmed, all of them fit to be shown ([`RefusedCharacter`]
/// says which are not), at least one of them visible.
///
/// Reading it from a store (`Deserialize`) judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextLine<const MAX: usize>(String);

/// Several lines of text: at most `MAX` characters in NFC, trimmed, all of them fit to be shown. Line breaks
/// (LF, CR) and tabs are allowed, and so is no text at all.
///
/// Reading it from a store (`Deserialize`) judges nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TextBlock<const MAX: usize>(String);

/// The text shows nothing, is too long, or holds a character that is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// A line must hold something and fit.
    #[error("must have 1 to {max} characters")]
    Length {
        /// The most characters allowed.
        max: usize,
    },
    /// Several lines must fit.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// There are characters, but none that anybody can see.
    #[error("must have a character that can be seen")]
    ShowsNothing,
    /// A character that is not accepted.
    #[error(transparent)]
    Character(#[from] RefusedCharacter),
}

impl<const MAX: usize> TextLine<MAX> {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for TextLine<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = normalise_text(text.trim());
        if text.is_empty() || !fits(&text, MAX) {
            return Err(InvalidText::Length { max: MAX });
        }
        character::check_all(&text, |_| false)?;
        if !text.chars().any(character::is_visible) {
            return Err(InvalidText::ShowsNothing);
        }
        Ok(Self(text))
    }
}

impl<const MAX: usize> TextBlock<MAX> {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for TextBlock<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = normalise_text(text.trim());
        if !fits(&text, MAX) {
            return Err(InvalidText::TooLong { max: MAX });
        }
        character::check_all(&text, |character| matches!(character, '\n' | '\r' | '\t'))?;
        if !text.is_empty() && !text.chars().any(character::is_visible) {
            return Err(InvalidText::ShowsNothing);
        }
        Ok(Self(text))
    }
}

/// The text in Unicode NFC, the form in which Guerdon stores and compares text.
pub fn normalise_text(text: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc().normalize(text).into_owned()
}

/// Whether the text has at most this many characters. Stops counting where it is clear.
fn fits(text: &str, most: usize) -> bool {
    text.chars().nth(most).is_none()
}

macro_rules! deserr_from_text_with_max {
    ($type:ident) => {
        impl<const MAX: usize> deserr::Deserr<crate::Faults> for $type<MAX> {
            fn deserialize_from_value<V: deserr::IntoValue>(
                value: deserr::Value<V>,
                location: deserr::ValuePointerRef,
            ) -> Result<Self, crate::Faults> {
                crate::fault::read_text(value, location)
            }
        }
        impl<const MAX: usize> fmt::Display for $type<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
deserr_from_text_with_max!(TextLine);
deserr_from_text_with_max!(TextBlock);

#[cfg(test)]
mod tests;
