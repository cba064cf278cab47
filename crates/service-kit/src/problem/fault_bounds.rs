use domain::Fault;

/// The most faults an answer tells.
const MOST_FAULTS: usize = 100;
/// The most bytes a pointer takes in the answer. With the other two bounds an answer stays below 64 KiB.
const POINTER_BYTES: usize = 256;
/// The most bytes a message takes in the answer.
const MESSAGE_BYTES: usize = 320;
/// Stands where text was cut off.
const CUT_MARK: &str = "…";

/// The first faults, with what is too long cut off.
pub(super) fn bounded(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.truncate(MOST_FAULTS);
    for Fault { pointer, message } in &mut faults {
        cut_to(pointer, POINTER_BYTES);
        cut_to(message, MESSAGE_BYTES);
    }
    faults
}

/// Cuts text so that it takes at most `most` bytes as a JSON string.
fn cut_to(text: &mut String, most: usize) {
    let mut taken = 0;
    // Where to cut if the text turns out to be too long: there is room for the mark.
    let mut cut = 0;
    for (start, character) in text.char_indices() {
        if taken + CUT_MARK.len() <= most {
            cut = start;
        }
        taken += json_bytes(character);
        if taken > most {
            text.truncate(cut);
            text.push_str(CUT_MARK);
            return;
        }
    }
}

/// How many bytes a character takes inside a JSON string.
fn json_bytes(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..='\u{1f}' => 6,
        other => other.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_stays_and_long_text_is_cut_between_characters() {
        for (given, most, left) in [
            ("abc", 3, "abc"),
            ("abcd", 4, "abcd"),
            ("abcde", 4, "a…"),
            ("가나다", 9, "가나다"),
            ("가나다라", 9, "가나…"),
            ("\u{1}\u{1}", 11, "\u{1}…"),
            ("\"\"\"", 5, "\"…"),
        ] {
            let mut text = given.to_owned();
            cut_to(&mut text, most);
            assert_eq!(text, left);
            assert!(serde_json::to_string(&text).unwrap().len() - 2 <= most);
        }
    }
}
