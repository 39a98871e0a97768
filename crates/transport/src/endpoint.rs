use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

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
}

impl Endpoint {
    /// Names an endpoint.
    pub fn new(host: Host, port: u16, security: Security) -> Self {
        Self {
            host,
            port,
            security,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The host part of an [`Endpoint`].
///
/// A name is taken as it is: checked and lower-cased by whoever parsed the URL. A name that looks
/// like a number (`2130706433`) stays a name; nothing here turns it into an address.
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
