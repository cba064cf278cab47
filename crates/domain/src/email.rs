//! E-mail addresses: what a user registers and logs in with.

use std::{fmt, str::FromStr};

use icu_properties::props::{EnumeratedProperty, GeneralCategory};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};

use crate::text::{fold_text, is_hidden, normalise_text};

/// The most bytes of a local part (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;
/// The most bytes of an address (RFC 5321, 4.5.3.1.3: a path of 256 with its angle brackets).
const ADDRESS_MAX: usize = 254;

/// An e-mail address in the one form in which it is stored, shown and compared.
///
/// The local part is case-folded and in NFC; the domain is in A-labels (`xn--…`, RFC 5890) and lower case. So
/// however an address is written, it is one account. The limits of length hold for this form, because folding
/// can make text longer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// The text does not look like an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters")]
pub struct InvalidEmail;

impl Email {
    /// Takes an address from a store as it stands, without judging or changing it: what an earlier version
    /// accepted must stay readable. `Deserialize` does the same.
    pub fn from_stored(address: String) -> Self {
        Self(address)
    }

    /// The address, folded.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Accepts what can be delivered to, roughly: a local part of 1 to 64 bytes, one `@`, and a host name
    /// with a dot, 254 bytes in all. White space around it is dropped. Only sending a mail proves more
    /// (OWASP, Input Validation Cheat Sheet).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // NFC first: it can turn a character into another one (U+037E into a semicolon).
        let text = normalise_text(text.trim());
        let (local, host) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        if !text.chars().all(is_plain) || local.contains('@') {
            return Err(InvalidEmail);
        }
        let local = fold_text(local);
        // STD3 rules: host names have letters, digits and hyphens. The A-labels come out in lower case.
        let host = Uts46::new()
            .to_ascii(host.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
            .map_err(|_| InvalidEmail)?;
        let address = format!("{local}@{host}");
        let fits = (1..=LOCAL_MAX).contains(&local.len()) && address.len() <= ADDRESS_MAX;
        if fits && host.contains('.') { Ok(Self(address)) } else { Err(InvalidEmail) }
    }
}

/// Whether a character may stand in an address without quotes. Control and format characters, white space and
/// all else that cannot be seen may not; nor may code points that mean nothing yet, since their folding may
/// still change.
fn is_plain(character: char) -> bool {
    let category = GeneralCategory::for_char(character);
    let is_unsettled = matches!(
        category,
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Unassigned
            | GeneralCategory::PrivateUse
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !is_unsettled
        && !is_hidden(character)
        && !character.is_whitespace()
        && !"<>(),;:\\\"[]".contains(character)
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
crate::fault::schema_of_text!(Email, "email", "mina@example.com", min_length(5), max_length(254));

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_canonical_form_is_itself_an_address_and_fits(
            local in "(\\PC|[İȺȾẞﬃŉ]){1,64}",
            host in "(\\PC|[a-zß.ü日]){1,20}",
        ) {
            if let Ok(email) = format!("{local}@{host}.example").parse::<Email>() {
                prop_assert_eq!(email.as_str().parse::<Email>(), Ok(email.clone()));
                let (local, _) = email.as_str().rsplit_once('@').unwrap();
                prop_assert!(local.len() <= 64 && email.as_str().len() <= 254);
            }
        }

        #[test]
        fn case_and_spelling_make_no_second_account(
            local in "[a-zà-öα-ωа-я]{1,20}",
            host in "[a-zà-öа-я]{1,20}",
        ) {
            let one: Email = format!("{local}@{host}.example").parse().unwrap();
            let upper = format!("{}@{}.EXAMPLE", local.to_uppercase(), host.to_uppercase());
            prop_assert_eq!(upper.parse::<Email>().unwrap(), one.clone());
            let nfd = icu_normalizer::DecomposingNormalizerBorrowed::new_nfd();
            prop_assert_eq!(nfd.normalize(&upper).parse::<Email>().unwrap(), one);
        }
    }

    #[test]
    fn however_an_address_is_written_it_is_one() {
        for (one, other) in [
            (" Mina@Example.COM ", "mina@example.com"),
            ("ΑΣ@x.gr", "ασ@x.gr"),
            ("ας@x.gr", "ασ@x.gr"),
            ("a@bücher.example", "a@xn--bcher-kva.example"),
            ("a@BU\u{308}CHER.example", "a@XN--BCHER-KVA.example"),
            ("jose\u{301}@x.es", "josé@x.es"),
            ("a@x。example", "a@x.example"),
        ] {
            assert_eq!(one.parse::<Email>(), other.parse(), "{one}");
            assert!(one.parse::<Email>().is_ok(), "{one}");
        }
        let stored: Email = "Ä@Bücher.example".parse().unwrap();
        assert_eq!(stored.as_str(), "ä@xn--bcher-kva.example");
    }

    #[test]
    fn an_address_is_measured_after_folding() {
        // Each of these grows when its case is folded.
        for growing in ["İ", "Ⱥ", "Ⱦ", "ŉ"] {
            assert!(
                format!("{growing}{}@example.com", "a".repeat(62)).parse::<Email>().is_err(),
                "{growing}"
            );
        }
        assert!(format!("{}@example.com", "a".repeat(64)).parse::<Email>().is_ok());
        let host = |length: usize| format!("{}.{}.{}", "b".repeat(63), "c".repeat(63), "d".repeat(length));
        assert!(format!("{}@{}", "a".repeat(64), host(61)).parse::<Email>().is_ok());
        assert!(format!("{}@{}", "a".repeat(64), host(62)).parse::<Email>().is_err());
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
            "a@x-.de",
            "a@x..de",
            "a@.de",
            "a@x.de.",
            "a@x_y.de",
            "a@xn--zzzzzzz999.de",
            "a\u{37e}@x.de",
            &long,
        ] {
            assert_eq!(bad.parse::<Email>(), Err(InvalidEmail), "{bad}");
        }
    }

    #[test]
    fn characters_that_control_format_or_hide_are_refused_in_both_parts() {
        for hidden in [
            '\0',
            '\u{7f}',
            '\u{ad}',
            '\u{34f}',
            '\u{600}',
            '\u{61c}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{2028}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{3000}',
            '\u{3164}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{e0041}',
            '\u{e000}',
            '\u{378}',
        ] {
            for bad in [format!("a{hidden}b@example.com"), format!("ab@exam{hidden}ple.com")] {
                assert_eq!(bad.parse::<Email>(), Err(InvalidEmail), "U+{:04X}", u32::from(hidden));
            }
        }
    }

    #[test]
    fn a_stored_address_is_read_without_being_judged() {
        let address = format!("{}\u{200b}@x_y", "i\u{307}".repeat(40));
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(Email::from_stored(address.clone()).as_str(), address);
        assert_eq!(serde_json::from_str::<Email>(&json).unwrap().as_str(), address);
    }
}
