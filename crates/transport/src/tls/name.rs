//! The name that a server must prove.

use std::fmt;
use std::net::IpAddr;

use rustls::pki_types;

use super::settings_error::TlsSettingsError;
use crate::endpoint::Host;

/// A name that a server can be asked for and that can stand in its certificate: a DNS name or an
/// address.
///
/// Names are equal whatever their case, and with or without the dot at the end.
///
/// ```
/// use postrider_transport::ServerName;
///
/// let name = ServerName::parse("Api.Test.")?;
/// assert_eq!(name.to_string(), "api.test");
/// assert!(ServerName::parse("api.test:443").is_err());
/// # Ok::<(), postrider_transport::TlsSettingsError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ServerName(pki_types::ServerName<'static>);

impl ServerName {
    /// Checks a name. An IPv6 address stands without brackets.
    ///
    /// # Errors
    ///
    /// [`TlsSettingsError::BadServerName`] if it is neither a DNS name in ASCII nor an address.
    pub fn parse(name: &str) -> Result<Self, TlsSettingsError> {
        // RFC 6066 §3: without the dot at the end.
        let bare = name.strip_suffix('.').unwrap_or(name);
        // Which would pass as a name that ends in one dot.
        if bare.ends_with('.') {
            return Err(TlsSettingsError::BadServerName);
        }
        pki_types::ServerName::try_from(bare.to_ascii_lowercase())
            .map(Self)
            .map_err(|_| TlsSettingsError::BadServerName)
    }

    /// The name of a host; `None` for one that cannot stand in a certificate.
    ///
    /// RFC 6066 §3: literal addresses are not sent. They are verified against the certificate all
    /// the same (RFC 9110 §4.3.5).
    pub(super) fn of(host: &Host) -> Option<Self> {
        match host {
            Host::Name(name) => match Self::parse(name).ok()? {
                name @ Self(pki_types::ServerName::DnsName(_)) => Some(name),
                _ => None,
            },
            Host::Ip(ip) => Some((*ip).into()),
            Host::ZonedIp(ip, _) => Some(IpAddr::V6(*ip).into()),
        }
    }

    pub(super) fn into_rustls(self) -> pki_types::ServerName<'static> {
        self.0
    }
}

impl From<IpAddr> for ServerName {
    fn from(ip: IpAddr) -> Self {
        Self(ip.into())
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_str())
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

    use super::*;

    #[test]
    fn names_and_addresses_are_told_as_they_are_asked_for() {
        for (text, told) in [
            ("a.test", "a.test"),
            ("A.Test.", "a.test"),
            ("xn--bcher-kva.test", "xn--bcher-kva.test"),
            ("192.0.2.1", "192.0.2.1"),
            ("2001:DB8::1", "2001:db8::1"),
        ] {
            assert_eq!(ServerName::parse(text).unwrap().to_string(), told);
        }
    }

    #[test]
    fn what_cannot_stand_in_a_certificate_is_refused() {
        for text in [
            "",
            ".",
            "a..test",
            "a.test..",
            "no name",
            "a.test:443",
            "[::1]",
            "b\u{fc}cher.test",
        ] {
            let error = ServerName::parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "the server name is neither a DNS name nor an address",
                "{text}"
            );
        }
    }

    #[test]
    fn equal_names_have_equal_hashes() {
        let (one, other) = (ServerName::parse("a.test"), ServerName::parse("A.TEST."));
        let (one, other) = (one.unwrap(), other.unwrap());
        let hash =
            |name: &ServerName| BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
        assert_eq!(one, other);
        assert_eq!(hash(&one), hash(&other));
        assert_ne!(one, ServerName::parse("b.test").unwrap());
    }
}
