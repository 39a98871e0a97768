//! The addresses that may not be tried, and how that is told where none is left.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::reach::Reach;
use crate::endpoint::Endpoint;
use crate::error::{ConnectErrorKind, Failure, Phase};

/// The addresses of an endpoint that may not be tried, in all parts of its answer so far.
#[derive(Default)]
pub(crate) struct LeftOut {
    by_family: Vec<IpAddr>,
    by_filter: Vec<IpAddr>,
    has_panicked: bool,
}

/// What speaks against an address.
pub(super) enum Objection {
    Family,
    Filter,
    Panicked,
}

impl LeftOut {
    pub(super) fn note(&mut self, ip: IpAddr, objection: Objection) {
        match objection {
            Objection::Family => self.by_family.push(ip),
            Objection::Filter => self.by_filter.push(ip),
            Objection::Panicked => self.has_panicked = true,
        }
    }

    /// The failure where none is left. The filter's verdict says more than a family's.
    pub(super) fn failure(&self, reach: Reach, endpoint: &Endpoint) -> Failure {
        let failed = |kind| Failure::new(kind, Phase::Resolve);
        let (kind, why, found) = if self.has_panicked {
            return failed(ConnectErrorKind::Panicked);
        } else if !self.by_filter.is_empty() {
            let why = if self.by_family.is_empty() {
                Why::Filter
            } else {
                Why::FilterWithin(reach)
            };
            (ConnectErrorKind::AddressRefused, why, &self.by_filter)
        } else if !self.by_family.is_empty() {
            let kind = ConnectErrorKind::NoAddress;
            (kind, Why::OutOf(reach), &self.by_family)
        } else {
            return failed(ConnectErrorKind::NoAddress);
        };
        let found = match endpoint.host.ip() {
            // It stands in the text already.
            Some(_) => Vec::new(),
            None => found.clone(),
        };
        failed(kind).because(Arc::new(NoneLeft { why, found }))
    }
}

/// Why no address is left to try.
#[derive(Debug)]
struct NoneLeft {
    why: Why,
    found: Vec<IpAddr>,
}

#[derive(Debug)]
enum Why {
    Filter,
    /// Of those in reach.
    FilterWithin(Reach),
    OutOf(Reach),
}

impl fmt::Display for NoneLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST_LISTED: usize = 4;

        match &self.why {
            Why::Filter => ConnectErrorKind::AddressRefused.fmt(f)?,
            Why::FilterWithin(reach) => {
                write!(
                    f,
                    "{reach}, and the address filter refused every one of them"
                )?;
            }
            Why::OutOf(reach) => reach.fmt(f)?,
        }
        for (n, ip) in self.found.iter().take(MOST_LISTED).enumerate() {
            f.write_str(if n == 0 { " (found " } else { ", " })?;
            write!(f, "{ip}")?;
        }
        match self.found.len() {
            0 => Ok(()),
            n if n > MOST_LISTED => write!(f, ", and {} more)", n - MOST_LISTED),
            _ => f.write_str(")"),
        }
    }
}

impl Error for NoneLeft {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Host, Security};
    use crate::names::reach::Families;

    fn text(noted: impl IntoIterator<Item = (IpAddr, Objection)>, reach: Reach) -> String {
        let endpoint = Endpoint::new(Host::Name("a.test".into()), 80, Security::Plain);
        let mut left_out = LeftOut::default();
        for (ip, objection) in noted {
            left_out.note(ip, objection);
        }
        let cause = left_out.failure(reach, &endpoint).cause;
        cause.map_or_else(String::new, |cause| cause.to_string())
    }

    fn four(n: u8) -> IpAddr {
        [192, 0, 2, n].into()
    }

    fn six(n: u16) -> IpAddr {
        [0x2001, 0xdb8, 0, 0, 0, 0, 0, n].into()
    }

    #[test]
    fn every_reason_has_its_words() {
        let reach = |families, local| Reach { families, local };
        for (reach, found, words) in [
            (
                reach(Families::OnlyIpv4, None),
                six(1),
                "only IPv4 addresses may be used (found 2001:db8::1)",
            ),
            (
                reach(Families::OnlyIpv6, None),
                four(1),
                "only IPv6 addresses may be used (found 192.0.2.1)",
            ),
            (
                reach(Families::Both, Some(four(9))),
                six(1),
                "only IPv4 addresses can be reached from the local address 192.0.2.9 \
                 (found 2001:db8::1)",
            ),
            (
                reach(Families::OnlyIpv6, Some(six(9))),
                four(1),
                "only IPv6 addresses can be reached from the local address 2001:db8::9 \
                 (found 192.0.2.1)",
            ),
            (
                reach(Families::OnlyIpv4, Some(six(9))),
                four(1),
                "only IPv4 addresses may be used, and the local address 2001:db8::9 is none \
                 (found 192.0.2.1)",
            ),
        ] {
            assert!(!reach.admits(found));
            assert_eq!(text([(found, Objection::Family)], reach), words);
        }
    }

    #[test]
    fn the_filters_verdict_is_told_before_a_familys_and_a_long_list_is_cut() {
        let reach = Reach {
            families: Families::OnlyIpv4,
            local: None,
        };
        let refused = (1..=9).map(|n| (four(n), Objection::Filter));
        let found = "(found 192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, and 5 more)";
        assert_eq!(
            text(refused.clone(), reach),
            format!("the address filter refused every address {found}")
        );
        let noted = refused.chain([(six(1), Objection::Family)]);
        assert_eq!(
            text(noted, reach),
            format!(
                "only IPv4 addresses may be used, \
                 and the address filter refused every one of them {found}"
            )
        );
    }
}
