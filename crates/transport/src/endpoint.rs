//! Where a connection leads.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use crate::options::ConnectOptions;

/// Where to connect to, and whether TLS goes over it.
///
/// ```
/// use postrider_transport::{Endpoint, Host, Security};
///
/// let endpoint = Endpoint::new(Host::Name("api.test".into()), 443, Security::Tls);
/// assert_eq!(endpoint.to_string(), "api.test:443");
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Endpoint {
    /// The host: a name to resolve, or an address.
    pub host: Host,
    /// The TCP port.
    pub port: u16,
    /// Whether the bytes are secured.
    pub security: Security,
    /// Shared, since an endpoint is copied more often than made. Never the default ones.
    options: Option<Arc<ConnectOptions>>,
}

impl Endpoint {
    /// Names an endpoint.
    pub fn new(host: Host, port: u16, security: Security) -> Self {
        Self {
            host,
            port,
            security,
            options: None,
        }
    }

    /// The same endpoint with settings of its own in the place of the connector's, and in place of
    /// those that it had.
    pub fn with_options(mut self, options: ConnectOptions) -> Self {
        let says_something = options != ConnectOptions::default();
        self.options = says_something.then(|| Arc::new(options));
        self
    }

    /// The settings that take the place of the connector's, if there are any.
    pub fn options(&self) -> Option<&ConnectOptions> {
        self.options.as_deref()
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The host part of an [`Endpoint`].
///
/// A name is taken as it is: checked and lower-cased by whoever parsed the URL.
///
/// A name that is a number in disguise (`2130706433`, `0x7f.1`, `127.1`) stays a name: nothing
/// here turns it into an address, nor is it told apart from others. The resolver may, though, and
/// `getaddrinfo` does. Whoever fetches URLs of strangers must therefore look at the addresses that
/// come out, not at the names that go in: with
/// [`address_filter`](crate::ConnectorBuilder::address_filter).
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Host {
    /// A DNS name in ASCII, possibly with the trailing dot of a fully qualified one.
    Name(Box<str>),
    /// An IP address, dialled without any lookup.
    Ip(IpAddr),
    /// A link-local IPv6 address with its zone: an interface's name or its index in digits.
    ZonedIp(Ipv6Addr, Box<str>),
}

impl Host {
    /// The address, where the host is a literal one.
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Ip(ip) => Some(*ip),
            Self::ZonedIp(ip, _) => Some(IpAddr::V6(*ip)),
        }
    }
}

impl From<IpAddr> for Host {
    fn from(ip: IpAddr) -> Self {
        Self::Ip(ip)
    }
}

/// As in a URL: IPv6 addresses stand in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
            Self::ZonedIp(ip, zone) => write!(f, "[{ip}%{zone}]"),
        }
    }
}

/// Whether the connection is secured by TLS.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Security {
    /// Bytes go as they are.
    Plain,
    /// Bytes go through TLS, with the peer's name verified.
    Tls,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::ServerName;

    fn endpoint() -> Endpoint {
        Endpoint::new(Host::Name("a.test".into()), 443, Security::Tls)
    }

    fn with(change: impl FnOnce(&mut ConnectOptions)) -> Endpoint {
        let mut options = ConnectOptions::default();
        change(&mut options);
        endpoint().with_options(options)
    }

    #[test]
    fn unlike_options_make_unlike_endpoints() {
        let all = [
            endpoint(),
            with(|o| o.server_name = ServerName::parse("b.test").ok()),
            with(|o| o.server_name = ServerName::parse("c.test").ok()),
            with(|o| o.local_address = Some([127, 0, 0, 1].into())),
            with(|o| o.local_address = Some([127, 0, 0, 2].into())),
            with(|o| o.interface = Some("lo".into())),
            with(|o| o.interface = Some("eth0".into())),
        ];
        for (n, one) in all.iter().enumerate() {
            for (m, other) in all.iter().enumerate() {
                assert_eq!(one == other, n == m, "{one:?} and {other:?}");
            }
        }
    }

    #[test]
    fn options_that_say_nothing_change_nothing() {
        assert_eq!(with(|_| {}), endpoint());
        assert_eq!(with(|_| {}).options(), None);
        let own = with(|o| o.interface = Some("lo".into()));
        assert_eq!(own.with_options(ConnectOptions::default()), endpoint());
    }
}
