use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Authority, AuthorityError, Host, Scheme, UserInfo};

fn parse(text: &str) -> Result<(Authority<'_>, Option<UserInfo<'_>>), AuthorityError> {
    Authority::parse(text, Scheme::Http)
}

fn host(text: &str) -> Host<'_> {
    parse(text).unwrap().0.host
}

#[test]
fn a_name_is_put_into_lower_case_and_copied_only_then() {
    assert!(matches!(
        host("a-b_c.test."),
        Host::Name(Cow::Borrowed("a-b_c.test."))
    ));
    assert!(matches!(host("A.Test"), Host::Name(Cow::Owned(name)) if name == "a.test"));
}

#[test]
fn equal_authorities_are_equal_however_they_are_written() {
    for (one, other) in [
        ("A.test", "a.TEST:80"),
        ("a.test:", "a.test:0080"),
        ("[0:0::1]", "[::1]:80"),
        ("u:p@a.test", "a.test"),
    ] {
        assert_eq!(parse(one).unwrap().0, parse(other).unwrap().0);
    }
    let secure = Authority::parse("a.test:80", Scheme::Https).unwrap().0;
    assert_ne!(parse("a.test:80").unwrap().0, secure);
    assert_ne!(parse("a.test").unwrap().0, parse("a.test.").unwrap().0);
}

#[test]
fn addresses_are_addresses() {
    assert_eq!(host("127.0.0.1:8080"), Host::Ipv4(Ipv4Addr::LOCALHOST));
    let addr = Ipv6Addr::LOCALHOST;
    assert_eq!(host("[::1]"), Host::Ipv6 { addr, zone: None });
    // Other spellings of IPv4 are left to the resolver, which alone knows them.
    assert!(matches!(host("127.1"), Host::Name(_)));
    assert!(matches!(host("0x7f.0.0.1"), Host::Name(_)));
}

#[test]
fn a_zone_is_kept_for_connecting_and_not_printed() {
    for text in ["[fe80::1%25eth0]:81", "[fe80::1%eth0]:81"] {
        let (authority, _) = parse(text).unwrap();
        let Host::Ipv6 { zone, .. } = authority.host() else {
            panic!("{text} is an address");
        };
        assert_eq!(zone.as_deref(), Some("eth0"));
        assert_eq!(authority.to_string(), "[fe80::1]:81");
    }
}

#[test]
fn the_default_port_is_filled_in_and_left_out_again() {
    let printed = |text, scheme| {
        let (authority, _) = Authority::parse(text, scheme).unwrap();
        let mut written = Vec::new();
        authority.write_host(&mut written);
        assert_eq!(written, authority.to_string().as_bytes());
        (authority.port(), authority.to_string())
    };
    let a = || "a.test".to_owned();
    assert_eq!(printed("a.test", Scheme::Http), (80, a()));
    assert_eq!(printed("a.test:443", Scheme::Https), (443, a()));
    assert_eq!(
        printed("a.test:443", Scheme::Http),
        (443, "a.test:443".to_owned())
    );
    assert_eq!(
        printed("a.test:0", Scheme::Http),
        (0, "a.test:0".to_owned())
    );
    assert_eq!(
        printed("[::1]:65535", Scheme::Http),
        (65535, "[::1]:65535".to_owned())
    );
}

#[test]
fn user_information_is_given_apart_and_never_shown() {
    let user = |text| {
        parse(text)
            .unwrap()
            .1
            .map(|user| (user.user, user.password))
    };
    assert_eq!(user("a.test"), None);
    assert_eq!(user("@a.test"), None);
    assert_eq!(user("u@a.test"), Some(("u", None)));
    assert_eq!(user(":p@a.test"), Some(("", Some("p"))));
    assert_eq!(user("u%40x:p:q%0d@a.test"), Some(("u%40x", Some("p:q%0d"))));
    let shown = format!("{:?}", parse("secret:word@a.test").unwrap());
    assert!(
        !shown.contains("secret") && !shown.contains("word"),
        "{shown}"
    );
}

#[test]
fn an_owned_authority_is_the_same() {
    for text in ["a.test", "A.test:81", "127.0.0.1", "[fe80::1%25eth0]"] {
        let (authority, _) = parse(text).unwrap();
        assert_eq!(authority.clone().into_owned(), authority);
    }
}

#[test]
fn what_is_no_authority_says_why() {
    let long_label = "a".repeat(64);
    let long_name = "a.".repeat(127) + "a";
    let table = [
        ("", "there is no host"),
        (":80", "there is no host"),
        ("u@", "there is no host"),
        ("a@b@c.test", "there is more than one '@'"),
        ("u<@a.test", "the user information has an invalid character"),
        (
            "u%4@a.test",
            "the user information has an invalid character",
        ),
        ("a.test:65536", "the port is not a number from 0 to 65535"),
        ("a.test:-1", "the port is not a number from 0 to 65535"),
        ("a.test:+1", "the port is not a number from 0 to 65535"),
        ("a.test:8x", "the port is not a number from 0 to 65535"),
        ("::1", "there is no host"),
        ("fe80::1", "the port is not a number from 0 to 65535"),
        ("[::1]x", "the brackets of the host hold no ipv6 address"),
        ("[::1", "the brackets of the host hold no ipv6 address"),
        ("[a.test]", "the brackets of the host hold no ipv6 address"),
        (
            "[127.0.0.1]",
            "the brackets of the host hold no ipv6 address",
        ),
        ("[::g]", "the brackets of the host hold no ipv6 address"),
        ("[v1.x]", "the brackets of the host hold no ipv6 address"),
        ("[::1%]", "the brackets of the host hold no ipv6 address"),
        ("[::1%e/0]", "the brackets of the host hold no ipv6 address"),
        ("a b.test", "the host has the invalid character ' '"),
        ("a\r\nb", "the host has the invalid character '\\r'"),
        ("a%2etest", "the host has the invalid character '%'"),
        ("a.test\\", "the host has the invalid character '\\\\'"),
        ("a.test/x", "the host has the invalid character '/'"),
        ("b\u{fc}cher.test", "the host name is not ascii"),
        ("a..test", "a label of the host name is empty or too long"),
        (".test", "a label of the host name is empty or too long"),
        (".", "a label of the host name is empty or too long"),
        (&long_label, "a label of the host name is empty or too long"),
        (&long_name, "the host name is longer than 253 characters"),
    ];
    for (text, message) in table {
        let error = parse(text).unwrap_err();
        assert_eq!(error.to_string(), message, "{text:?}");
    }
}

#[test]
fn equal_authorities_hash_alike_and_others_do_not() {
    use std::hash::BuildHasher;

    let state = std::hash::RandomState::new();
    let hash = |text, scheme| {
        let (authority, _) = Authority::parse(text, scheme).unwrap();
        assert_eq!(
            state.hash_one(&authority),
            state.hash_one(authority.clone().into_owned()),
            "{text}"
        );
        state.hash_one(authority)
    };
    assert_eq!(
        hash("a.test", Scheme::Http),
        hash("A.Test:80", Scheme::Http)
    );
    let others = [
        ("a.test", Scheme::Http),
        ("b.test", Scheme::Http),
        ("a.test:81", Scheme::Http),
        ("a.test:80", Scheme::Https),
        ("127.0.0.1", Scheme::Http),
        ("127.0.0.2", Scheme::Http),
        ("[::1]", Scheme::Http),
        ("[fe80::1%1]", Scheme::Http),
        ("[fe80::1%2]", Scheme::Http),
    ];
    let hashes = others.map(|(text, scheme)| hash(text, scheme));
    for (at, one) in hashes.iter().enumerate() {
        assert!(!hashes[at + 1..].contains(one), "{:?}", others[at]);
    }
}

#[test]
fn every_octet_of_an_address_is_written_in_full() {
    for octet in 0..=255 {
        let text = format!("{octet}.0.9.{octet}:8080");
        let (authority, _) = Authority::parse(&text, Scheme::Http).unwrap();
        let mut written = Vec::new();
        authority.write_host(&mut written);
        assert_eq!(String::from_utf8(written).unwrap(), text);
    }
}
