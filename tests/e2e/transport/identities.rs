//! Who we say that we are, whom we ask for, and what is agreed: client
//! certificates, server names, versions, sessions, and the log of keys.

use std::path::PathBuf;
use std::process::Command;

use postrider::{
    Client, ClientBuilder, ConnectErrorKind, Error, ErrorKind, Phase, Sent, TlsErrorKind,
    TlsSettings, TlsVersion,
};
use testing::{Authority, Identity, Server, Tls};

use super::{always, closing, failure, get, trusting};
use crate::support::received;

const HERE: &[&str] = &["127.0.0.1"];
const BOTH: [testing::TlsVersion; 2] = [testing::TlsVersion::Tls12, testing::TlsVersion::Tls13];

/// A server that asks for certificates by its own authority.
fn asking(authority: &Authority, version: testing::TlsVersion) -> Server {
    let tls = Tls::new(authority.issue(HERE))
        .version(version)
        .require_client_certificate(authority.ca_der());
    Server::start_tls(tls, always("welcome"))
}

fn showing(authority: &Authority, identity: &Identity) -> ClientBuilder {
    let settings = trusting(authority)
        .client_certificate_pem(identity.certificate_pem(), identity.key_pem())
        .build()
        .unwrap();
    Client::builder().tls(settings)
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks() {
    let authority = Authority::new();
    let me = authority.issue(&["client.test"]);
    for version in BOTH {
        let server = asking(&authority, version);
        let client = showing(&authority, &me).build().unwrap();
        assert_eq!(get(&client, &server.url("/")).await.unwrap(), "welcome");
        let shown = server.peer(0).tls.unwrap().certificate;
        assert_eq!(shown.as_deref(), Some(me.certificate_der()));

        // Nobody is told who does not ask.
        let other = Server::start_tls(authority.issue(HERE), always("hello"));
        assert_eq!(get(&client, &other.url("/")).await.unwrap(), "hello");
        assert_eq!(other.peer(0).tls.unwrap().certificate, None);
    }
}

#[tokio::test]
async fn a_missing_certificate_is_told_by_the_servers_alert() {
    let authority = Authority::new();
    let anonymous = || {
        let settings = trusting(&authority).build().unwrap();
        Client::builder().tls(settings).build().unwrap()
    };

    // In TLS 1.2 the handshake tells.
    let server = asking(&authority, testing::TlsVersion::Tls12);
    let error = failure(&anonymous(), &server.url("/")).await;
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Tls));
    assert_eq!(
        error.connect_kind(),
        Some(ConnectErrorKind::Tls(TlsErrorKind::Alert))
    );
    assert_eq!(error.sent(), Sent::Nothing);
    let addr = server.addr();
    assert_eq!(
        error.to_string(),
        format!(
            "GET https://{addr}/: TLS handshake with {addr} failed: \
             the server sent an alert: CertificateRequired"
        )
    );

    // In TLS 1.3 we are done before the server has looked (RFC 8446 §4.4.2.4).
    let server = asking(&authority, testing::TlsVersion::Tls13);
    let client = anonymous();
    let error = failure(&client, &server.url("/")).await;
    let text = error.to_string();
    assert!(text.contains("CertificateRequired"), "{text}");
    assert_refused_at_the_first_read(&error);
    assert_eq!(error.remote_addr(), Some(server.addr()));
    assert_eq!(
        client.stats().counters.dials,
        1,
        "an alert is never retried"
    );
    assert_eq!(received(&server, 0), "");
}

#[tokio::test]
async fn a_certificate_by_a_stranger_is_refused_by_the_servers_alert() {
    let authority = Authority::new();
    let stranger = Identity::for_names(&["client.test"]);
    for version in BOTH {
        let server = asking(&authority, version);
        let client = showing(&authority, &stranger).build().unwrap();
        let error = failure(&client, &server.url("/")).await;
        let text = error.to_string();
        assert!(text.contains("UnknownCA"), "{text}");
        assert_eq!(client.stats().counters.dials, 1);
        if version == testing::TlsVersion::Tls13 {
            assert_refused_at_the_first_read(&error);
        }
    }
}

fn assert_refused_at_the_first_read(error: &Error) {
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Head));
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Alert);
    assert_eq!(error.connect_kind(), Some(kind));
    assert!(error.attempts().is_empty());
    // It was connected to, and the server will say the same again.
    assert!(!error.is_connect() && !error.is_retry_safe());
}

#[tokio::test]
async fn another_name_than_the_hosts_is_asked_for_and_verified() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.issue(&["inner.test"]), always("hello"));
    let settings = trusting(&authority).server_name("inner.test");
    let client = Client::builder()
        .tls(settings.build().unwrap())
        .resolve("outer.test", [server.addr()])
        .build()
        .unwrap();
    for host in ["outer.test", "127.0.0.1"] {
        let url = server.url_for(host, "/");
        assert_eq!(get(&client, &url).await.unwrap(), "hello");
    }
    for (number, host) in ["outer.test", "127.0.0.1"].into_iter().enumerate() {
        let asked = server.peer(number).tls.unwrap().server_name;
        assert_eq!(asked.as_deref(), Some("inner.test"));
        let line = format!("\r\nhost: {host}:{}\r\n", server.addr().port());
        assert!(received(&server, number).contains(&line));
    }

    client.close_idle();

    // The host's own name is then of no use to the server.
    let server = Server::start_tls(authority.issue(HERE), always("hello"));
    let error = failure(&client, &server.url("/")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
    assert_eq!(error.connect_kind(), Some(kind), "{error}");
}

#[tokio::test]
async fn a_version_that_is_too_old_is_refused() {
    let authority = Authority::new();
    let settings = trusting(&authority).oldest_version(TlsVersion::Tls13);
    let client = Client::builder().tls(settings.build().unwrap());
    let client = client.build().unwrap();
    let of = |version| Tls::new(authority.issue(HERE)).version(version);

    let new = Server::start_tls(of(testing::TlsVersion::Tls13), always("new"));
    assert_eq!(get(&client, &new.url("/")).await.unwrap(), "new");
    client.close_idle();

    let old = Server::start_tls(of(testing::TlsVersion::Tls12), always("old"));
    let error = failure(&client, &old.url("/")).await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::Incompatible);
    assert_eq!(error.connect_kind(), Some(kind));
    let words = " failed: no version or cipher in common: ";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn sessions_are_resumed_as_both_sides_see_it_unless_none_are_remembered() {
    let authority = Authority::new();
    for version in BOTH {
        for (remembered, expected) in [(8, [false, true, true]), (0, [false; 3])] {
            let tls = Tls::new(authority.issue(HERE)).version(version);
            let server = Server::start_tls(tls, closing("bye"));
            let settings = trusting(&authority).remembered_sessions(remembered);
            let client = Client::builder().tls(settings.build().unwrap());
            let client = client.build().unwrap();
            for (number, resumed) in expected.into_iter().enumerate() {
                let response = client.get(server.url("/")).send().await.unwrap();
                let facts = response.connection().tls().unwrap();
                assert_eq!(facts.resumed, resumed, "{version:?} {number}");
                assert_eq!(server.peer(number).tls.unwrap().resumed, resumed);
                assert_eq!(response.text().await.unwrap(), "bye");
            }
        }
    }
}

#[tokio::test]
async fn clients_share_sessions_only_where_they_are_given_the_same_settings() {
    let authority = Authority::new();
    let server = Server::start_tls(authority.issue(HERE), closing("bye"));
    let one = trusting(&authority).build().unwrap();
    let other = trusting(&authority).build().unwrap();
    let mut resumed = Vec::new();
    for settings in [&one, &one, &other] {
        let client = Client::builder().tls(settings.clone()).build().unwrap();
        let response = client.get(server.url("/")).send().await.unwrap();
        resumed.push(response.connection().tls().unwrap().resumed);
        response.discard().await.unwrap();
    }
    assert_eq!(resumed, [false, true, false]);
}

#[test]
fn keys_are_logged_for_those_who_ask_only() {
    let file = temporary_file();
    run_child("child_that_logs_no_keys", &file);
    assert!(!file.exists());
    run_child("child_that_logs_keys", &file);
    let logged = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert!(logged.contains("CLIENT_TRAFFIC_SECRET_0 "), "{logged}");
    assert!(logged.contains("SERVER_TRAFFIC_SECRET_0 "), "{logged}");
}

#[tokio::test]
#[ignore = "run by keys_are_logged_for_those_who_ask_only, with a variable in its environment"]
async fn child_that_logs_keys() {
    let authority = Authority::new();
    let settings = trusting(&authority).log_keys_to_file().build().unwrap();
    exchange(&authority, settings).await;
}

#[tokio::test]
#[ignore = "run by keys_are_logged_for_those_who_ask_only, with a variable in its environment"]
async fn child_that_logs_no_keys() {
    let authority = Authority::new();
    let settings = trusting(&authority).build().unwrap();
    exchange(&authority, settings).await;
}

async fn exchange(authority: &Authority, settings: TlsSettings) {
    let server = Server::start_tls(authority.issue(HERE), always("secret"));
    let client = Client::builder().tls(settings).build().unwrap();
    assert_eq!(get(&client, &server.url("/")).await.unwrap(), "secret");
}

fn temporary_file() -> PathBuf {
    std::env::temp_dir().join(format!("postrider-e2e-keys-{}", std::process::id()))
}

/// Runs an ignored test of this file in a process of its own.
fn run_child(test: &str, file: &PathBuf) {
    let test = format!("transport::identities::{test}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--ignored", &test])
        .env("SSLKEYLOGFILE", file)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && told.contains("1 passed"),
        "{told}"
    );
}
