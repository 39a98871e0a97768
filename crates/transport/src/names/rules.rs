//! The ready-made filter: which addresses belong to the public internet.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an address belongs to the public internet.
///
/// The ready-made rule for services that fetch URLs which their users give: it refuses loopback,
/// private, shared, link-local, documentation, benchmarking, multicast and reserved addresses of
/// both families, the metadata services of the large clouds, and IPv6 addresses that wrap an IPv4
/// address which it would refuse (mapped, compatible, NAT64 and 6to4).
///
/// ```
/// use postrider_transport::{Connector, is_public};
///
/// assert!(!is_public([169, 254, 169, 254].into()));
/// assert!(!is_public("::ffff:127.0.0.1".parse()?));
/// assert!(is_public([9, 9, 9, 9].into()));
///
/// let connector = Connector::builder()
///     .address_filter(|_, address| is_public(address))
///     .build();
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_ipv4(address),
        IpAddr::V6(address) => is_public_ipv6(address),
    }
}

/// Everything that the IANA special-purpose registry (RFC 6890) does not mark globally reachable,
/// and one public address that is a metadata service.
fn is_public_ipv4(address: Ipv4Addr) -> bool {
    !matches!(
        address.octets(),
        [0 | 10 | 127, ..]
            | [100, 64..=127, ..]
            | [169, 254, ..]
            | [172, 16..=31, ..]
            | [192, 0, 0 | 2, _]
            | [192, 88, 99, _]
            | [192, 168, ..]
            | [198, 18..=19, ..]
            | [198, 51, 100, _]
            | [203, 0, 113, _]
            | [224..=255, ..]
            // Azure's WireServer.
            | [168, 63, 129, 16]
    )
}

fn is_public_ipv6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let [.., high, low] = segments;
    match segments {
        // IPv4-mapped and the deprecated IPv4-compatible addresses; `::` and `::1` are among the
        // latter, as 0.0.0.0 and 0.0.0.1.
        [0, 0, 0, 0, 0, 0 | 0xffff, _, _] => is_public_ipv4(wrapped(high, low)),
        // NAT64 (RFC 6052); its prefix for local use (RFC 8215) falls to the last rule.
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] => is_public_ipv4(wrapped(high, low)),
        // 6to4 (RFC 3056).
        [0x2002, high, low, ..] => is_public_ipv4(wrapped(high, low)),
        // IETF protocol assignments, Teredo among them (RFC 2928); documentation (RFC 3849, 9637).
        [0x2001, 0..0x200, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..0x1000, ..] => false,
        // Global unicast is all that is left of the assigned space (RFC 4291 §2.4).
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

fn wrapped(high: u16, low: u16) -> Ipv4Addr {
    let [a, b] = high.to_be_bytes();
    let [c, d] = low.to_be_bytes();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::is_public;

    #[test]
    fn addresses_that_lead_inwards_are_refused() {
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:1ff::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "3fff:fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn addresses_next_to_the_refused_ones_pass() {
        for address in [
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "168.63.129.17",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:9.9.9.9",
            "64:ff9b::909:909",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2002:909:909::",
            "2620:fe::9",
            "3fff:1000::1",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
