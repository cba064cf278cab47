use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How to tell clients apart: by their address, behind a known number of proxies.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientAddress {
    /// How many proxies stand before this gateway. Each appends to `X-Forwarded-For` whom it heard from; everything
    /// further left may be invented by the client. 0: the peer itself is the client.
    pub trusted_proxies: usize,
}

impl ClientAddress {
    /// The client's address as a key. IPv6 clients are told apart by network, since each owns a whole /64.
    pub fn key(self, peer: IpAddr, headers: &HeaderMap) -> String {
        let client = match self.trusted_proxies {
            0 => peer,
            hops => forwarded(headers, hops).unwrap_or(peer),
        };
        match client.to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
        }
    }
}

fn forwarded(headers: &HeaderMap, hops: usize) -> Option<IpAddr> {
    let values: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    let addresses: Vec<_> = values.iter().flat_map(|value| value.split(',')).map(str::trim).collect();
    let index = addresses.len().checked_sub(hops)?;
    addresses.get(index)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn key(trusted_proxies: usize, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, forwarded.parse().unwrap());
        ClientAddress { trusted_proxies }.key(PEER, &headers)
    }

    #[test]
    fn what_a_client_claims_about_itself_is_not_believed() {
        assert_eq!(key(0, "1.2.3.4"), "10.0.0.1");
        assert_eq!(key(1, "6.6.6.6, 1.2.3.4"), "1.2.3.4");
        assert_eq!(key(2, "6.6.6.6, 1.2.3.4, 10.0.0.9"), "1.2.3.4");
        assert_eq!(key(2, "1.2.3.4"), "10.0.0.1");
        assert_eq!(key(1, "unknown"), "10.0.0.1");
    }

    #[test]
    fn ipv6_clients_are_told_apart_by_network() {
        assert_eq!(key(1, "2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(key(1, "::ffff:1.2.3.4"), "1.2.3.4");
    }
}
