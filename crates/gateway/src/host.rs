//! The host a request names (RFC 9112, 3.2; RFC 9113, 8.3.1).

use std::net::Ipv6Addr;

use http::{Version, header, request::Parts};
use service_kit::problem::{Problem, ProblemCode};

/// Refuses requests that name no host, two, or one that cannot be one.
pub(crate) fn check_host(request: &Parts) -> Result<(), Problem> {
    let problem = |detail: &str| Problem::new(ProblemCode::MalformedRequest).detail(detail);
    let mut hosts = request.headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (_, Some(_)) => Err(problem("The request names two hosts")),
        (Some(host), None) if host.to_str().is_ok_and(is_valid_host) => Ok(()),
        (Some(_), None) => Err(problem("The Host header is no host")),
        // HTTP/2 names the host in `:authority`, and HTTP/1.0 need not name any.
        (None, None) if request.version == Version::HTTP_10 => Ok(()),
        (None, None) if request.version == Version::HTTP_2 && request.uri.authority().is_some() => Ok(()),
        (None, None) => Err(problem("The request names no host")),
    }
}

/// The host the client meant, with its port if it named one.
pub(crate) fn requested_host(request: &Parts) -> Option<&str> {
    let named = request.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    named.or_else(|| request.uri.authority().map(http::uri::Authority::as_str))
}

/// `uri-host [ ":" port ]`, RFC 9110, 7.2, where the host is a name or an address.
fn is_valid_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.parse::<Ipv6Addr>().is_err() {
                return false;
            }
            ("v6", port)
        }
        None => host.find(':').map_or((host, ""), |colon| host.split_at(colon)),
    };
    let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte);
    let is_port = |port: &str| {
        port.strip_prefix(':').is_some_and(|digits| {
            digits.is_empty() || digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        })
    };
    !name.is_empty() && name.bytes().all(is_name_byte) && (port.is_empty() || is_port(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_naming(version: Version, uri: &str, hosts: &[&str]) -> Parts {
        let request = http::Request::get(uri).version(version);
        let request = hosts.iter().fold(request, |request, host| request.header(header::HOST, *host));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn no_two_or_a_malformed_host_is_refused() {
        for good in ["example.com", "example.com:3333", "127.0.0.1:80", "[::1]", "[::1]:3333", "a_b", "a:"] {
            assert!(check_host(&request_naming(Version::HTTP_11, "/", &[good])).is_ok(), "{good}");
        }
        for bad in [
            "", " ", "a b", "a/b", "a@b", "a:x", "a:99999", "a:+1", "[::1", "[x]", "a,b c", "::1", "http://a",
        ] {
            assert!(check_host(&request_naming(Version::HTTP_11, "/", &[bad])).is_err(), "{bad}");
        }
        assert!(check_host(&request_naming(Version::HTTP_11, "/", &[])).is_err());
        assert!(check_host(&request_naming(Version::HTTP_11, "http://a/", &[])).is_err());
        assert!(check_host(&request_naming(Version::HTTP_11, "/", &["a", "a"])).is_err());
        assert!(check_host(&request_naming(Version::HTTP_10, "/", &[])).is_ok());
        assert!(check_host(&request_naming(Version::HTTP_2, "http://a/", &[])).is_ok());
        assert!(check_host(&request_naming(Version::HTTP_2, "/", &[])).is_err());
    }
}
