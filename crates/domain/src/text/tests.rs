use proptest::prelude::*;

use super::*;

type AnyLine = TextLine<200>;
type AnyProse = TextBlock<200>;

fn refused(character: char, fault: CharacterFault) -> InvalidText {
    InvalidText::Character(RefusedCharacter { character, fault })
}

proptest! {
    #[test]
    fn what_is_accepted_is_read_again_as_it_is(text in "\\PC{1,60}") {
        if let Ok(line) = text.parse::<AnyLine>() {
            prop_assert_eq!(line.as_str().parse::<AnyLine>(), Ok(line.clone()));
            prop_assert_eq!(line.as_str().trim(), line.as_str());
            prop_assert_eq!(normalise_text(line.as_str()), line.as_str());
        }
    }

    #[test]
    fn a_character_that_is_hidden_is_refused_wherever_it_stands(
        before in "[a-z]{0,5}",
        after in "[a-z]{0,5}",
        hidden in hidden_characters(),
    ) {
        let text = format!("x{before}{hidden}{after}y");
        prop_assert!(text.parse::<AnyLine>().is_err(), "U+{:04X}", u32::from(hidden));
        prop_assert!(text.parse::<AnyProse>().is_err(), "U+{:04X}", u32::from(hidden));
    }

    #[test]
    fn one_text_in_two_spellings_is_one_text(text in "\\PC{1,60}") {
        let decomposed = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd().normalize(&text);
        prop_assert_eq!(text.parse::<AnyLine>().ok(), decomposed.parse::<AnyLine>().ok());
    }
}

/// One of the ranges that Unicode names Cc, Cf without shape, `Bidi_Control`, Zl, Zp or `Default_Ignorable`,
/// without joiners and variation selectors, which depend on what stands beside them.
fn hidden_characters() -> impl Strategy<Value = char> {
    prop_oneof![
        prop::char::range('\0', '\u{8}'),
        prop::char::range('\u{7f}', '\u{84}'),
        prop::char::range('\u{86}', '\u{9f}'),
        prop::char::range('\u{115f}', '\u{1160}'),
        prop::char::range('\u{17b4}', '\u{17b5}'),
        prop::char::range('\u{200e}', '\u{200f}'),
        prop::char::range('\u{2028}', '\u{202e}'),
        prop::char::range('\u{2060}', '\u{206f}'),
        prop::char::range('\u{fff0}', '\u{fffb}'),
        prop::char::range('\u{1bca0}', '\u{1bca3}'),
        prop::char::range('\u{1d173}', '\u{1d17a}'),
        prop::char::range('\u{e0000}', '\u{e00ff}'),
        prop::sample::select(vec![
            '\u{ad}', '\u{34f}', '\u{61c}', '\u{180e}', '\u{200b}', '\u{3164}', '\u{feff}', '\u{ffa0}'
        ]),
    ]
}

#[test]
fn a_line_is_trimmed_and_counted_in_characters() {
    assert_eq!(" 출석 ".parse::<TextLine<2>>().unwrap().as_str(), "출석");
    assert_eq!("출석왕".parse::<TextLine<2>>(), Err(InvalidText::Length { max: 2 }));
    assert_eq!("   ".parse::<TextLine<2>>(), Err(InvalidText::Length { max: 2 }));
}

#[test]
fn text_is_composed_and_counted_afterwards() {
    let decomposed = "\u{110e}\u{116e}\u{11af}\u{1109}\u{1165}\u{11a8}";
    assert_eq!(decomposed.parse::<TextLine<2>>().unwrap().as_str(), "출석");
    assert_eq!("e\u{301}".parse::<TextBlock<1>>().unwrap().as_str(), "é");
    // U+0958 is written in two characters in NFC.
    assert_eq!("\u{958}".parse::<TextLine<1>>(), Err(InvalidText::Length { max: 1 }));
}

#[test]
fn control_characters_are_refused_but_several_lines_may_break_and_indent() {
    assert_eq!("a\0b".parse::<AnyLine>(), Err(refused('\0', CharacterFault::Control)));
    assert_eq!("a\nb".parse::<AnyLine>(), Err(refused('\n', CharacterFault::Control)));
    assert_eq!("a\r\n\tb\n".parse::<AnyProse>().unwrap().as_str(), "a\r\n\tb");
    assert_eq!("a\0b".parse::<AnyProse>(), Err(refused('\0', CharacterFault::Control)));
    assert_eq!("".parse::<AnyProse>().unwrap().as_str(), "");
}

#[test]
fn each_kind_of_unfit_character_is_named_in_the_message() {
    for (text, message) in [
        ("a\u{202e}b", "must not contain U+202E, which changes the direction of text"),
        ("a\u{200f}b", "must not contain U+200F, which changes the direction of text"),
        ("a\u{2028}b", "must not contain U+2028, a line separator"),
        ("a\u{200b}b", "must not contain U+200B, which cannot be seen"),
        ("a\u{e0041}b", "must not contain U+E0041, which cannot be seen"),
        ("a\u{200d}", "must not contain U+200D, a joiner that stands between no visible characters"),
        ("\u{fe0f}a", "must not contain U+FE0F, a variation selector that follows no visible character"),
        ("a\u{7}b", "must not contain U+0007, a control character"),
    ] {
        assert_eq!(text.parse::<AnyLine>().unwrap_err().to_string(), message);
    }
}

#[test]
fn joiners_and_variation_selectors_between_visible_characters_are_kept() {
    for text in [
        "👨\u{200d}👩\u{200d}👧",
        "👁\u{fe0f}\u{200d}🗨\u{fe0f}",
        "❤\u{fe0f}",
        "1\u{fe0f}\u{20e3}",
        "می\u{200c}خواهم",
        "葛\u{e0100}城",
        "क\u{94d}\u{200d}ष",
        "🇰🇷 이벤트",
        "\u{600}١٢",
    ] {
        assert_eq!(text.parse::<AnyLine>().unwrap().as_str(), text, "{text}");
    }
}

#[test]
fn joiners_and_variation_selectors_that_stand_alone_are_refused() {
    for text in [
        "\u{200d}a",
        "a\u{200c}",
        "a \u{200d}b",
        "a\u{200d} b",
        "a\u{200d}\u{200d}b",
        "a\u{200c}\u{200d}b",
        "a \u{fe0f}",
        "a\u{fe0f}\u{fe0f}",
        "a\u{200d}\u{fe0f}b",
    ] {
        assert!(
            matches!(text.parse::<AnyLine>(), Err(InvalidText::Character(_))),
            "{}",
            text.escape_unicode()
        );
    }
}

#[test]
fn text_that_shows_nothing_is_refused() {
    for text in ["\u{2800}", "\u{2800} \u{3000}\u{2800}"] {
        assert_eq!(text.parse::<AnyLine>(), Err(InvalidText::ShowsNothing));
        assert_eq!(text.parse::<AnyProse>(), Err(InvalidText::ShowsNothing));
    }
    assert!("\u{3164}".parse::<AnyLine>().is_err());
    assert_eq!("\u{a0}\u{3000}".parse::<AnyLine>(), Err(InvalidText::Length { max: 200 }));
}

#[test]
fn stored_text_is_read_without_being_judged() {
    let stored: TextLine<2> = serde_json::from_str("\"a\\u0000bc\"").unwrap();
    assert_eq!(stored.as_str(), "a\0bc");
}
