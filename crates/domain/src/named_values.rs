//! Enums whose values have names: the same name in JSON, stores, tokens and query strings, spelled once.

/// The text names no value of an enum; the message lists those there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}")]
pub struct UnknownName(pub(crate) &'static str);

/// Declares an enum together with the names of its values, and everything that reads or writes them: `ALL`,
/// `name()`, `Display`, `FromStr`, serde, deserr and the OpenAPI schema (whose description tells what each
/// value means).
///
/// A macro instead of derives: serde, deserr and utoipa would each want the names in an attribute of their
/// own.
macro_rules! named_values {
    (
        $(#[doc = $doc:literal])+
        pub enum $type:ident {
            $($(#[doc = $value_doc:literal])+ $value:ident = $name:literal,)+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $type {
            $($(#[doc = $value_doc])+ $value,)+
        }

        impl $type {
            /// All values, in the order in which they are declared.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$value),+];

            /// The name used in JSON, stores, tokens and query strings.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = $crate::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                const LIST: &str = concat!($($name, ", "),+);
                let known = Self::ALL.into_iter().find(|value| value.name() == text);
                known.ok_or($crate::UnknownName(LIST.split_at(LIST.len() - 2).0))
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }

        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                let about = [$($doc),+].map(str::trim).join("\n");
                let values = [$(($name, [$($value_doc),+].map(str::trim).join(" "))),+];
                let values = values.map(|(name, meaning)| format!("\n- `{name}`: {meaning}")).concat();
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(format!("{about}\n{values}")))
                    .enum_values(Some(Self::ALL.map(Self::name)))
                    .into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }
        }

        $crate::fault::deserr_from_text!($type);
    };
}
pub(crate) use named_values;

#[cfg(test)]
mod tests {
    use crate::{
        ApiKeyScope, Approval, AuditAction, AuditActorKind, AuditObjectKind, ClaimStatus, ClaimWork,
        EventStatus, Faults, LedgerKind, Phase, RewardType, Role, Ruling,
    };

    macro_rules! check_names {
        ($($type:ident),+) => {
            $(for value in $type::ALL {
                assert_eq!(serde_json::to_value(value).unwrap(), value.name());
                assert_eq!(serde_json::from_value::<$type>(value.name().into()).unwrap(), value);
                let body = serde_json::json!(value.name());
                assert_eq!(deserr::deserialize::<$type, _, Faults>(body), Ok(value));
                assert_eq!(value.to_string().parse(), Ok(value));
            })+
        };
    }

    #[test]
    fn a_name_is_the_same_in_json_bodies_stores_and_queries() {
        check_names!(
            AuditAction,
            AuditActorKind,
            AuditObjectKind,
            ApiKeyScope,
            Approval,
            EventStatus,
            Phase,
            ClaimStatus,
            ClaimWork,
            LedgerKind,
            RewardType,
            Role,
            Ruling
        );
        assert_eq!(Role::ALL.map(Role::name), ["USER", "OPERATOR", "AUDITOR", "ADMIN"]);
    }

    #[test]
    fn a_name_that_is_unknown_is_answered_with_those_that_are_known() {
        let error = "OPEN".parse::<EventStatus>().unwrap_err().to_string();
        assert_eq!(error, "must be one of ACTIVE, INACTIVE");
        let faults = deserr::deserialize::<EventStatus, _, Faults>(serde_json::json!("active")).unwrap_err();
        assert_eq!(faults, Faults::new("", "must be one of ACTIVE, INACTIVE"));
        assert!(serde_json::from_str::<EventStatus>("\"OPEN\"").is_err());
    }

    #[test]
    fn the_schema_lists_the_names_and_tells_what_they_mean() {
        let schema = <EventStatus as utoipa::PartialSchema>::schema();
        assert_eq!(
            serde_json::to_value(schema).unwrap(),
            serde_json::json!({
                "type": "string",
                "description": "Whether operators have switched the event on.\n\n\
                    - `ACTIVE`: Can be claimed within its period.\n\
                    - `INACTIVE`: Cannot be claimed; users do not see it.",
                "enum": ["ACTIVE", "INACTIVE"],
            })
        );
    }
}
