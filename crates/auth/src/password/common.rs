//! Passwords that whoever guesses tries first.

use domain::fold_text;

/// Well-known ones, folded and without what people append to them.
const WORDS: &str = "password passwort passw0rd p@ssword p@ssw0rd letmein welcome sunshine princess football baseball iloveyou superman \
    batman trustno1 dragon monkey shadow master michael jennifer jordan hunter killer charlie starwars computer internet \
    whatever freedom ninja mustang access login admin administrator changeme secret default guest qwerty qwertz azerty \
    asdfgh zxcvbn abc123 iloveu lovely flower cheese summer winter spring autumn pokemon minecraft guerdon test testing";
/// Rows of keyboards, the alphabet and the digits: runs along them are guessed early.
const RUNS: [&str; 7] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "yxcvbnm",
    "1qaz2wsx3edc4rfv",
];
/// The longest unit whose repetition counts as common: `abab…`, `1234 1234…`.
const LONGEST_UNIT: usize = 4;

/// Whether a password is a well-known word with digits or marks behind it, one short unit repeated, or a run along a
/// keyboard, the alphabet or the digits, whatever the case.
pub(super) fn is_common(password: &str) -> bool {
    let folded = fold_text(password);
    let word = folded.trim_end_matches(|c: char| !c.is_alphabetic());
    let is_word = WORDS.split_ascii_whitespace().any(|known| known == word || known == folded);
    is_word || is_repetition(&folded) || is_run(&folded)
}

fn is_repetition(text: &str) -> bool {
    let letters: Vec<_> = text.chars().collect();
    (1..=LONGEST_UNIT)
        .any(|unit| letters.iter().zip(letters.iter().skip(unit)).all(|(one, next)| one == next))
}

fn is_run(text: &str) -> bool {
    let backwards: String = text.chars().rev().collect();
    RUNS.iter().any(|run| run.contains(text) || run.contains(&backwards))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_repetitions_and_runs_are_common_and_phrases_are_not() {
        for common in
            ["Password", "welcome2026", "P@ssw0rd!", "aaaaaaaa", "12341234", "asdfghjkl", "zyxwvuts"]
        {
            assert!(is_common(common), "{common}");
        }
        for uncommon in ["correct horse battery", "hunter2hunter2", "kq7 pwzd", "passwords are hard"] {
            assert!(!is_common(uncommon), "{uncommon}");
        }
    }
}
