//! Which families of addresses can be reached.

use std::fmt;
use std::net::IpAddr;

/// The families of addresses that may be used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Families {
    /// IPv4 and IPv6.
    #[default]
    Both,
    /// IPv4, and nothing else.
    OnlyIpv4,
    /// IPv6, and nothing else.
    OnlyIpv6,
}

/// What can be reached: the families that may be used, and the local address whose own family is
/// all that is reached from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    pub(crate) families: Families,
    pub(crate) local: Option<IpAddr>,
}

impl Reach {
    pub(crate) fn has_both_families(self) -> bool {
        self.families == Families::Both && self.local.is_none()
    }

    pub(super) fn admits(self, ip: IpAddr) -> bool {
        let from_here = self
            .local
            .is_none_or(|local| local.is_ipv4() == ip.is_ipv4());
        from_here && self.families.admit(ip)
    }
}

/// Why an address is out of reach.
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { families, local } = self;
        match local {
            None => write!(f, "only {families} addresses may be used"),
            Some(local) if families.admit(*local) => {
                let family = if local.is_ipv4() { "IPv4" } else { "IPv6" };
                write!(
                    f,
                    "only {family} addresses can be reached from the local address {local}"
                )
            }
            Some(local) => write!(
                f,
                "only {families} addresses may be used, and the local address {local} is none"
            ),
        }
    }
}

impl Families {
    pub(super) fn admit(self, ip: IpAddr) -> bool {
        match self {
            Self::Both => true,
            Self::OnlyIpv4 => ip.is_ipv4(),
            Self::OnlyIpv6 => ip.is_ipv6(),
        }
    }
}

impl fmt::Display for Families {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Both => "IPv4 and IPv6",
            Self::OnlyIpv4 => "IPv4",
            Self::OnlyIpv6 => "IPv6",
        })
    }
}
