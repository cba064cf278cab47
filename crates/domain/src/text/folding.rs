//! Text as it is compared where case does not matter.

use icu_casemap::CaseMapperBorrowed;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// The text without its case, in NFC: two texts that differ only in case or in how they spell an accent
/// become equal.
///
/// This is Unicode's full case folding (UAX #21, canonical caseless match), the same for every language: `ß`
/// is `ss`, `Σ`, `σ` and `ς` are `σ`, and the Turkish dotless `ı` remains itself. Folding twice changes
/// nothing more. Stores keep the folded text beside a name and look for a folded search text in it.
///
/// ```
/// assert_eq!(domain::fold_text("ΟΔΥΣΣΕΥΣ"), domain::fold_text("Οδυσσευς"));
/// assert!(domain::fold_text("ΟΔΥΣΣΕΥΣ").contains(&domain::fold_text("ΟΔΥΣ")));
/// ```
pub fn fold_text(text: &str) -> String {
    // Decomposed first: U+0345 folds to a letter and must not move over other accents afterwards (UAX #21,
    // D145).
    let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(text);
    let folded = CaseMapperBorrowed::new().fold_string(&decomposed);
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn folding_twice_changes_nothing_more(text in "\\PC{0,40}") {
            let folded = fold_text(&text);
            prop_assert_eq!(fold_text(&folded), folded);
        }

        #[test]
        fn spellings_in_nfc_and_nfd_fold_to_one(text in "\\PC{0,40}") {
            let composed = ComposingNormalizerBorrowed::new_nfc().normalize(&text);
            let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(&text);
            prop_assert_eq!(fold_text(&composed), fold_text(&decomposed));
        }
    }

    #[test]
    fn folding_any_single_character_twice_changes_nothing_more() {
        // The planes that hold letters with case.
        for character in '\0'..='\u{1ffff}' {
            let folded = fold_text(&character.to_string());
            assert_eq!(fold_text(&folded), folded, "U+{:04X}", u32::from(character));
        }
    }

    #[test]
    fn upper_and_lower_case_of_a_letter_fold_to_one() {
        for letter in ('\0'..=char::MAX).filter(|letter| {
            let upper: String = letter.to_uppercase().collect();
            // Only letters whose case goes there and back; `ı` becomes `I`, which is the capital of `i`.
            upper != letter.to_string() && upper.to_lowercase() == letter.to_string()
        }) {
            let upper: String = letter.to_uppercase().collect();
            assert_eq!(fold_text(&upper), fold_text(&letter.to_string()), "{letter}");
        }
    }

    #[test]
    fn a_search_finds_what_differs_in_case_only() {
        for (name, search) in [
            ("ΟΔΥΣΣΕΥΣ", "οδυς"),
            ("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ"),
            ("Straßenfest", "STRASSEN"),
            ("ＡＢＣ", "ａｂｃ"),
            ("Cafe\u{301}", "CAFÉ"),
            ("출석 이벤트", "출석"),
        ] {
            assert!(fold_text(name).contains(&fold_text(search)), "{search} in {name}");
        }
        assert_ne!(fold_text("ı"), fold_text("i"));
    }
}
