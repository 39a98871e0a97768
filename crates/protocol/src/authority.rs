//! Whom a request is for: the host and port of a URL, checked once.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::authority_error::AuthorityError;
use crate::list::decimal;
use crate::user_info::{UserInfo, is_name_byte, is_unreserved};

/// A host and a port that were checked: what a connection is made to and what
/// the `Host` field says.
///
/// [`http::uri::Authority`] is not enough of a check: it loses a port that is
/// no port, and takes brackets around anything. A value of this type cannot be
/// wrong: the host is a DNS name in lower case, an IPv4 or an IPv6 address,
/// and the port is a number (RFC 3986 §3.2).
///
/// ```
/// use postrider_protocol::{Authority, Host, Scheme};
///
/// let (authority, user) = Authority::parse("me@Example.com:8080", Scheme::Http)?;
/// assert_eq!(authority.to_string(), "example.com:8080");
/// assert_eq!(authority.host(), &Host::Name("example.com".into()));
/// assert_eq!(user.map(|user| user.user), Some("me"));
/// # Ok::<(), postrider_protocol::AuthorityError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority<'a> {
    host: Host<'a>,
    port: u16,
    scheme: Scheme,
}

impl<'a> Authority<'a> {
    /// Checks the authority part of a URL, and gives its user information
    /// apart. No allocation is made when the host is in lower case already.
    ///
    /// A host outside ASCII is refused: mapping it to its ASCII form (IDNA) is
    /// for the caller, before this.
    ///
    /// # Errors
    ///
    /// [`AuthorityError`], when the text is not `[user@]host[:port]` with a
    /// valid name or address, and a port up to 65535.
    pub fn parse(
        text: &'a str,
        scheme: Scheme,
    ) -> Result<(Self, Option<UserInfo<'a>>), AuthorityError> {
        // Bytes are searched where `str` would search characters: this is on
        // every request's way, and half as long so.
        let Some(at) = text.bytes().rposition(|byte| byte == b'@') else {
            return Ok((Self::parse_host(text, scheme)?, None));
        };
        let (user, host) = (&text[..at], &text[at + 1..]);
        if user.contains('@') {
            return Err(AuthorityError::TwoAtSigns);
        }
        let user = UserInfo::parse(user)?;
        Ok((Self::parse_host(host, scheme)?, user))
    }

    /// The host and port without user information: also the form of the
    /// `Host` field's value.
    pub(crate) fn parse_host(text: &'a str, scheme: Scheme) -> Result<Self, AuthorityError> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (literal, port) = rest.split_once(']').ok_or(AuthorityError::Brackets)?;
                (Host::parse_bracketed(literal)?, port)
            }
            None => {
                let colon = text.bytes().position(|byte| byte == b':');
                let (name, port) = text.split_at(colon.unwrap_or(text.len()));
                (Host::parse_name(name)?, port)
            }
        };
        let port = parse_port(port)?.unwrap_or_else(|| scheme.default_port());
        Ok(Self { host, port, scheme })
    }

    /// Gives up borrowing from the text it was read from.
    #[must_use]
    pub fn into_owned(self) -> Authority<'static> {
        Authority {
            host: self.host.into_owned(),
            port: self.port,
            scheme: self.scheme,
        }
    }

    /// Appends the `Host` field's value: no user information, no zone, the
    /// port left out where it is the scheme's default (RFC 9110 §7.2).
    pub fn write_host(&self, out: &mut Vec<u8>) {
        self.host.write(out);
        if self.port != self.scheme.default_port() {
            write_port(self.port, out);
        }
    }

    /// Appends `host:port`, the port always there: the target of CONNECT
    /// (RFC 9112 §3.2.3).
    pub(crate) fn write_host_and_port(&self, out: &mut Vec<u8>) {
        self.host.write(out);
        write_port(self.port, out);
    }

    /// The host.
    #[must_use]
    pub const fn host(&self) -> &Host<'a> {
        &self.host
    }

    /// The port, the scheme's default where the text had none.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The scheme it was read for.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }
}

/// In as few pieces as can be: what is derived feeds the hasher seven, and each
/// request hashes its authority.
impl Hash for Authority<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self { host, port, scheme } = self;
        let rest = u64::from(*port) | (*scheme as u64) << 16;
        match host {
            Host::Name(name) => {
                state.write(name.as_bytes());
                state.write_u64(rest);
            }
            Host::Ipv4(addr) => state.write_u64(rest | u64::from(addr.to_bits()) << 32),
            Host::Ipv6 { addr, zone } => {
                state.write_u128(addr.to_bits());
                state.write(zone.as_deref().unwrap_or_default().as_bytes());
                state.write_u64(rest);
            }
        }
    }
}

/// As in the `Host` field: the port only where it is not the default one.
impl fmt::Display for Authority<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        if self.port == self.scheme.default_port() {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// The host of an [`Authority`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Host<'a> {
    /// A DNS name in lower case, perhaps with its trailing dot.
    Name(Cow<'a, str>),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address. The zone is for connecting only; it is never sent
    /// (RFC 6874 §4).
    Ipv6 {
        /// The address.
        addr: Ipv6Addr,
        /// The name or number of the interface, where one was given.
        zone: Option<Cow<'a, str>>,
    },
}

impl<'a> Host<'a> {
    fn parse_name(text: &'a str) -> Result<Self, AuthorityError> {
        if text.is_empty() {
            return Err(AuthorityError::NoHost);
        }
        if let Ok(addr) = text.parse() {
            return Ok(Self::Ipv4(addr));
        }
        if !text.is_ascii() {
            return Err(AuthorityError::NotAscii);
        }
        if let Some(byte) = text.bytes().find(|byte| !is_name_byte(*byte)) {
            return Err(AuthorityError::HostCharacter(char::from(byte)));
        }
        // RFC 1035 §2.3.4: labels of 63 octets, 253 characters in all.
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > 253 {
            return Err(AuthorityError::Length);
        }
        if name
            .split('.')
            .any(|label| !(1..=63).contains(&label.len()))
        {
            return Err(AuthorityError::Label);
        }
        Ok(Self::Name(lower_case(text)))
    }

    /// What stands between brackets: IPv6 only. Nothing is known by the name
    /// of IPvFuture yet.
    fn parse_bracketed(text: &'a str) -> Result<Self, AuthorityError> {
        let (addr, zone) = match text.split_once('%') {
            Some((addr, zone)) => (addr, Some(parse_zone(zone)?)),
            None => (text, None),
        };
        match addr.parse() {
            Ok(addr) => Ok(Self::Ipv6 { addr, zone }),
            Err(_) => Err(AuthorityError::Brackets),
        }
    }

    /// Gives up borrowing from the text it was read from.
    #[must_use]
    pub fn into_owned(self) -> Host<'static> {
        match self {
            Self::Name(name) => Host::Name(Cow::Owned(name.into_owned())),
            Self::Ipv4(addr) => Host::Ipv4(addr),
            Self::Ipv6 { addr, zone } => Host::Ipv6 {
                addr,
                zone: zone.map(|zone| Cow::Owned(zone.into_owned())),
            },
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Name(name) => out.extend_from_slice(name.as_bytes()),
            Self::Ipv4(addr) => write_ipv4(*addr, out),
            // Writing to a Vec does not fail.
            Self::Ipv6 { .. } => write!(out, "{self}").unwrap_or_default(),
        }
    }
}

/// As in the `Host` field: an IPv6 address in brackets, without its zone.
impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ipv4(addr) => write!(f, "{addr}"),
            Self::Ipv6 { addr, .. } => write!(f, "[{addr}]"),
        }
    }
}

/// The schemes that HTTP/1.1 is spoken for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// `http`, in clear text.
    Http,
    /// `https`, inside TLS.
    Https,
}

impl Scheme {
    /// 80 or 443.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `text` is empty or starts at the colon.
fn parse_port(text: &str) -> Result<Option<u16>, AuthorityError> {
    let Some(digits) = text.strip_prefix(':') else {
        // Behind a closing bracket anything but a colon is an error.
        return if text.is_empty() {
            Ok(None)
        } else {
            Err(AuthorityError::Brackets)
        };
    };
    if digits.is_empty() {
        return Ok(None);
    }
    decimal(digits.as_bytes())
        .and_then(|port| u16::try_from(port).ok())
        .map(Some)
        .ok_or(AuthorityError::Port)
}

/// RFC 6874 §2 writes the zone as `%25eth0`; people also write `%eth0`.
fn parse_zone(text: &str) -> Result<Cow<'_, str>, AuthorityError> {
    let zone = match text.strip_prefix("25") {
        Some(zone) if !zone.is_empty() => zone,
        _ => text,
    };
    if zone.is_empty() || !zone.bytes().all(is_unreserved) {
        return Err(AuthorityError::Brackets);
    }
    Ok(Cow::Borrowed(zone))
}

fn lower_case(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// As `Display` writes it, without the price of its formatting: it is in every
/// request to an address.
fn write_ipv4(addr: Ipv4Addr, out: &mut Vec<u8>) {
    for (position, octet) in addr.octets().into_iter().enumerate() {
        if position > 0 {
            out.push(b'.');
        }
        if octet >= 100 {
            out.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            out.push(b'0' + octet / 10 % 10);
        }
        out.push(b'0' + octet % 10);
    }
}

fn write_port(port: u16, out: &mut Vec<u8>) {
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
}

#[cfg(test)]
mod tests;
