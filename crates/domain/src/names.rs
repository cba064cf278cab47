/// The text names no value of an enum; the message lists those there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct UnknownName(pub(crate) &'static str);

/// The names of an enum's values, as stores and query strings have them. They are the same as in its JSON.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// All values.
            pub const ALL: &[$type] = &[$($type::$variant),+];

            /// The name used in stores, query strings and JSON.
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name),+
                }
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const LIST: &str = concat!($($name, ", "),+);
                let known = Self::ALL.iter().copied().find(|value| value.name() == text);
                known.ok_or($crate::UnknownName(LIST.split_at(LIST.len() - 2).0))
            }
        }
    };
}
pub(crate) use names;

#[cfg(test)]
mod tests {
    use crate::{Approval, ClaimStatus, EventStatus, Phase, RewardType};

    macro_rules! names_are_those_of_json {
        ($($type:ident),+) => {
            $(for value in $type::ALL {
                assert_eq!(serde_json::to_value(value).unwrap(), value.name());
                assert_eq!(value.name().parse(), Ok(*value));
            })+
        };
    }

    #[test]
    fn a_name_is_the_same_in_json_and_in_a_query() {
        names_are_those_of_json!(Approval, EventStatus, Phase, ClaimStatus, RewardType);
        let error = "OPEN".parse::<EventStatus>().unwrap_err().to_string();
        assert_eq!(error, "must be one of ACTIVE, INACTIVE");
    }
}
