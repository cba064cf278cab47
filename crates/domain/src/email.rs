use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An e-mail address in lower case, so that addresses compare case-insensitively everywhere.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// The text does not look like an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters")]
pub struct InvalidEmail;

impl Email {
    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Accepts what can be delivered to, roughly: one `@`, a local part of 1 to 64 printable characters without spaces
    /// and a dotted domain. Only sending a mail proves more (OWASP, Input Validation Cheat Sheet).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let (local, host) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let plain = |part: &str| {
            part.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"@<>(),;:\\\"[]".contains(c))
        };
        let host_is_fine = host.contains('.')
            && host
                .split('.')
                .all(|label| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-'));
        let fits = text.len() <= 254 && (1..=64).contains(&local.len());
        if fits && plain(local) && plain(host) && host_is_fine {
            Ok(Self(text.to_lowercase()))
        } else {
            Err(InvalidEmail)
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

crate::fault::deserr_from_text!(Email);
crate::fault::schema_of_text!(Email, "email", "mina@example.com");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_compare_case_insensitively() {
        let one: Email = " Mina@Example.COM ".parse().unwrap();
        assert_eq!(one, "mina@example.com".parse().unwrap());
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("{}@example.com", "a".repeat(65));
        for bad in [
            "",
            "mina",
            "mina@",
            "@example.com",
            "mina@host",
            "a b@example.com",
            "a@b@c.de",
            "a@-x.de",
            "a@x..de",
            &long,
        ] {
            assert_eq!(bad.parse::<Email>(), Err(InvalidEmail), "{bad}");
        }
    }
}
