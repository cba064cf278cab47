//! Passwords: what is acceptable, and hashing with Argon2id on threads of its own.

mod common;
mod hasher;
mod pool;

use std::fmt;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use domain::{Faults, normalise_text};

use common::is_common;
pub use hasher::HashError;
pub(crate) use hasher::Hasher;
pub use pool::{PasswordError, PasswordPool};

/// Most characters of a password that is looked at when somebody logs in.
const MAX_TRIED: usize = 1024;
/// How many characters a chosen password has (contract, section 3).
const CHOSEN: std::ops::RangeInclusive<usize> = 8..=128;

/// A password somebody logs in with. It has no readable Debug form.
///
/// Its length is not judged by the rules for chosen ones: one that nobody can have chosen is just wrong.
#[derive(Clone, utoipa::ToSchema)]
#[schema(value_type = String, format = Password, example = "correct horse battery")]
pub struct Password(String);

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
    /// Among the first that anybody tries (NIST SP 800-63B, 3.1.1.2).
    #[error("is too common; choose one that is harder to guess")]
    Common,
    /// Too long to be looked at.
    #[error("must have at most 1024 characters")]
    Tried,
}

impl Password {
    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Password {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        if text.chars().count() <= MAX_TRIED {
            // One password, whichever keyboard it was typed on.
            Ok(Self(normalise_text(&text)))
        } else {
            Err(InvalidPassword::Tried)
        }
    }
}

impl TryFrom<String> for ChosenPassword {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        let text = normalise_text(&text);
        if CHOSEN.contains(&text.chars().count()) {
            if is_common(&text) {
                return Err(InvalidPassword::Common);
            }
            Ok(Self(Password(text)))
        } else {
            Err(InvalidPassword::Chosen)
        }
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
        read(value, at)
    }
}

impl Deserr<Faults> for ChosenPassword {
    fn deserialize_from_value<V: IntoValue>(value: Value<V>, at: ValuePointerRef) -> Result<Self, Faults> {
        read(value, at)
    }
}

fn read<T, V>(value: Value<V>, at: ValuePointerRef) -> Result<T, Faults>
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

    #[test]
    fn a_chosen_password_has_8_to_128_characters_of_any_alphabet() {
        for good in [
            "kq7 pwzd",
            "비밀번호여덟글자",
            &(0..128).map(|n| char::from_u32(0xac00 + n * 37 % 1000).unwrap_or('x')).collect::<String>(),
        ] {
            assert!(ChosenPassword::try_from(good.to_owned()).is_ok(), "{good}");
        }
        for bad in ["", "1234567", "일곱글자입니다", &"x".repeat(129)] {
            assert_eq!(
                ChosenPassword::try_from(bad.to_owned()).unwrap_err(),
                InvalidPassword::Chosen,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_password_is_the_same_however_its_letters_are_composed() {
        let composed = Password::try_from("caf\u{e9} au lait".to_owned()).unwrap();
        let decomposed = Password::try_from("cafe\u{301} au lait".to_owned()).unwrap();
        assert_eq!(composed.bytes(), decomposed.bytes());
    }

    #[test]
    fn common_passwords_cannot_be_chosen() {
        for common in ["password", "PassWord1!", "        ", "12345678", "abababab", "87654321", "qwertyuiop"]
        {
            let refused = ChosenPassword::try_from(common.to_owned()).unwrap_err();
            assert_eq!(refused, InvalidPassword::Common, "{common}");
        }
    }

    #[test]
    fn passwords_are_never_printed() {
        let password = ChosenPassword::try_from("hunter2hunter2".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "ChosenPassword(Password)");
    }
}
