//! Passwords: what is acceptable, and hashing with Argon2id on threads of its own.

mod hasher;
mod pool;

use std::fmt;

use deserr::{DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValuePointerRef};
use domain::Faults;

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

/// A password somebody chose: 8 to 128 characters, no further rules (NIST SP 800-63B, 3.1.1.2).
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
}

impl Password {
    fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl TryFrom<String> for Password {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        if text.chars().count() <= MAX_TRIED { Ok(Self(text)) } else { Err(InvalidPassword::Tried) }
    }
}

impl TryFrom<String> for ChosenPassword {
    type Error = InvalidPassword;

    fn try_from(text: String) -> Result<Self, InvalidPassword> {
        if CHOSEN.contains(&text.chars().count()) {
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
        for good in ["12345678", "비밀번호여덟글자", &"é".repeat(128)] {
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
    fn passwords_are_never_printed() {
        let password = ChosenPassword::try_from("hunter2hunter2".to_owned()).unwrap();
        assert_eq!(format!("{password:?}"), "ChosenPassword(Password)");
    }
}
