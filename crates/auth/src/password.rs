//! Passwords: which ones may be chosen, and hashing them with Argon2id on threads of its own.
//!
//! `guessable` tells which passwords are tried first by whoever guesses, `hasher` makes and checks hashes,
//! `pool` runs it on threads, and `queue_load` says how long the queue in front of the threads is in time.

mod guessable;
mod hasher;
mod pool;
mod queue_load;

use std::fmt;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use domain::{Email, Faults, fold_text, normalise_text};

pub use hasher::HashError;
pub(crate) use hasher::Hasher;
pub use pool::{PasswordError, PasswordPool};

/// Most characters of a password that is looked at when somebody logs in.
const TRIED_MAX: usize = 1024;
/// Fewest characters of a chosen password (contract, section 3).
const CHOSEN_MIN: usize = 8;
/// Most characters of a chosen password (contract, section 3).
const CHOSEN_MAX: usize = 128;
/// A shorter local part of an address may be part of a password: it is found in ordinary words.
const LOCAL_PART_MIN: usize = 4;

/// A password somebody logs in with. It has no readable Debug form.
///
/// Its length is not judged by the rules for chosen ones: one that nobody can have chosen is just wrong.
#[derive(Clone, utoipa::ToSchema)]
#[schema(value_type = String, format = Password, example = "correct horse battery")]
pub struct Password(PasswordSpellings);

#[derive(Clone)]
struct PasswordSpellings {
    /// In Unicode NFC, so that it is one password whatever keyboard typed it.
    normalised: String,
    /// As it was typed, where that is another text: hashes of earlier versions were made from it.
    typed: Option<String>,
}

/// A password somebody chose: 8 to 128 characters in NFC, and none of the common ones (NIST SP 800-63B,
/// 3.1.1.2).
#[derive(Debug, Clone, utoipa::ToSchema)]
#[schema(value_type = String, format = Password, min_length = 8, max_length = 128, example = "correct horse battery")]
pub struct ChosenPassword(Password);

/// The text cannot be taken as a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPassword {
    /// Too short or too long to be chosen.
    #[error("must have 8 to 128 characters")]
    Chosen,
    /// Too long to be looked at.
    #[error("must have at most 1024 characters")]
    Tried,
    /// Among the first that a guesser tries.
    #[error("is too common; choose one that is harder to guess")]
    Common,
    /// Easy to guess for whoever knows the account.
    #[error("must not contain the e-mail address or its part before the @")]
    ContainsEmail,
}

impl Password {
    fn normalised(&self) -> &str {
        &self.0.normalised
    }

    /// What may have been hashed when this password was chosen, the likeliest first: one text, or two where
    /// it was typed in another form than NFC.
    fn spellings(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.normalised().as_bytes()).chain(self.0.typed.as_deref().map(str::as_bytes))
    }
}

// Whether a chosen password contains the address of its own account is not known when it is read: the use cases
// call this.
impl ChosenPassword {
    /// Refuses a password that contains the address of its own account, or the part before the `@` if that
    /// has 4 characters or more; case does not matter.
    pub fn check_against(&self, email: &Email) -> Result<(), InvalidPassword> {
        let password = fold_text(self.0.normalised());
        let address = fold_text(email.as_str());
        let local = address.rsplit_once('@').map_or(address.as_str(), |(local, _)| local);
        // What comes after a plus sign is a label for a mailbox: the name is before it.
        let name = local.split_once('+').map_or(local, |(name, _)| name);
        let contains_name = name.chars().count() >= LOCAL_PART_MIN && password.contains(name);
        if contains_name || password.contains(&address) {
            Err(InvalidPassword::ContainsEmail)
        } else {
            Ok(())
        }
    }
}

impl TryFrom<String> for Password {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        if text.chars().nth(TRIED_MAX).is_some() {
            return Err(InvalidPassword::Tried);
        }
        let normalised = normalise_text(&text);
        let typed = (text != normalised).then_some(text);
        Ok(Self(PasswordSpellings { normalised, typed }))
    }
}

impl TryFrom<String> for ChosenPassword {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        let normalised = normalise_text(&text);
        if !(CHOSEN_MIN..=CHOSEN_MAX).contains(&normalised.chars().count()) {
            return Err(InvalidPassword::Chosen);
        }
        if guessable::is_guessable(&normalised) {
            return Err(InvalidPassword::Common);
        }
        Ok(Self(Password(PasswordSpellings { normalised, typed: None })))
    }
}

impl From<ChosenPassword> for Password {
    fn from(chosen: ChosenPassword) -> Self {
        chosen.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password")
    }
}

impl Deserr<Faults> for Password {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        read_password(value, at)
    }
}

impl Deserr<Faults> for ChosenPassword {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        read_password(value, at)
    }
}

fn read_password<T, V>(value: Value<V>, at: ValuePointerRef) -> Result<T, Faults>
where
    T: TryFrom<String, Error = InvalidPassword>,
    V: IntoValue,
{
    let text = <String as Deserr<Faults>>::deserialize_from_value(value, at)?;
    text.try_into().map_err(|error: InvalidPassword| {
        let kind = ErrorKind::Unexpected { msg: error.to_string() };
        deserr::take_cf_content(Faults::error::<V>(None, kind, at))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose_password(text: &str) -> Result<ChosenPassword, InvalidPassword> {
        ChosenPassword::try_from(text.to_owned())
    }

    #[test]
    fn a_chosen_password_has_8_to_128_characters_of_any_alphabet() {
        let long: String = ('가'..).take(128).collect();
        for good in ["kp3-xw7q", "비밀번호여덟글자", &long] {
            assert!(choose_password(good).is_ok(), "{good}");
        }
        for bad in ["", "kp3-xw7", "일곱글자입니다", &format!("{long}x")] {
            assert_eq!(choose_password(bad).unwrap_err(), InvalidPassword::Chosen, "{bad}");
        }
    }

    #[test]
    fn the_characters_of_a_chosen_password_are_counted_in_nfc() {
        // Eight characters as they are typed on a Mac, of which NFC makes seven.
        assert_eq!(choose_password("cafe\u{301} x9").unwrap_err(), InvalidPassword::Chosen);
        // Sixteen code points of Hangul letters are eight syllables.
        let syllables: String = "비밀번호여덟글자".chars().collect();
        assert!(choose_password(&syllables).is_ok());
        let typed: String = ('가'..).step_by(28).take(128).flat_map(decompose_syllable).collect();
        assert_eq!(typed.chars().count(), 256);
        assert!(choose_password(&typed).is_ok());
    }

    /// A syllable without a final consonant as two letters (Unicode, section 3.12).
    fn decompose_syllable(syllable: char) -> [char; 2] {
        let index = u32::from(syllable) - 0xac00;
        [0x1100 + index / 588, 0x1161 + index % 588 / 28].map(|letter| char::from_u32(letter).unwrap())
    }

    #[test]
    fn a_common_password_is_refused_with_a_clear_message() {
        let refused = choose_password("Passw0rd!").unwrap_err();
        assert_eq!(refused.to_string(), "is too common; choose one that is harder to guess");
    }

    #[test]
    fn a_password_must_not_contain_its_own_address_in_whatever_case() {
        let email: Email = "Mina.Kim+shop@example.com".parse().unwrap();
        for bad in ["MINA.KIM#77", "xx mina.kim+shop@example.com", "my-mina.kim-key"] {
            let chosen = choose_password(bad).unwrap();
            assert_eq!(chosen.check_against(&email), Err(InvalidPassword::ContainsEmail), "{bad}");
        }
        let chosen = choose_password("correct horse battery").unwrap();
        assert_eq!(chosen.check_against(&email), Ok(()));
    }

    #[test]
    fn a_short_local_part_may_be_a_part_of_a_password_but_the_address_may_not() {
        let email: Email = "a@example.com".parse().unwrap();
        let check = |text| choose_password(text).unwrap().check_against(&email);
        assert_eq!(check("correct horse battery"), Ok(()));
        assert_eq!(check("A@Example.com"), Err(InvalidPassword::ContainsEmail));
    }

    #[test]
    fn passwords_are_never_printed() {
        let password = choose_password("hunting the snark").unwrap();
        assert_eq!(format!("{password:?}"), "ChosenPassword(Password)");
        let typed = Password::try_from("cafe\u{301}".to_owned()).unwrap();
        assert_eq!(format!("{typed:?}"), "Password");
    }
}
