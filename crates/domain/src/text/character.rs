//! Which characters a text may hold. What they are comes from the Unicode Character Database (crate
//! `icu_properties`).

use icu_properties::props::{
    BidiControl, BinaryProperty, DefaultIgnorableCodePoint, EnumeratedProperty, GeneralCategory, JoinControl,
    VariationSelector,
};

/// A blank Braille cell: a symbol by its category, but nothing to be seen.
const BRAILLE_BLANK: char = '\u{2800}';

/// A character that a text must not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must not contain U+{:04X}, {}", u32::from(self.character), self.fault)]
pub struct RefusedCharacter {
    /// The character.
    pub character: char,
    /// What is wrong with it.
    pub fault: CharacterFault,
}

/// Why a character is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CharacterFault {
    /// Control characters (general category Cc) break terminals, logs and some stores.
    #[error("a control character")]
    Control,
    /// Characters with the property `Bidi_Control` make a text read as another one.
    #[error("which changes the direction of text")]
    Direction,
    /// U+2028 and U+2029 break lines where nobody expects it.
    #[error("a line separator")]
    LineSeparator,
    /// Characters that show nothing make two texts look alike: `Default_Ignorable_Code_Point`, and what
    /// remains of the general category Cf without a shape.
    #[error("which cannot be seen")]
    Invisible,
    /// A joiner changes how its neighbours are drawn; without both it is only invisible.
    #[error("a joiner that stands between no visible characters")]
    LoneJoiner,
    /// A variation selector changes how the character before it is drawn; without one it is only invisible.
    #[error("a variation selector that follows no visible character")]
    LoneVariationSelector,
}

/// Checks every character of a text, together with its neighbours.
pub(super) fn check_all(text: &str, is_exempt: impl Fn(char) -> bool) -> Result<(), RefusedCharacter> {
    let mut characters = text.chars().peekable();
    // Whether the last character shows something; a variation selector leaves that as it was.
    let mut after_visible = false;
    let mut after_selector = false;
    while let Some(character) = characters.next() {
        let refuse = |fault| Err(RefusedCharacter { character, fault });
        let selector = VariationSelector::for_char(character);
        if selector && (!after_visible || after_selector) {
            return refuse(CharacterFault::LoneVariationSelector);
        }
        if JoinControl::for_char(character) {
            let before_visible = characters.peek().is_some_and(|next| is_visible(*next));
            if !(after_visible && before_visible) {
                return refuse(CharacterFault::LoneJoiner);
            }
        } else if !selector
            && !is_exempt(character)
            && let Some(fault) = find_fault(character)
        {
            return refuse(fault);
        }
        after_visible = if selector { after_visible } else { is_visible(character) };
        after_selector = selector;
    }
    Ok(())
}

/// What is wrong with a character wherever it stands.
fn find_fault(character: char) -> Option<CharacterFault> {
    match GeneralCategory::for_char(character) {
        GeneralCategory::Control => Some(CharacterFault::Control),
        GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            Some(CharacterFault::LineSeparator)
        }
        _ if BidiControl::for_char(character) => Some(CharacterFault::Direction),
        _ if is_hidden(character) => Some(CharacterFault::Invisible),
        _ => None,
    }
}

/// Whether a character has no shape of its own though it is no white space. The Arabic number signs and their
/// like (category Cf, U+0600 and others) are drawn; the anchors of annotations (U+FFF9 to U+FFFB) are not.
pub(crate) fn is_hidden(character: char) -> bool {
    DefaultIgnorableCodePoint::for_char(character) || matches!(character, '\u{fff9}'..='\u{fffb}')
}

/// Whether a reader sees something where this character stands.
pub(super) fn is_visible(character: char) -> bool {
    !character.is_whitespace()
        && !character.is_control()
        && character != BRAILLE_BLANK
        && !is_hidden(character)
}
