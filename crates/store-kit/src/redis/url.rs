use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult};

const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The text was no URL of a Redis server, its Sentinels or its cluster. It is not repeated: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a Redis URL ({0}): redis://user:password@host:port/db, redis+sentinel://host:port,host:port/service or \
     redis+cluster://host:port,host:port, rediss for TLS, special characters percent-encoded"
)]
pub struct InvalidUrl(&'static str);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AddressKind {
    Server,
    Sentinel,
    Cluster,
}

#[derive(PartialEq, Eq)]
pub(super) struct RedisLogin {
    pub(super) user: Option<String>,
    pub(super) password: String,
}

impl fmt::Debug for RedisLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RedisAddress {
    pub(super) kind: AddressKind,
    pub(super) tls: bool,
    pub(super) login: Option<RedisLogin>,
    /// Of the Sentinels themselves, if they ask for it.
    pub(super) sentinel_login: Option<RedisLogin>,
    hosts: Vec<(String, u16)>,
    /// The name Sentinels know the master by.
    pub(super) service: String,
    pub(super) db: i64,
}

impl RedisAddress {
    /// The addresses of the servers or Sentinels.
    pub(super) fn hosts(&self) -> impl Iterator<Item = ConnectionAddr> {
        self.hosts.iter().cloned().map(|(host, port)| {
            if self.tls {
                ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }
            } else {
                ConnectionAddr::Tcp(host, port)
            }
        })
    }

    /// The servers, with what they want to know. At least one.
    pub(super) fn nodes(&self) -> RedisResult<Vec<ConnectionInfo>> {
        let mut settings = RedisConnectionInfo::default().set_db(self.db);
        if let Some(login) = &self.login {
            settings = settings.set_password(&login.password);
            if let Some(user) = &login.user {
                settings = settings.set_username(user);
            }
        }
        let node =
            |host: ConnectionAddr| Ok(host.into_connection_info()?.set_redis_settings(settings.clone()));
        self.hosts().map(node).collect()
    }
}

impl FromStr for RedisAddress {
    type Err = InvalidUrl;

    fn from_str(url: &str) -> Result<Self, InvalidUrl> {
        let (scheme, rest) = url.split_once("://").ok_or(InvalidUrl("it has no scheme"))?;
        let (kind, tls) = match scheme {
            "redis" => (AddressKind::Server, false),
            "rediss" => (AddressKind::Server, true),
            "redis+sentinel" => (AddressKind::Sentinel, false),
            "rediss+sentinel" => (AddressKind::Sentinel, true),
            "redis+cluster" => (AddressKind::Cluster, false),
            "rediss+cluster" => (AddressKind::Cluster, true),
            _ => return Err(InvalidUrl("its scheme is another")),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Some(read_login(login)?), hosts),
            None => (None, authority),
        };
        let default_port = if kind == AddressKind::Sentinel { SENTINEL_PORT } else { SERVER_PORT };
        let hosts =
            hosts.split(',').map(|host| read_host(host, default_port)).collect::<Result<Vec<_>, _>>()?;
        if kind == AddressKind::Server && hosts.len() > 1 {
            return Err(InvalidUrl("it names several hosts"));
        }
        let (service, db) = read_path(kind, path.trim_end_matches('/'))?;
        let sentinel_login = read_query(kind, query)?;
        Ok(Self { kind, tls, login, sentinel_login, hosts, service, db })
    }
}

fn decode_part(text: &str) -> Result<String, InvalidUrl> {
    let text = percent_decode_str(text).decode_utf8().map_err(|_| InvalidUrl("it is not UTF-8"))?;
    Ok(text.into_owned())
}

fn read_login(text: &str) -> Result<RedisLogin, InvalidUrl> {
    let (user, password) = text.split_once(':').ok_or(InvalidUrl("its password has no colon before it"))?;
    let user = if user.is_empty() { None } else { Some(decode_part(user)?) };
    Ok(RedisLogin { user, password: decode_part(password)? })
}

fn read_host(text: &str, default_port: u16) -> Result<(String, u16), InvalidUrl> {
    // [::1]:6379, or a name or IPv4 address.
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or(InvalidUrl("an IPv6 address has no closing bracket"))?,
        None => text.find(':').map_or((text, ""), |colon| text.split_at(colon)),
    };
    let port = match port.strip_prefix(':') {
        Some(port) => port.parse().map_err(|_| InvalidUrl("a port is not a number"))?,
        None if port.is_empty() => default_port,
        None => return Err(InvalidUrl("a port has no colon before it")),
    };
    if host.is_empty() || port == 0 {
        return Err(InvalidUrl("a host has no name"));
    }
    Ok((host.to_owned(), port))
}

fn read_path(kind: AddressKind, path: &str) -> Result<(String, i64), InvalidUrl> {
    let number = |text: &str| match text {
        "" => Ok(0),
        text => text.parse::<u16>().map(i64::from).map_err(|_| InvalidUrl("its database is not a number")),
    };
    match kind {
        AddressKind::Server => Ok((String::new(), number(path)?)),
        AddressKind::Cluster if path.is_empty() => Ok((String::new(), 0)),
        AddressKind::Cluster => Err(InvalidUrl("a cluster has no databases")),
        AddressKind::Sentinel => {
            let (service, db) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(InvalidUrl("it does not name the service"));
            }
            Ok((decode_part(service)?, number(db)?))
        }
    }
}

fn read_query(kind: AddressKind, query: &str) -> Result<Option<RedisLogin>, InvalidUrl> {
    let (mut user, mut password) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "sentinelUser" if kind == AddressKind::Sentinel => user = Some(decode_part(value)?),
            "sentinelPassword" if kind == AddressKind::Sentinel => password = Some(decode_part(value)?),
            _ => return Err(InvalidUrl("it has an unknown parameter")),
        }
    }
    match (user, password) {
        (None, None) => Ok(None),
        (user, Some(password)) => Ok(Some(RedisLogin { user, password })),
        (Some(_), None) => Err(InvalidUrl("its Sentinels have a user without a password")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> RedisAddress {
        url.parse().unwrap()
    }

    fn host(name: &str, port: u16) -> (String, u16) {
        (name.to_owned(), port)
    }

    #[test]
    fn one_server_reads_with_and_without_its_parts() {
        let address = read("redis://localhost");
        assert_eq!((address.kind, address.tls, address.db), (AddressKind::Server, false, 0));
        assert_eq!((address.hosts, address.login), (vec![host("localhost", 6379)], None));
        let address = read("rediss://guerdon:p%40ss%2Fword@[::1]:7000/3");
        assert_eq!((address.kind, address.tls, address.db), (AddressKind::Server, true, 3));
        assert_eq!(address.hosts, [host("::1", 7000)]);
        let login = RedisLogin { user: Some("guerdon".to_owned()), password: "p@ss/word".to_owned() };
        assert_eq!(address.login, Some(login));
        let login = RedisLogin { user: None, password: "secret".to_owned() };
        assert_eq!(read("redis://:secret@host").login, Some(login));
    }

    #[test]
    fn sentinels_and_clusters_read_with_all_their_hosts() {
        let address = read("redis+sentinel://:a@one,two:5000/guerdon/2?sentinelUser=u&sentinelPassword=p");
        assert_eq!(
            (address.kind, address.service.as_str(), address.db),
            (AddressKind::Sentinel, "guerdon", 2)
        );
        assert_eq!(address.hosts, [host("one", 26379), host("two", 5000)]);
        let login = RedisLogin { user: Some("u".to_owned()), password: "p".to_owned() };
        assert_eq!(address.sentinel_login, Some(login));
        let address = read("rediss+cluster://one:7000,two,10.0.0.3:7002/");
        assert_eq!((address.kind, address.tls), (AddressKind::Cluster, true));
        assert_eq!(address.hosts, [host("one", 7000), host("two", 6379), host("10.0.0.3", 7002)]);
    }

    #[test]
    fn nonsense_is_refused_without_repeating_it() {
        for bad in [
            "",
            "localhost",
            "http://host",
            "redis://",
            "redis://host:port",
            "redis://host:0",
            "redis://host/db",
            "redis://host/-1",
            "redis://one,two",
            "redis://secret@host",
            "redis://[::1",
            "redis://host?protocol=3",
            "redis+sentinel://host",
            "redis+sentinel://host/service?sentinelUser=u",
            "redis+cluster://one,,two",
            "redis+cluster://host/1",
        ] {
            let refused = bad.parse::<RedisAddress>().unwrap_err().to_string();
            assert!(
                refused.starts_with("is not a Redis URL") && !refused.contains("secret"),
                "{bad}: {refused}"
            );
        }
        assert!(!format!("{:?}", read("redis://:secret@host")).contains("secret"));
    }
}
