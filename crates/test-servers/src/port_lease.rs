use std::{
    fs::{self, File, OpenOptions},
    net::{Ipv4Addr, TcpListener},
};

/// Below the ports that systems hand out by themselves for outgoing connections and to those who ask for any port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A loopback port that no other test takes for as long as this lives, also while nothing listens on it.
#[derive(Debug)]
pub struct PortLease {
    port: u16,
    _lock: File,
}

impl PortLease {
    /// A port that is free now.
    pub fn take() -> Self {
        let folder = std::env::temp_dir().join("guerdon-test-ports");
        fs::create_dir_all(&folder).expect("a folder for the ports' locks");
        // Each process begins elsewhere, so that few are tried.
        let span = PORTS.end - PORTS.start;
        let first = u16::try_from(std::process::id() * 37 % u32::from(span)).unwrap_or_default();
        let ports = (0..span).map(|step| PORTS.start + (first + step) % span);
        let lease = ports.into_iter().find_map(|port| {
            let options = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(folder.join(port.to_string()));
            // A lock of another user's test cannot even be opened: that port is theirs.
            let lock = options.ok()?;
            lock.try_lock().ok()?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
            Some(Self { port, _lock: lock })
        });
        lease.expect("a free port")
    }

    /// Which it is.
    pub fn port(&self) -> u16 {
        self.port
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_port_is_leased_once_at_a_time_and_can_be_listened_on() {
        let leases: Vec<_> = (0..20).map(|_| PortLease::take()).collect();
        let ports: HashSet<_> = leases.iter().map(PortLease::port).collect();
        assert_eq!(ports.len(), 20);
        for port in ports {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        }
    }
}
