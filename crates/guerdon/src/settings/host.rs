use std::{fmt, net::IpAddr, net::Ipv6Addr, str::FromStr};

/// A host name or an IP address, without a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostName(HostKind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum HostKind {
    Address(IpAddr),
    Name(String),
}

/// The text was no host. It is not repeated: people put passwords there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidHost {
    /// A port, or something else with a colon that is no IPv6 address.
    #[error("must be a host name or an IP address alone; a port has a variable of its own")]
    WithPort,
    /// Anything else.
    #[error("is no host name and no IP address")]
    NoHost,
}

impl HostName {
    /// This machine.
    pub(crate) const LOOPBACK: Self = Self(HostKind::Address(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)));

    /// As it stands before the port in a URL: an IPv6 address in brackets (RFC 3986, 3.2.2).
    pub(crate) fn url_host(&self) -> String {
        match &self.0 {
            HostKind::Address(IpAddr::V6(address)) => format!("[{address}]"),
            HostKind::Address(IpAddr::V4(address)) => address.to_string(),
            HostKind::Name(name) => name.clone(),
        }
    }
}

/// As the operating system takes it.
impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HostKind::Address(address) => address.fmt(f),
            HostKind::Name(name) => name.fmt(f),
        }
    }
}

impl FromStr for HostName {
    type Err = InvalidHost;

    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        if let Ok(address) = text.parse() {
            return Ok(Self(HostKind::Address(address)));
        }
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address: Ipv6Addr = inner.parse().map_err(|_| InvalidHost::NoHost)?;
            return Ok(Self(HostKind::Address(address.into())));
        }
        match text {
            _ if text.contains(':') => Err(InvalidHost::WithPort),
            _ if is_domain_name(text) => Ok(Self(HostKind::Name(text.to_owned()))),
            _ => Err(InvalidHost::NoHost),
        }
    }
}

/// RFC 1123, 2.1, with the underscores that container networks have in names. A name that ends in a number is a mistyped
/// address.
fn is_domain_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let ends_in_a_number =
        name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.len() <= 253 && name.split('.').all(is_label) && !ends_in_a_number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_hosts_and_ipv6_needs_no_brackets() {
        for (text, url) in [
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "[::1]"),
            ("[::1]", "[::1]"),
            ("0.0.0.0", "0.0.0.0"),
            ("auth", "auth"),
            ("my_stack_auth-1", "my_stack_auth-1"),
            ("auth.default.svc.cluster.local.", "auth.default.svc.cluster.local."),
            ("3com.example", "3com.example"),
        ] {
            assert_eq!(text.parse::<HostName>().unwrap().url_host(), url, "{text}");
        }
        assert_eq!("[::1]".parse::<HostName>().unwrap().to_string(), "::1");
    }

    #[test]
    fn a_port_a_scheme_or_a_mistyped_address_is_refused() {
        for text in
            ["auth:3001", "127.0.0.1:3001", "[::1]:3001", "http://auth", "me:hunter2@db:many", ":3001"]
        {
            assert_eq!(text.parse::<HostName>(), Err(InvalidHost::WithPort), "{text}");
        }
        for text in ["", " ", "auth ", "a..b", "-a", "a/b", "300.1.1.1", "3001", "a@b", "[auth]", "ä"] {
            assert_eq!(text.parse::<HostName>(), Err(InvalidHost::NoHost), "{text}");
        }
    }
}
