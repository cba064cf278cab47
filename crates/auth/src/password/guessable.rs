//! Passwords that whoever guesses tries first (NIST SP 800-63B, 3.1.1.2): common words with a few characters
//! around them, keys beside each other, sequences, repetition.
//!
//! Leaked passwords are mostly variations of few words. So two lists and a few rules stand for a list of
//! millions.

use std::{collections::HashSet, sync::LazyLock};

use domain::fold_text;

use super::CHOSEN_MIN;

/// Words that passwords are commonly made of, one on each line, folded ([`fold_text`]) and sorted.
const COMMON_WORDS: &str = include_str!("common_words.txt");
/// The passwords found most often among leaked ones, without those that the rules and the words above refuse;
/// folded and sorted too. `leaked_passwords.LICENSE` tells where they are from.
const LEAKED_PASSWORDS: &str = include_str!("leaked_passwords.txt");

static REFUSED_WORDS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| COMMON_WORDS.lines().chain(LEAKED_PASSWORDS.lines()).collect());

/// Characters in orders that fingers or memory follow, forwards and backwards, folded.
const KNOWN_ORDERS: &[&str] = &[
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "00112233445566778899",
    "aabbccddeeffgghhiijjkk",
    // Rows of keyboards: QWERTY, QWERTZ, AZERTY, and the digits with the shift key.
    "qwertyuiop[]\\",
    "asdfghjkl;'",
    "zxcvbnm,./",
    "qwertzuiopü+",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "!@#$%^&*()_+",
    // Columns of QWERTY, and two rows in turn.
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "qazwsxedcrfvtgbyhnujmikolp",
    "!qaz@wsx#edc$rfv%tgb",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1a2b3c4d5e6f7g8h",
    "a1b2c3d4e5f6g7h8",
    // The Korean and the Russian alphabet and keyboard.
    "가나다라마바사아자차카타파하",
    "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ",
    "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ",
    "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ",
    "абвгдежзиклмнопрст",
    "йцукенгшщзхъ",
    "фывапролджэ",
    "ячсмитьбю",
];

/// A shorter piece of a known order counts as chance.
const RUN_MIN: usize = 3;
/// Of more pieces than these a password is made with some thought.
const RUNS_MAX: usize = 4;
/// So many characters beside the runs do not make a password harder to guess.
const STRAYS_MAX: usize = 2;
/// So many digits and signs before or after a common word do not make it harder to guess: a year and two
/// more.
const AFFIX_MAX: usize = 6;

/// Whether a password is one of those that are tried first. Case, and digits that stand for letters, do not
/// matter.
pub(super) fn is_guessable(password: &str) -> bool {
    let folded: Vec<char> = fold_text(password).chars().collect();
    is_guessable_text(&folded)
}

fn is_guessable_text(text: &[char]) -> bool {
    let unit = repeated_unit(text);
    if unit.len() < text.len() {
        // Repeating adds nothing: what is repeated must be a password by itself.
        return unit.len() < CHOSEN_MIN || is_guessable_text(unit);
    }
    is_made_of_runs(text) || is_common_word_with_affixes(text)
}

/// The shortest start of which the text is two or more repetitions, the last of them perhaps cut; else the
/// text.
fn repeated_unit(text: &[char]) -> &[char] {
    let repeats_after = |&length: &usize| text.iter().skip(length).eq(text.iter().take(text.len() - length));
    let length = (1..=text.len() / 2).find(repeats_after).unwrap_or(text.len());
    text.get(..length).unwrap_or(text)
}

/// Whether almost all of a text is a few pieces of known orders, or the same character again and again.
fn is_made_of_runs(text: &[char]) -> bool {
    let (mut rest, mut runs, mut strays) = (text, 0, 0);
    while let Some((_, after_first)) = rest.split_first() {
        let length = run_length(rest);
        if length >= RUN_MIN {
            runs += 1;
            rest = rest.get(length..).unwrap_or_default();
        } else {
            strays += 1;
            rest = after_first;
        }
        if runs > RUNS_MAX || strays > STRAYS_MAX {
            return false;
        }
    }
    runs > 0
}

/// How many characters at the start of a text follow a known order, or are the same.
fn run_length(text: &[char]) -> usize {
    let same = text.iter().take_while(|character| text.first() == Some(character)).count();
    KNOWN_ORDERS.iter().fold(same, |longest, order| {
        let backwards = order.chars().rev();
        longest.max(longest_match(text, order.chars())).max(longest_match(text, backwards))
    })
}

/// How many characters at the start of a text are found together somewhere in an order.
fn longest_match(text: &[char], mut order: impl Iterator<Item = char> + Clone) -> usize {
    let mut longest = 0;
    loop {
        longest = longest.max(text.iter().copied().zip(order.clone()).take_while(|(a, b)| a == b).count());
        if order.next().is_none() {
            return longest;
        }
    }
}

/// Whether a text is a common word with digits and signs before and after it that add little.
fn is_common_word_with_affixes(text: &[char]) -> bool {
    let is_affix = |character: &&char| !character.is_alphabetic();
    let before: Vec<char> = text.iter().take_while(is_affix).copied().collect();
    let after: Vec<char> = text.iter().rev().take_while(is_affix).copied().collect();
    affix_lengths(&before).any(|start| {
        affix_lengths(&after)
            .any(|from_end| text.get(start..text.len().saturating_sub(from_end)).is_some_and(is_common_word))
    })
}

/// How many of these digits and signs may be left out to look for the word. Each of the few at the edge may
/// also stand for a letter of the word; many add little only if they are easy to guess, and then all of them.
fn affix_lengths(affix: &[char]) -> impl Iterator<Item = usize> {
    let adds_little =
        affix.len() > AFFIX_MAX && (repeated_unit(affix).len() <= AFFIX_MAX || is_made_of_runs(affix));
    (0..=affix.len().min(AFFIX_MAX)).chain(adds_little.then_some(affix.len()))
}

fn is_common_word(text: &[char]) -> bool {
    let is_listed = |word: String| REFUSED_WORDS.contains(word.as_str());
    is_listed(text.iter().collect())
        || ['i', 'l'].into_iter().any(|one| is_listed(text.iter().map(|c| read_as_letter(*c, one)).collect()))
}

/// The letter that a digit or sign stands for in `p4$$w0rd`. The digit one stands for two letters: the caller
/// says for which.
fn read_as_letter(character: char, one: char) -> char {
    match character {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        '9' => 'g',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_words_are_folded_sorted_and_listed_once() {
        for (list, shortest) in [(COMMON_WORDS, 4), (LEAKED_PASSWORDS, CHOSEN_MIN)] {
            let words: Vec<&str> = list.lines().collect();
            assert!(words.is_sorted_by(|one, next| one < next));
            for word in words {
                assert_eq!(fold_text(word), word);
                assert!(word.chars().count() >= shortest, "{word}");
            }
        }
        for order in KNOWN_ORDERS {
            assert_eq!(fold_text(order), **order);
        }
    }

    #[test]
    fn one_character_or_a_short_unit_repeated_is_guessable() {
        for bad in [
            "        ",
            "aaaaaaaa",
            "ABababab",
            "12121212",
            "abcabcab",
            "hunter2hunter2",
            "ΣσςΣσςΣσς",
            "ㅋㅋㅋㅋㅋㅋㅋㅋ",
        ] {
            assert!(is_guessable(bad), "{bad}");
        }
        assert!(is_guessable(&"é".repeat(128)));
    }

    #[test]
    fn sequences_and_keys_beside_each_other_are_guessable() {
        for bad in [
            "12345678",
            "0123456789",
            "87654321",
            "1234567890",
            "abcdefgh",
            "HGFEDCBA",
            "qwertyui",
            "asdfghjk",
            "qwertzui",
            "azertyui",
            "1q2w3e4r",
            "1qaz2wsx",
            "qwer1234",
            "1234qwer",
            "abcd1234",
            "abc12345",
            "qwerty12",
            "123qweasd",
            "12345678a",
            "!@#$%^&*",
            "11223344",
            "aaaaaaa1",
            "aaaabbbb",
            "가나다라마바사아",
            "йцукенгш",
        ] {
            assert!(is_guessable(bad), "{bad}");
        }
    }

    #[test]
    fn a_common_word_with_digits_and_signs_is_guessable_in_whatever_case() {
        for bad in [
            "password",
            "PASSWORD",
            "password1",
            "Passw0rd!",
            "P@$$w0rd2026",
            "welcome2026",
            "Welcome2026!",
            "iloveyou",
            "!!dragon99",
            "$unshine",
            "trustno1",
            "letmein123",
            "password12345678",
            "99999999dragon",
            "Summer2026",
            "Guerdon#1",
            "비밀번호1234",
            "passwordpassword",
            "admin!admin!",
        ] {
            assert!(is_guessable(bad), "{bad}");
        }
    }

    #[test]
    fn every_leaked_password_is_guessable() {
        for bad in LEAKED_PASSWORDS.lines() {
            assert!(is_guessable(bad), "{bad}");
        }
        for bad in ["Liverpoo", "147258369", "SWORDFISH7", "drowssap"] {
            assert!(is_guessable(bad), "{bad}");
        }
    }

    #[test]
    fn passwords_that_take_many_guesses_are_not_refused() {
        for good in [
            "correct horse battery",
            "비밀번호여덟글자",
            "kp3-xw7q",
            "a wrong password",
            "my dragon eats books",
            "dragon8261047395",
            "8261047395dragon",
            "tr0ub4dor&3",
            "7f3a9c1e5b2d",
            "correct horse correct horse ",
        ] {
            assert!(!is_guessable(good), "{good}");
        }
    }

    proptest! {
        #[test]
        fn a_word_is_guessable_however_its_case_and_its_affixes_are(
            word in prop::sample::select(REFUSED_WORDS.iter().copied().collect::<Vec<_>>()),
            upper in any::<u64>(),
            before in "[0-9!?#]{0,3}",
            after in "[0-9!?#]{4,6}",
        ) {
            let cased: String = word
                .chars()
                .enumerate()
                .map(|(at, letter)| if upper >> (at % 64) & 1 == 1 { letter.to_ascii_uppercase() } else { letter })
                .collect();
            let password = format!("{before}{cased}{after}");
            prop_assert!(is_guessable(&password), "{}", password);
        }

        #[test]
        fn any_text_is_judged(text in "\\PC{0,128}") {
            let _ = is_guessable(&text);
        }

        #[test]
        fn random_keys_are_not_refused(bytes in any::<[u8; 15]>()) {
            prop_assume!(bytes.iter().collect::<HashSet<_>>().len() > 8);
            prop_assert!(!is_guessable(&hex::encode(bytes)));
        }
    }
}
