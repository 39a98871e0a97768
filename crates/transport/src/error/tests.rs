use std::net::SocketAddr;

use super::*;
use crate::endpoint::{Host, Security};
use crate::socket::in_words;

fn endpoint() -> Endpoint {
    Endpoint::new(Host::Name("a.test".into()), 443, Security::Tls)
}

fn text(failure: Failure) -> String {
    ConnectError::new(failure, &endpoint(), Duration::from_millis(1234)).to_string()
}

fn attempt(n: u8, error: io::Error) -> Attempt {
    Attempt {
        addr: SocketAddr::from(([192, 0, 2, n], 443)),
        started: Duration::ZERO,
        elapsed: Duration::from_millis(7),
        error: Some(Arc::new(error)),
    }
}

fn of_kind(n: u8, kind: io::ErrorKind) -> Attempt {
    attempt(n, kind.into())
}

#[test]
fn unreachable_addresses_say_so() {
    let attempts = vec![
        of_kind(1, io::ErrorKind::HostUnreachable),
        of_kind(2, io::ErrorKind::NetworkUnreachable),
    ];
    assert_eq!(
        text(Failure::connecting(attempts)),
        "could not connect to a.test:443: unreachable \
         (192.0.2.1:443: host unreachable after 7 ms, \
         192.0.2.2:443: network unreachable after 7 ms)"
    );
}

#[test]
fn failures_of_several_kinds_are_told_as_that() {
    let attempts = vec![
        of_kind(1, io::ErrorKind::ConnectionRefused),
        of_kind(2, io::ErrorKind::PermissionDenied),
    ];
    let failure = Failure::connecting(attempts);
    assert_eq!(failure.kind, ConnectErrorKind::Connect);
    assert_eq!(
        text(failure),
        "could not connect to a.test:443: every address failed \
         (192.0.2.1:443: connection refused after 7 ms, \
         192.0.2.2:443: permission denied after 7 ms)"
    );
}

#[test]
fn addresses_that_the_kernel_gave_up_are_timed_out() {
    let failure = Failure::connecting(vec![of_kind(1, io::ErrorKind::TimedOut)]);
    assert_eq!(
        text(failure),
        "could not connect to a.test:443: timed out after 1.2 s \
         (192.0.2.1:443: timed out after 7 ms)"
    );
}

#[test]
fn a_literal_address_is_told_once() {
    let expired = ConnectErrorKind::Tls(TlsErrorKind::Expired);
    let secure = Failure::new(expired, Phase::Tls).after(vec![of_kind(1, io::ErrorKind::Other)]);
    let silent = Failure::connecting(vec![of_kind(1, io::ErrorKind::TimedOut)]);
    let other = Failure::connecting(vec![attempt(1, io::Error::other("no mark for you"))]);
    for (failure, text) in [
        (
            secure,
            "TLS handshake with 192.0.2.1:443 failed: the certificate has expired",
        ),
        (
            silent,
            "could not connect to 192.0.2.1:443: timed out after 1.2 s",
        ),
        (other, "could not connect to 192.0.2.1:443: no mark for you"),
    ] {
        let address = std::net::IpAddr::from([192, 0, 2, 1]);
        let endpoint = Endpoint::new(address.into(), 443, Security::Tls);
        let error = ConnectError::new(failure, &endpoint, Duration::from_millis(1234));
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_link_local_address_without_a_zone_is_told_what_it_needs() {
    let hint = "a link-local address needs a zone, as in [fe80::1%eth0]";
    let kind = io::ErrorKind::InvalidInput;
    let failed = |addr: &str| {
        let addr = addr.parse().unwrap();
        Attempt {
            addr,
            error: Some(Arc::new(in_words(kind.into(), addr))),
            ..of_kind(1, kind)
        }
    };
    let address: std::net::Ipv6Addr = "fe80::1".parse().unwrap();
    let literal = Endpoint::new(std::net::IpAddr::V6(address).into(), 80, Security::Plain);
    let failure = Failure::connecting(vec![failed("[fe80::1]:80")]);
    let error = ConnectError::new(failure, &literal, Duration::ZERO);
    assert_eq!(
        error.to_string(),
        format!("could not connect to [fe80::1]:80: {hint}")
    );
    let attempts = vec![failed("[fe80::1]:443"), failed("[fe80::2]:443")];
    assert_eq!(
        text(Failure::connecting(attempts)),
        format!(
            "could not connect to a.test:443: every address failed \
             ([fe80::1]:443: {hint} after 7 ms, [fe80::2]:443: {hint} after 7 ms)"
        )
    );
}

#[test]
fn a_long_list_of_addresses_is_cut_and_a_long_text_too() {
    let attempts = (0..100)
        .map(|n| attempt(n, io::Error::other("x".repeat(10_000))))
        .collect();
    let text = text(Failure::connecting(attempts));
    assert!(text.ends_with(", and 96 more)"), "{text}");
    assert!(text.len() < 1024, "{}", text.len());
}

#[test]
fn what_was_tried_can_stand_in_another_text() {
    let tried = |attempts| {
        let failure = Failure::timed_out(Phase::Connect).after(attempts);
        let error = ConnectError::new(failure, &endpoint(), Duration::ZERO);
        error.tried().to_string()
    };
    let attempts = vec![
        of_kind(1, io::ErrorKind::ConnectionRefused),
        of_kind(2, io::ErrorKind::TimedOut),
    ];
    assert_eq!(tried(vec![]), "");
    assert_eq!(
        attempts[1].to_string(),
        "192.0.2.2:443: timed out after 7 ms"
    );
    assert_eq!(
        tried(attempts),
        " (192.0.2.1:443: connection refused after 7 ms, 192.0.2.2:443: timed out after 7 ms)"
    );
}

#[test]
fn a_build_without_tls_names_the_feature() {
    let failure = Failure::new(ConnectErrorKind::NoTlsProvider, Phase::Tls);
    assert_eq!(
        text(failure),
        "TLS handshake with a.test:443 failed: this build has no TLS provider \
         (feature `tls-ring` or `tls-aws-lc-rs`), and no TLS settings were given"
    );
}

#[test]
fn phases_have_names() {
    let names = [Phase::Resolve, Phase::Connect, Phase::Tls].map(|phase| phase.to_string());
    assert_eq!(names, ["resolve", "connect", "tls"]);
}

#[test]
fn an_error_is_one_pointer_wide() {
    assert_eq!(size_of::<ConnectError>(), size_of::<usize>());
}
