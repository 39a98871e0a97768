//! The pool's key: requests share a connection where everything is alike that
//! tells the server who we are or us who the server is, and else they do not.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use postrider::{Client, ClientBuilder, Error, KeyLimits, RequestBuilder, Security, TlsSettings};
use testing::{Authority, Identity, Script, Server};

use crate::support::{builder_of, ok, received, tls_builder_of, until};

fn always() -> [Script; 1] {
    [Script::respond_always(ok("ok"))]
}

fn credulous() -> TlsSettings {
    let settings = TlsSettings::builder().danger_accept_invalid_certificates();
    settings.build().unwrap()
}

/// Sends a request, and tells the number of the connection that it rode.
async fn ridden(request: RequestBuilder) -> u64 {
    let response = request.send().await.unwrap();
    let id = response.connection().id();
    assert_eq!(response.text().await.unwrap(), "ok");
    id
}

/// One by one, so that a connection that could be shared is always at hand.
async fn assert_kept_apart<const N: usize>(what: &str, requests: impl Fn() -> [RequestBuilder; N]) {
    let mut first = Vec::new();
    for request in requests() {
        first.push(ridden(request).await);
    }
    for (number, id) in first.iter().enumerate() {
        assert!(!first[..number].contains(id), "{what}: {first:?}");
    }
    for round in 0..2 {
        let mut again = Vec::new();
        for request in requests() {
            again.push(ridden(request).await);
        }
        assert_eq!(again, first, "{what}, round {round}");
    }
}

#[tokio::test]
async fn host_and_port_and_zone() {
    let server = Arc::new(Server::in_memory(always()));
    let client = builder_of(&server).build().unwrap();
    assert_kept_apart("host and port", || {
        [
            client.get("http://a.test/"),
            client.get("http://b.test/"),
            client.get("http://a.test./"),
            client.get("http://a.test:81/"),
            client.get("http://127.0.0.1/"),
            client.get("http://[::1]/"),
            client.get("http://[::ffff:127.0.0.1]/"),
        ]
    })
    .await;
    assert_kept_apart("zone", || {
        [
            client.get("http://[fe80::1]/"),
            client.get("http://[fe80::1%25eth0]/"),
            client.get("http://[fe80::1%25eth1]/"),
        ]
    })
    .await;
    assert_eq!(server.connections(), 10);
}

#[tokio::test]
async fn scheme() {
    let identity = Identity::for_names(&["a.test"]);
    let secure = Arc::new(Server::in_memory_tls(identity, always()));
    let plain = Arc::new(Server::in_memory(always()));
    let (one, other) = (Arc::clone(&secure), Arc::clone(&plain));
    let client = Client::builder()
        .tls(credulous())
        .connect_with(move |endpoint| {
            let server = match endpoint.security {
                Security::Tls => &one,
                _ => &other,
            };
            let stream = server.connect();
            async move { Ok(stream) }
        })
        .build()
        .unwrap();
    assert_kept_apart("scheme", || {
        [
            client.get("http://a.test:8080/"),
            client.get("https://a.test:8080/"),
        ]
    })
    .await;
    assert_eq!((plain.connections(), secure.connections()), (1, 1));
}

#[tokio::test]
async fn server_name() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test", "b.test", "c.test"]);
    let server = Arc::new(Server::in_memory_tls(identity, always()));
    let client = tls_builder_of(&server, &authority).build().unwrap();
    let get = || client.get("https://a.test/");
    assert_kept_apart("server name", || {
        [
            get(),
            get().server_name("b.test"),
            get().server_name("c.test"),
        ]
    })
    .await;
    for (number, name) in ["a.test", "b.test", "c.test"].into_iter().enumerate() {
        let tls = server.peer(number).tls.unwrap();
        assert_eq!(tls.server_name.as_deref(), Some(name));
        assert!(!tls.resumed, "nor are sessions shared");
        assert!(received(&server, number).contains("\r\nhost: a.test\r\n"));
    }

    // A certificate for the host is of no use to those who ask for another.
    let error = get().server_name("d.test").send().await.unwrap_err();
    assert!(error.to_string().contains("for other names"), "{error}");
    let error = get().server_name("no name").send().await.unwrap_err();
    assert_eq!(error.kind(), postrider::ErrorKind::Request, "{error}");
}

#[tokio::test]
async fn a_server_name_of_the_request_wins_over_that_of_the_settings() {
    let authority = Authority::new();
    let identity = authority.issue(&["b.test", "c.test"]);
    let server = Arc::new(Server::in_memory_tls(identity, always()));
    let settings = TlsSettings::builder()
        .add_root_der(authority.ca_der())
        .only_added_roots()
        .server_name("b.test");
    let client = builder_of(&server).tls(settings.build().unwrap());
    let client = client.build().unwrap();
    let get = || client.get("https://a.test/");
    assert_kept_apart("server name", || [get(), get().server_name("c.test")]).await;
    let asked = [0, 1].map(|number| server.peer(number).tls.unwrap().server_name);
    assert_eq!(
        asked,
        ["b.test", "c.test"].map(|name| Some(name.to_owned()))
    );

    // However it is spelled.
    let spelled = ridden(get().server_name("C.Test")).await;
    assert_eq!(spelled, ridden(get().server_name("c.test")).await);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn local_address() {
    let server = Server::start(always());
    let client = Client::new();
    let from = |last| client.get(server.url("/")).local_address(ours(last));
    assert_kept_apart("local address", || {
        [client.get(server.url("/")), from(5), from(6)]
    })
    .await;
    let seen = [0, 1, 2].map(|number| server.peer(number).addr.unwrap().ip());
    assert_eq!(seen, [Ipv4Addr::LOCALHOST.into(), ours(5), ours(6)]);
}

fn ours(last: u8) -> IpAddr {
    [127, 0, 0, last].into()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn interface() {
    let server = Server::start(always());
    let client = Client::new();
    let get = || client.get(server.url("/"));
    assert_kept_apart("interface", || [get(), get().interface("lo")]).await;
    let error = get().interface("none0").send().await.unwrap_err();
    assert!(error.to_string().contains("no such interface"), "{error}");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn tls_settings() {
    let authority = Authority::new();
    let identities = ["one.test", "two.test"].map(|name| authority.issue(&[name]));
    let asking = testing::Tls::new(authority.issue(&["a.test"]))
        .require_client_certificate(authority.ca_der());
    let server = Arc::new(Server::in_memory_tls(asking, always()));
    let [one, two] = identities
        .each_ref()
        .map(|identity| showing(&authority, identity));
    let client = builder_of(&server).tls(one.clone()).build().unwrap();
    let get = || client.get("https://a.test/");
    assert_kept_apart("TLS settings", || {
        [get(), get().tls(one.clone()), get().tls(two.clone())]
    })
    .await;
    let shown = [0, 1, 2].map(|number| server.peer(number).tls.unwrap());
    for (tls, identity) in shown.iter().zip([0, 0, 1]) {
        let certificate = tls.certificate.as_deref();
        assert_eq!(certificate, Some(identities[identity].certificate_der()));
    }
    // The same value is the same identity, on whatever connection.
    assert_eq!(
        shown.map(|tls| tls.resumed),
        [false, true, false],
        "sessions go with the settings"
    );

    // Settings built alike are two identities still: nobody can look inside.
    let alike = showing(&authority, &identities[1]);
    assert_kept_apart("settings built alike", || {
        [get().tls(two.clone()), get().tls(alike.clone())]
    })
    .await;
    assert!(!server.peer(3).tls.unwrap().resumed);
}

/// Settings that trust the authority, and show this certificate.
fn showing(authority: &Authority, identity: &Identity) -> TlsSettings {
    TlsSettings::builder()
        .add_root_der(authority.ca_der())
        .only_added_roots()
        .client_certificate_pem(identity.certificate_pem(), identity.key_pem())
        .build()
        .unwrap()
}

#[tokio::test]
async fn all_of_them_at_once() {
    let identity = Identity::for_names(&["a.test"]);
    let server = Server::start_tls(identity, always());
    let (one, two) = (credulous(), credulous());
    let client = Client::new();
    let get = |settings: &TlsSettings, name, last| {
        client
            .get(server.url("/"))
            .local_address(ours(last))
            .server_name(name)
            .tls(settings.clone())
    };
    assert_kept_apart("all but one part alike", || {
        [
            get(&one, "a.test", 5),
            get(&two, "a.test", 5),
            get(&one, "b.test", 5),
            get(&one, "a.test", 6),
        ]
    })
    .await;
}

/// What is no part of a key.
#[tokio::test]
async fn method_path_headers_and_user_info_are_no_part_of_it() {
    let server = Arc::new(Server::in_memory(always()));
    let client = builder_of(&server).build().unwrap();
    for request in [
        client.get("http://a.test/"),
        client.post("http://a.test/path?query").body("body"),
        client.get("http://user:password@A.TEST:80/"),
        client.get("http://a.test/").header("host-ish", "b.test"),
        client.get("http://a.test/").bearer_auth("token"),
    ] {
        ridden(request).await;
    }
    assert_eq!(server.connections(), 1);
}

fn limited(builder: ClientBuilder, most: usize) -> Client {
    let limits = KeyLimits::default().with_max_connections(most);
    builder
        .pool_limits_for("https://a.test", limits)
        .build()
        .unwrap()
}

/// As `RequestBuilder::server_name` says: the limits hold for each apart.
#[tokio::test]
async fn an_origins_limits_hold_for_each_of_its_keys() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test", "b.test"]);
    let script = Script::new().read_head().stall();
    let server = Arc::new(Server::in_memory_tls(identity, [script]));
    let client = limited(tls_builder_of(&server, &authority), 1);
    let get = || client.get("https://a.test/");
    let mut sent = Vec::new();
    for request in [
        get(),
        get(),
        get().server_name("b.test"),
        get().server_name("b.test"),
    ] {
        sent.push(tokio::spawn(request.send()));
    }
    until(|| {
        let totals = client.stats().totals;
        (totals.lent, totals.waiting) == (2, 2)
    })
    .await;
    // One origin all the same.
    let stats = client.stats();
    assert_eq!(stats.origins, [("https://a.test".to_owned(), stats.totals)]);
    assert_eq!(server.connections(), 2);
    for sending in sent {
        sending.abort();
    }
    until(|| client.stats().totals.waiting == 0).await;
}

#[tokio::test]
async fn an_origins_idle_connections_close_whatever_their_key() -> Result<(), Error> {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test", "b.test"]);
    let server = Arc::new(Server::in_memory_tls(identity, always()));
    let client = tls_builder_of(&server, &authority).build()?;
    ridden(client.get("https://a.test/")).await;
    ridden(client.get("https://a.test/").server_name("b.test")).await;
    ridden(client.get("https://b.test/")).await;
    assert_eq!(client.close_idle_for("https://a.test")?, 2);
    assert_eq!(client.stats().totals.idle, 1);
    Ok(())
}

/// What is made ahead is for requests that ask for nothing special.
#[tokio::test]
async fn a_warm_connection_serves_its_own_key() -> Result<(), Error> {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test", "b.test"]);
    let server = Arc::new(Server::in_memory_tls(identity, always()));
    let client = tls_builder_of(&server, &authority).build()?;
    assert_eq!(client.warm("https://a.test/", 1).await?, 1);
    ridden(client.get("https://a.test/").server_name("b.test")).await;
    ridden(client.get("https://a.test/")).await;
    assert_eq!(server.connections(), 2);
    assert_eq!(client.stats().counters.reuses, 1);
    Ok(())
}
