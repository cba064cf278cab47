mod folding;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use folding::fold_text;

/// One line of text: 1 to `MAX` characters after trimming, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Line<const MAX: usize>(String);

/// Several lines of text: at most `MAX` characters, no control characters but line breaks and tabs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Prose<const MAX: usize>(String);

/// The text was empty, too long, or held control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidText {
    /// A line must hold something and fit.
    #[error("must have 1 to {max} characters")]
    Length {
        /// The most characters allowed.
        max: usize,
    },
    /// Prose must fit.
    #[error("must have at most {max} characters")]
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// Control characters break terminals, logs and some stores.
    #[error("must not contain control characters")]
    Control,
}

impl<const MAX: usize> Line<MAX> {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() || text.chars().count() > MAX {
            return Err(InvalidText::Length { max: MAX });
        }
        if text.chars().any(char::is_control) {
            return Err(InvalidText::Control);
        }
        Ok(Self(text.to_owned()))
    }
}

impl<const MAX: usize> Prose<MAX> {
    /// The text itself.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> FromStr for Prose<MAX> {
    type Err = InvalidText;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.chars().count() > MAX {
            return Err(InvalidText::TooLong { max: MAX });
        }
        if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            return Err(InvalidText::Control);
        }
        Ok(Self(text.to_owned()))
    }
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
deserr_from_text_with_max!(Line);
deserr_from_text_with_max!(Prose);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_and_counted_in_characters() {
        assert_eq!(" 출석 ".parse::<Line<2>>().unwrap().as_str(), "출석");
        assert_eq!("출석왕".parse::<Line<2>>(), Err(InvalidText::Length { max: 2 }));
        assert_eq!("   ".parse::<Line<2>>(), Err(InvalidText::Length { max: 2 }));
    }

    #[test]
    fn control_characters_are_refused_but_prose_may_break_lines() {
        assert_eq!("a\0b".parse::<Line<9>>(), Err(InvalidText::Control));
        assert_eq!("a\nb".parse::<Line<9>>(), Err(InvalidText::Control));
        assert!("a\nb".parse::<Prose<9>>().is_ok());
        assert_eq!("a\0b".parse::<Prose<9>>(), Err(InvalidText::Control));
    }
}
