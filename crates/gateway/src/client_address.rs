//! Who a client is for the rate limits: an address, behind a known number of proxies.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
};

use http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// As how many clients the networks of one IPv6 /48 count together, at most.
const CLIENTS_PER_SITE: u64 = 8;

/// How to tell clients apart.
#[derive(Debug, Default)]
pub struct ClientAddressRule {
    trusted_proxies: usize,
    has_complained: AtomicBool,
}

impl ClientAddressRule {
    /// `trusted_proxies` stand before this gateway. Each appends to `X-Forwarded-For` whom it heard from; everything
    /// further left may be invented by the client. 0: the peer itself is the client.
    pub fn new(trusted_proxies: usize) -> Self {
        Self { trusted_proxies, has_complained: AtomicBool::new(false) }
    }

    /// The client as a key for rate limits.
    ///
    /// In IPv6 whoever has one address has at least a /64, so a /64 is one client. Many have a /48, which
    /// holds 65,536 of these: each /64 falls into one of eight shares of its /48, so a whole /48 is never
    /// more than eight clients.
    pub fn client_key(&self, peer: IpAddr, headers: &HeaderMap) -> String {
        match self.client_address(peer, headers).to_canonical() {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => {
                let [a, b, c, network, ..] = v6.segments();
                let mut hasher = DefaultHasher::new();
                network.hash(&mut hasher);
                let share = hasher.finish() % CLIENTS_PER_SITE;
                format!("{}/48#{share}", Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
            }
        }
    }

    fn client_address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if self.trusted_proxies == 0 {
            return peer;
        }
        forwarded_address(headers, self.trusted_proxies).unwrap_or_else(|| {
            if !self.has_complained.swap(true, Ordering::Relaxed) {
                tracing::warn!(
                    %peer,
                    trusted_proxies = self.trusted_proxies,
                    "X-Forwarded-For is missing, too short or cannot be read: the peer counts as the client. Is \
                     TRUSTED_PROXIES right? This is logged once"
                );
            }
            peer
        })
    }
}

/// The entry that the outermost trusted proxy wrote.
fn forwarded_address(headers: &HeaderMap, hops: usize) -> Option<IpAddr> {
    let values: Vec<_> =
        headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default()).collect();
    let entries: Vec<_> = values.iter().flat_map(|value| value.split(',')).collect();
    let index = entries.len().checked_sub(hops)?;
    read_address(entries.get(index)?)
}

/// Proxies write `ip`, `ip:port`, `[v6]` or `[v6]:port`, some of them in quotes.
fn read_address(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let entry = entry.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(entry);
    let bracketed = || entry.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || entry.parse().ok().map(|address: SocketAddr| address.ip());
    entry.parse().ok().or_else(with_port).or_else(bracketed)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn client_behind(trusted_proxies: usize, forwarded: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(FORWARDED_FOR, forwarded.parse().unwrap());
        ClientAddressRule::new(trusted_proxies).client_key(PEER, &headers)
    }

    #[test]
    fn what_a_client_claims_about_itself_is_not_believed() {
        assert_eq!(client_behind(0, "1.2.3.4"), "10.0.0.1");
        assert_eq!(client_behind(1, "6.6.6.6, 1.2.3.4"), "1.2.3.4");
        assert_eq!(client_behind(2, "6.6.6.6, 1.2.3.4, 10.0.0.9"), "1.2.3.4");
        assert_eq!(client_behind(2, "1.2.3.4"), "10.0.0.1");
    }

    #[test]
    fn an_address_is_read_in_every_form_proxies_write() {
        for form in
            ["1.2.3.4", " 1.2.3.4 ", "1.2.3.4:5678", "\"1.2.3.4\"", "\"1.2.3.4:5678\"", "::ffff:1.2.3.4"]
        {
            assert_eq!(client_behind(1, form), "1.2.3.4", "{form}");
        }
        let plain = client_behind(1, "2001:db8:1:2::3");
        for form in
            ["[2001:db8:1:2::3]", "[2001:db8:1:2::3]:443", "\"[2001:db8:1:2::3]:443\"", "2001:DB8:1:2::9"]
        {
            assert_eq!(client_behind(1, form), plain, "{form}");
        }
        for unreadable in
            ["unknown", "", "1.2.3", "1.2.3.4:", "1.2.3.4:99999", "[1.2.3.4]", "\"1.2.3.4", "_hidden"]
        {
            assert_eq!(client_behind(1, unreadable), "10.0.0.1", "{unreadable}");
        }
    }

    #[test]
    fn an_entry_that_is_no_text_does_not_shift_the_others() {
        let mut headers = HeaderMap::new();
        headers.append(FORWARDED_FOR, "1.2.3.4".parse().unwrap());
        headers.append(FORWARDED_FOR, http::HeaderValue::from_bytes(b"\xff").unwrap());
        let rule = ClientAddressRule::new(2);
        assert_eq!(rule.client_key(PEER, &headers), "1.2.3.4");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client_and_one_of_48_never_more_than_eight() {
        assert_eq!(client_behind(1, "2001:db8:1:2:3:4:5:6"), client_behind(1, "2001:db8:1:2::1"));
        let site: HashSet<_> = (0..4096).map(|n| client_behind(1, &format!("2001:db8:1:{n:x}::1"))).collect();
        assert_eq!(site.len(), 8);
        assert_ne!(client_behind(1, "2001:db8:1:2::1"), client_behind(1, "2001:db8:2:2::1"));
    }
}
