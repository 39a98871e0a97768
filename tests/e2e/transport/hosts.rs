//! Hosts as URLs spell them: what is connected to, what is sent as Host, what
//! is asked for by TLS, and what is refused.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex};

use postrider::{
    Answers, Client, ConnectErrorKind, ErrorKind, Host, Phase, TlsErrorKind, TlsSettings,
};
use testing::{Authority, Server};

use super::{Asking, always, failure, get};
use crate::support::received;

/// The hosts and ports that were to be connected to.
type Asked = Arc<Mutex<Vec<(Host, u16)>>>;

/// A client that connects in memory, and tells to what.
fn recording(server: &Arc<Server>) -> (Client, Asked) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (server, record) = (Arc::clone(server), Arc::clone(&asked));
    let settings = TlsSettings::builder().danger_accept_invalid_certificates();
    let client = Client::builder()
        .tls(settings.build().unwrap())
        .connect_with(move |endpoint| {
            record.lock().unwrap().push((endpoint.host, endpoint.port));
            let stream = server.connect();
            async move { Ok(stream) }
        })
        .build()
        .unwrap();
    (client, asked)
}

fn name(name: &str) -> Host {
    Host::Name(name.into())
}

fn ip(ip: &str) -> Host {
    Host::Ip(ip.parse().unwrap())
}

fn zoned(ip: &str, zone: &str) -> Host {
    Host::ZonedIp(ip.parse().unwrap(), zone.into())
}

/// Hosts with what they are connected to, sent as, and asked for as.
fn spellings() -> Vec<(&'static str, Host, &'static str, Option<&'static str>)> {
    vec![
        ("a.test", name("a.test"), "a.test", Some("a.test")),
        ("A.TeSt", name("a.test"), "a.test", Some("a.test")),
        (
            "localhost",
            name("localhost"),
            "localhost",
            Some("localhost"),
        ),
        // RFC 6066 §3: without the dot that says that nothing is to follow.
        ("a.test.", name("a.test."), "a.test.", Some("a.test")),
        (
            "under_score.test",
            name("under_score.test"),
            "under_score.test",
            Some("under_score.test"),
        ),
        (
            "xn--bcher-kva.test",
            name("xn--bcher-kva.test"),
            "xn--bcher-kva.test",
            Some("xn--bcher-kva.test"),
        ),
        // RFC 6066 §3: addresses are not asked for.
        ("127.0.0.1", ip("127.0.0.1"), "127.0.0.1", None),
        ("[::1]", ip("::1"), "[::1]", None),
        ("[2001:DB8:0::1]", ip("2001:db8::1"), "[2001:db8::1]", None),
        // RFC 6874 §4: a zone means nothing to anybody else.
        (
            "[fe80::1%25eth0]",
            zoned("fe80::1", "eth0"),
            "[fe80::1]",
            None,
        ),
        ("[fe80::1%2]", zoned("fe80::1", "2"), "[fe80::1]", None),
        (
            "[::ffff:1.2.3.4]",
            ip("::ffff:1.2.3.4"),
            "[::ffff:1.2.3.4]",
            None,
        ),
    ]
}

#[tokio::test]
async fn the_host_is_sent_and_asked_for_in_its_plain_form() {
    let plain = Arc::new(Server::in_memory(always("hello")));
    let identity = Authority::new().issue(&["a.test"]);
    let secure = Arc::new(Server::in_memory_tls(identity, always("hello")));
    for (scheme, server, default) in [("http", plain, 80), ("https", secure, 443)] {
        let (client, asked) = recording(&server);
        let mut number = 0;
        for (host, connected, sent, server_name) in spellings() {
            for (port, shown, dialled) in [
                (String::new(), String::new(), default),
                (":".to_owned(), String::new(), default),
                (format!(":{default}"), String::new(), default),
                (":08081".to_owned(), ":8081".to_owned(), 8081),
            ] {
                client.close_idle();
                let url = format!("{scheme}://{host}{port}/");
                assert_eq!(get(&client, &url).await.unwrap(), "hello", "{url}");
                let head = received(&server, number);
                let line = format!("\r\nhost: {sent}{shown}\r\n");
                assert!(head.contains(&line), "{url}: {head}");
                let last = asked.lock().unwrap().pop().unwrap();
                assert_eq!(last, (connected.clone(), dialled), "{url}");
                if scheme == "https" {
                    let tls = server.peer(number).tls.unwrap();
                    assert_eq!(tls.server_name.as_deref(), server_name, "{url}");
                }
                number += 1;
            }
        }
        assert_eq!(server.connections(), number);
    }
}

/// One server, one pool.
#[tokio::test]
async fn spellings_of_one_host_share_a_connection() {
    let server = Arc::new(Server::in_memory(always("hello")));
    let (client, _) = recording(&server);
    for url in [
        "http://a.test",
        "HTTP://A.TEST:80/",
        "http://a.test:/x",
        "http://me:secret@a.test:080/",
    ] {
        get(&client, url).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    // The trailing dot makes another name of it, as resolvers see it.
    get(&client, "http://a.test./").await.unwrap();
    get(&client, "http://a.test:81/").await.unwrap();
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn user_info_is_sent_as_authorization_and_nowhere_else() {
    let server = Arc::new(Server::in_memory(always("hello")));
    let (client, _) = recording(&server);
    for (number, user, value) in [
        (0, "me:p%40ss", "bWU6cEBzcw=="),
        (1, "me", "bWU6"),
        (2, ":secret", "OnNlY3JldA=="),
    ] {
        client.close_idle();
        get(&client, &format!("http://{user}@a.test:81/"))
            .await
            .unwrap();
        let head = received(&server, number);
        assert!(head.contains("\r\nhost: a.test:81\r\n"), "{head}");
        let line = format!("\r\nauthorization: Basic {value}\r\n");
        assert!(head.contains(&line), "{head}");
        assert!(!head.contains('@'));
    }
}

/// Nothing here turns them into addresses: the resolver gets them as they are.
#[tokio::test]
async fn numbers_in_disguise_are_names_to_us() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&asked);
    let resolver = Asking(move |name: &str| {
        record.lock().unwrap().push(name.to_owned());
        Answers::failed(io::ErrorKind::NotFound.into())
    });
    let client = Client::builder().connector(|connector| connector.resolver(resolver));
    let client = client.build().unwrap();
    let disguised = [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "127.1",
        "0177.0.0.1",
        "127.0.0.01",
        "1.2.3.256",
        "1.2.3.4.",
    ];
    for host in disguised {
        let error = failure(&client, &format!("http://{host}/")).await;
        assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NameNotFound));
        let text = format!("could not resolve {host}: no such name");
        assert!(error.to_string().ends_with(&text), "{error}");
    }
    assert_eq!(*asked.lock().unwrap(), disguised);
}

/// No certificate can be for such a name.
#[tokio::test]
async fn a_number_in_disguise_is_no_name_for_a_certificate() {
    let identity = Authority::new().issue(&["127.0.0.1"]);
    let server = Server::start_tls(identity, always("never"));
    let settings = TlsSettings::builder().danger_accept_invalid_certificates();
    let settings = settings.build().unwrap();
    for host in ["127.1", "2130706433"] {
        let client = Client::builder()
            .tls(settings.clone())
            .resolve(host, [server.addr()])
            .build()
            .unwrap();
        let error = failure(&client, &format!("https://{host}/")).await;
        let kind = ConnectErrorKind::Tls(TlsErrorKind::InvalidServerName);
        assert_eq!(error.connect_kind(), Some(kind), "{error}");
        let text = "the host's name cannot stand in a certificate";
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn a_zone_is_for_this_machine_only_and_must_be_one_of_its_interfaces() {
    if !testing::has_ipv6() {
        return;
    }
    let server = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let client = Client::new();
    assert_eq!(get(&client, &server.url("/")).await.unwrap(), "six");
    client.close_idle();
    let url = format!("http://[fe80::1%25none0]:{}/", server.addr().port());
    let error = failure(&client, &url).await;
    assert_eq!(error.kind(), ErrorKind::Resolve);
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NoInterface));
    let words = r#"could not resolve [fe80::1%none0]: no such interface: "none0""#;
    assert!(error.to_string().ends_with(words), "{error}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_link_local_address_in_a_url_needs_its_zone() {
    let error = failure(&Client::new(), "http://[fe80::1]/").await;
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(
        error.to_string(),
        "GET http://[fe80::1]/: could not connect to [fe80::1]:80: \
         a link-local address needs a zone, as in [fe80::1%eth0]"
    );
}

#[tokio::test]
async fn localhost_is_reached_by_the_systems_resolver() {
    let server = Server::start_on((Ipv4Addr::LOCALHOST, 0).into(), always("here"));
    for host in ["localhost", "LOCALHOST"] {
        let url = server.url_for(host, "/");
        assert_eq!(get(&Client::new(), &url).await.unwrap(), "here", "{host}");
    }
}

#[tokio::test]
async fn what_is_no_host_and_no_port_is_refused_before_anything_is_sent() {
    let server = Arc::new(Server::in_memory(always("never")));
    let (client, asked) = recording(&server);
    let label = format!("http://{}.test/", "a".repeat(64));
    let long = format!("http://{}/", vec!["a".repeat(63); 4].join("."));
    let port = "the port is not a number from 0 to 65535";
    let brackets = "the brackets of the host hold no ipv6 address";
    let labels = "a label of the host name is empty or too long";
    let longer = "the host name is longer than 253 characters";
    for (url, words) in [
        ("http://a.test:65536/", Some(port)),
        ("http://a.test:99999999999999999999/", Some(port)),
        ("http://a.test:8x/", Some(port)),
        ("http://a.test:+80/", Some(port)),
        ("http://a.test:-1/", Some(port)),
        ("http://a.test:80:80/", None),
        ("http://[::1]x/", Some(brackets)),
        ("http://[::1]x:80/", Some(brackets)),
        ("http://[::1]80/", Some(brackets)),
        ("http://[::1/", None),
        ("http://::1]/", None),
        ("http://[]/", Some(brackets)),
        ("http://[a.test]/", Some(brackets)),
        ("http://[127.0.0.1]/", Some(brackets)),
        ("http://[v1.x]/", Some(brackets)),
        ("http://a@b@c.test/", Some("there is more than one '@'")),
        ("http://a..test/", Some(labels)),
        ("http://.test/", Some(labels)),
        ("http://./", Some(labels)),
        (&label, Some(labels)),
        (&long, Some(longer)),
        ("http://:80/", None),
        ("http://me@/", None),
        ("http:///path", None),
        ("http://b\u{fc}cher.test/", None),
        ("http://a b.test/", None),
        ("http://a,b.test/", None),
        (
            "ftp://a.test/",
            Some("the scheme is neither http nor https"),
        ),
        ("a.test/", None),
        ("/path", None),
        ("", None),
    ] {
        let error = failure(&client, url).await;
        assert_eq!(error.kind(), ErrorKind::Request, "{url}: {error}");
        assert_eq!(error.phase(), Phase::Prepare, "{url}: {error}");
        assert!(!error.is_retry_safe());
        let text = error.to_string();
        let begin = "invalid URL: ";
        let (_, told) = text.split_once(begin).unwrap_or_else(|| panic!("{text}"));
        if let Some(words) = words {
            assert_eq!(told, words, "{url}");
        }
    }
    assert!(asked.lock().unwrap().is_empty());
    assert_eq!(server.connections(), 0);
}
