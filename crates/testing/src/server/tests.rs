//! What a scripted server does, step by step. Longer than other files: each step has a test.

use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Server;
use crate::identity::{Authority, Identity};
use crate::journal::Ending;
use crate::peer::Peer;
use crate::script::Script;
use crate::signal::Signal;
use crate::tls::{CloseNotify, Tls, TlsVersion};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const LONG: Duration = Duration::from_secs(5);

async fn dial(server: &Server) -> TcpStream {
    TcpStream::connect(server.addr()).await.unwrap()
}

/// Waits a bounded real time for what must come.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(LONG, future).await.expect("it should come in time")
}

async fn read_all(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = String::new();
    soon(stream.read_to_string(&mut read)).await.unwrap();
    read
}

#[tokio::test]
async fn the_nth_connection_plays_the_nth_script_and_the_last_repeats() {
    let server = Server::start([
        Script::new().write("one").close(),
        Script::new().write("two").close(),
    ]);
    for expected in ["one", "two", "two"] {
        assert_eq!(read_all(&mut dial(&server).await).await, expected);
    }
    assert_eq!(server.connections(), 3);
    soon(server.closed(2)).await;
    assert_eq!(server.open(), 0);
}

#[tokio::test]
async fn a_connection_too_many_is_reset_and_counted() {
    let server = Server::start([Script::new().write("one").close()]).once();
    assert_eq!(read_all(&mut dial(&server).await).await, "one");

    let mut second = dial(&server).await;
    let error = soon(second.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(soon(server.finished(1)).await, Ending::Refused);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn requests_of_every_framing_are_read_whole_and_recorded() {
    let requests: [&[u8]; 3] = [
        GET,
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nA: b\r\n\r\n",
    ];
    let server = Server::in_memory([Script::respond_always(OK)]);
    for request in requests {
        let mut client = server.connect();
        // Twice, and in one write: the second must not get lost behind the first.
        client
            .write_all(&[request, request].concat())
            .await
            .unwrap();
        let mut answers = vec![0; OK.len() * 2];
        soon(client.read_exact(&mut answers)).await.unwrap();
        assert_eq!(
            server.received(server.connections() - 1),
            [request, request].concat()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_come_byte_by_byte_are_answered_after_the_last() {
    let server = Server::in_memory([Script::respond(OK).close()]);
    let mut client = server.connect();
    for byte in GET {
        let early = timeout(Duration::from_millis(1), client.read(&mut [0])).await;
        assert!(early.is_err(), "answered before the request was whole");
        client.write_all(&[*byte]).await.unwrap();
    }
    assert_eq!(read_all(&mut client).await, OK);
}

#[tokio::test]
async fn a_malformed_request_ends_the_script_with_the_reason() {
    let server = Server::in_memory([Script::respond(OK)]);
    let mut client = server.connect();
    client
        .write_all(b"PUT / HTTP/1.1\r\nContent-Length: +1\r\n\r\n")
        .await
        .unwrap();
    let Ending::Failed {
        step,
        kind,
        message,
    } = soon(server.finished(0)).await
    else {
        panic!("a request without a length cannot be read");
    };
    assert_eq!((step, kind), ("read_request", ErrorKind::InvalidData));
    assert_eq!(message, "the request's Content-Length is no number");
}

#[tokio::test]
async fn exact_reads_leave_the_rest_for_the_next_step() {
    let server = Server::in_memory([Script::new()
        .read(2)
        .write("2")
        .read_some()
        .write("some")
        .read_to_end()
        .write("end")
        .close()]);
    let mut client = server.connect();
    client.write_all(b"abcd").await.unwrap();
    let mut answer = [0; 5];
    soon(client.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"2some");
    client.write_all(b"ef").await.unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(read_all(&mut client).await, "end");
    assert_eq!(server.received(0), b"abcdef");
}

#[tokio::test]
async fn split_writes_arrive_piece_by_piece_in_memory() {
    let server = Server::in_memory([Script::new().write_split("abcdef", &[1, 3]).close()]);
    let mut client = server.connect();
    let mut pieces = Vec::new();
    let mut buf = [0; 16];
    while let count @ 1.. = soon(client.read(&mut buf)).await.unwrap() {
        pieces.push(String::from_utf8_lossy(&buf[..count]).into_owned());
    }
    assert_eq!(pieces, ["a", "bcd", "ef"]);
}

#[tokio::test(start_paused = true)]
async fn a_drip_takes_its_time_between_bytes() {
    let server = Server::in_memory([Script::new().drip("abc", Duration::from_secs(60)).close()]);
    let start = Instant::now();
    let mut client = server.connect();
    let mut read = Vec::new();
    client.read_to_end(&mut read).await.unwrap();
    assert_eq!(read, b"abc");
    assert_eq!(start.elapsed(), Duration::from_secs(120));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_back_the_next_step() {
    let server = Server::in_memory([Script::new().pause(Duration::from_secs(30)).write("x")]);
    let start = Instant::now();
    let mut client = server.connect();
    client.read_exact(&mut [0]).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(30));
}

#[tokio::test]
async fn signals_order_the_script_and_the_test() {
    let (asked, answer) = (Signal::new(), Signal::new());
    let server = Server::start([Script::new()
        .read_head()
        .notify(&asked)
        .wait(&answer)
        .write(OK)]);
    let mut client = dial(&server).await;
    assert!(!asked.is_notified());
    client.write_all(GET).await.unwrap();
    soon(asked.wait()).await;
    assert_eq!(
        client.try_read(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    answer.notify();
    soon(client.read_exact(&mut vec![0; OK.len()]))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_finished_script_keeps_its_connection_and_goes_on_recording() {
    let server = Server::start([Script::respond(OK)]);
    let mut client = dial(&server).await;
    client.write_all(GET).await.unwrap();
    assert_eq!(soon(server.finished(0)).await, Ending::Complete);
    client.write_all(b"late").await.unwrap();
    soon(server.received_at_least(0, GET.len() + 4)).await;
    assert_eq!(server.open(), 1);
    drop(client);
    soon(server.closed(0)).await;
    assert_eq!(server.open(), 0);
}

#[tokio::test]
async fn close_is_a_clean_end_even_over_unread_bytes() {
    let close = Signal::new();
    let server = Server::start([Script::new().read_head().write("bye").wait(&close).close()]);
    let mut client = dial(&server).await;
    client.write_all(GET).await.unwrap();
    client.write_all(b"never read by a step").await.unwrap();
    let mut bye = [0; 3];
    soon(client.read_exact(&mut bye)).await.unwrap();
    close.notify();
    assert_eq!(soon(client.read(&mut [0; 8])).await.unwrap(), 0);
    assert_eq!(soon(server.finished(0)).await, Ending::Complete);
    assert_eq!(server.received(0), [GET, b"never read by a step"].concat());
}

#[tokio::test]
async fn reset_is_an_error_to_the_peer() {
    let server = Server::start([Script::new().read_head().reset()]);
    let mut client = dial(&server).await;
    client.write_all(GET).await.unwrap();
    let error = soon(client.read(&mut [0; 8])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn reset_in_memory_is_an_error_behind_the_bytes_that_came() {
    let server = Server::in_memory([Script::new().write("x").reset()]);
    let mut client = server.connect();
    soon(server.closed(0)).await;
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 1);
    let error = client.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let error = client.write(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn half_close_goes_on_reading() {
    let server = Server::start([Script::new().half_close().read(3)]);
    let mut client = dial(&server).await;
    assert_eq!(soon(client.read(&mut [0; 8])).await.unwrap(), 0);
    client.write_all(b"abc").await.unwrap();
    assert_eq!(soon(server.finished(0)).await, Ending::Complete);
}

#[tokio::test]
async fn half_close_over_tls_goes_on_reading() {
    let identity = Identity::for_names(&["a.test"]);
    let config = tls_client(identity.ca_der(), &rustls::version::TLS13);
    let server = Server::in_memory_tls(identity, [Script::new().half_close().read(3)]);
    let mut client = handshake(config, "a.test", server.connect()).await.unwrap();
    assert_eq!(soon(client.read(&mut [0; 8])).await.unwrap(), 0);
    client.write_all(b"abc").await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(soon(server.finished(0)).await, Ending::Complete);
}

#[tokio::test]
async fn stall_reads_nothing_and_notices_that_the_peer_goes() {
    let server = Server::start([Script::new().read_head().stall()]);
    let mut client = dial(&server).await;
    client.write_all(GET).await.unwrap();
    client.write_all(b"unread").await.unwrap();
    soon(server.received_at_least(0, GET.len())).await;
    assert_eq!(server.open(), 1);
    drop(client);
    assert_eq!(
        soon(server.finished(0)).await,
        Ending::PeerLeft { step: "stall" }
    );
    soon(server.closed(0)).await;
}

#[tokio::test(start_paused = true)]
async fn stall_in_memory_lets_buffers_fill_and_notices_that_the_peer_goes() {
    let server = Server::in_memory([Script::new().stall()]).buffer_size(10);
    let mut client = server.connect();
    let upload = client.write_all(&[0; 11]);
    assert!(timeout(Duration::from_secs(9), upload).await.is_err());
    drop(client);
    assert_eq!(server.finished(0).await, Ending::PeerLeft { step: "stall" });
    assert_eq!(server.received(0), b"");
}

#[tokio::test]
async fn a_peer_that_leaves_ends_the_script_at_its_step() {
    let server = Server::start([Script::new().repeat(2, Script::respond(OK))]);
    let mut client = dial(&server).await;
    client.write_all(GET).await.unwrap();
    soon(client.read_exact(&mut vec![0; OK.len()]))
        .await
        .unwrap();
    drop(client);
    assert_eq!(
        soon(server.finished(0)).await,
        Ending::PeerLeft {
            step: "read_request"
        }
    );
}

#[tokio::test]
async fn dropping_the_server_ends_listener_and_connections() {
    let server = Server::start([Script::new().stall()]);
    let addr = server.addr();
    let mut client = dial(&server).await;
    soon(server.accepted(1)).await;
    drop(server);
    // Whether FIN or RST: it ends.
    assert!(matches!(
        soon(client.read(&mut [0; 8])).await,
        Ok(0) | Err(_)
    ));
    soon(async {
        while TcpStream::connect(addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn stop_waits_until_no_one_can_connect() {
    let server = Server::start([Script::new()]);
    let addr = server.addr();
    soon(server.stop()).await;
    let error = TcpStream::connect(addr).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn connections_can_be_made_outside_of_the_runtime() {
    let server = Arc::new(Server::in_memory([Script::new().write("x").close()]));
    let elsewhere = Arc::clone(&server);
    let mut client = std::thread::spawn(move || elsewhere.connect())
        .join()
        .unwrap();
    assert_eq!(read_all(&mut client).await, "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_connections_at_once_each_have_their_own_record() {
    let server = Arc::new(Server::start([Script::respond(OK).close()]));
    let clients: Vec<_> = (0..50)
        .map(|number| {
            let addr = server.addr();
            tokio::spawn(async move {
                let mut client = TcpStream::connect(addr).await.unwrap();
                let request = format!("GET /{number} HTTP/1.1\r\n\r\n");
                client.write_all(request.as_bytes()).await.unwrap();
                assert_eq!(read_all(&mut client).await, OK);
                request.into_bytes()
            })
        })
        .collect();
    let mut sent = Vec::new();
    for client in clients {
        sent.push(soon(client).await.unwrap());
    }
    let mut received: Vec<_> = (0..50).map(|number| server.received(number)).collect();
    sent.sort();
    received.sort();
    assert_eq!(received, sent);
}

#[tokio::test]
async fn without_a_script_the_server_only_listens() {
    let server = Server::start([]);
    let mut client = dial(&server).await;
    client.write_all(b"anyone?").await.unwrap();
    soon(server.received_at_least(0, 7)).await;
    assert_eq!(server.received(0), b"anyone?");
    assert_eq!(
        client.try_read(&mut [0; 8]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
}

#[tokio::test]
async fn an_ipv6_server_has_a_bracketed_url() {
    if !crate::has_ipv6() {
        return;
    }
    let server = Server::start_on(
        (Ipv6Addr::LOCALHOST, 0).into(),
        [Script::new().write("6").close()],
    );
    let port = server.addr().port();
    assert_eq!(server.url("/a?b"), format!("http://[::1]:{port}/a?b"));
    assert_eq!(
        server.url_for("six.test", "/"),
        format!("http://six.test:{port}/")
    );
    assert_eq!(read_all(&mut dial(&server).await).await, "6");
}

fn tls_client(ca: &[u8], version: &'static rustls::SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(ca.to_vec())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config
}

async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    config: ClientConfig,
    name: &'static str,
    stream: S,
) -> std::io::Result<TlsStream<S>> {
    let name = ServerName::try_from(name).unwrap();
    soon(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test]
async fn tls_carries_the_script_for_names_and_addresses() {
    let identity = Identity::for_names(&["a.test", "127.0.0.1"]);
    let server = Server::start_tls(identity.clone(), [Script::respond(OK).close()]);
    for name in ["a.test", "127.0.0.1"] {
        let config = tls_client(identity.ca_der(), &rustls::version::TLS13);
        let mut client = handshake(config, name, dial(&server).await).await.unwrap();
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        client.write_all(GET).await.unwrap();
        assert_eq!(read_all(&mut client).await, OK);
    }
    assert_eq!(server.received(1), GET);
}

#[tokio::test]
async fn tls_goes_through_the_narrowest_buffer() {
    let identity = Identity::for_names(&["a.test"]);
    for version in [&rustls::version::TLS12, &rustls::version::TLS13] {
        let scripts = [Script::respond(OK).close()];
        let server = Server::in_memory_tls(identity.clone(), scripts).buffer_size(1);
        let config = tls_client(identity.ca_der(), version);
        let stream = server.connect();
        let client = handshake(config, "a.test", stream).await.unwrap();
        let (mut from, mut to) = tokio::io::split(client);
        // The server's tickets are under way as well.
        let asking = soon(async {
            to.write_all(GET).await?;
            to.flush().await
        });
        let (asked, answer) = tokio::join!(asking, read_all(&mut from));
        asked.unwrap();
        assert_eq!(answer, OK);
    }
}

#[tokio::test]
async fn tls_can_end_without_close_notify() {
    let identity = Identity::for_names(&["a.test"]);
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        let tls = Tls::new(identity.clone())
            .version(version)
            .close_notify(CloseNotify::Omit);
        let server = Server::start_tls(tls, [Script::respond(OK).close()]);
        let version = match version {
            TlsVersion::Tls12 => &rustls::version::TLS12,
            TlsVersion::Tls13 => &rustls::version::TLS13,
        };
        let config = tls_client(identity.ca_der(), version);
        let mut client = handshake(config, "a.test", dial(&server).await)
            .await
            .unwrap();
        client.write_all(GET).await.unwrap();
        let mut read = Vec::new();
        let error = soon(client.read_to_end(&mut read)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(read, OK.as_bytes());
    }
}

#[tokio::test]
async fn a_failed_handshake_is_the_scripts_ending() {
    let trusted = Authority::new();
    for identity in [
        Identity::for_names(&["a.test"]),
        Identity::self_signed(&["a.test"]),
        trusted.issue(&["b.test"]),
        trusted.issue_expired(&["a.test"]),
        trusted.issue_not_yet_valid(&["a.test"]),
    ] {
        let server = Server::in_memory_tls(identity, [Script::new()]);
        let config = tls_client(trusted.ca_der(), &rustls::version::TLS13);
        assert!(handshake(config, "a.test", server.connect()).await.is_err());
        let ending = soon(server.finished(0)).await;
        assert!(
            matches!(
                ending,
                Ending::Failed {
                    step: "handshake",
                    ..
                }
            ),
            "{ending:?}"
        );
    }
}

#[tokio::test]
async fn a_client_certificate_can_be_demanded() {
    let authority = Authority::new();
    let tls = Tls::new(authority.issue(&["a.test"])).require_client_certificate(authority.ca_der());
    let server = Server::in_memory_tls(tls, [Script::new().write("hi").close()]);

    let anonymous = tls_client(authority.ca_der(), &rustls::version::TLS12);
    assert!(
        handshake(anonymous, "a.test", server.connect())
            .await
            .is_err()
    );

    let me = authority.issue(&["client.test"]);
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(authority.ca_der().to_vec()))
        .unwrap();
    let known =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_auth_cert(me.chain(), me.private_key())
            .unwrap();
    let mut client = handshake(known, "a.test", server.connect()).await.unwrap();
    assert_eq!(read_all(&mut client).await, "hi");

    assert_eq!(server.peer(0).tls, None, "it was turned away");
    let shown = server.peer(1).tls.unwrap();
    assert_eq!(shown.certificate.as_deref(), Some(me.certificate_der()));
}

#[tokio::test]
async fn what_a_client_shows_of_itself_is_told() {
    let identity = Identity::for_names(&["a.test", "127.0.0.1"]);
    let server = Server::start_tls(identity.clone(), [Script::respond_always(OK)]);
    assert_eq!(server.peer(0), Peer::default());
    let config = Arc::new(tls_client(identity.ca_der(), &rustls::version::TLS13));
    for (number, name, server_name, resumed) in [
        (0, "a.test", Some("a.test"), false),
        (1, "a.test", Some("a.test"), true),
        // RFC 6066 section 3: literal addresses are not asked for.
        (2, "127.0.0.1", None, false),
    ] {
        let stream = dial(&server).await;
        let addr = stream.local_addr().unwrap();
        let config = ClientConfig::clone(&config);
        let mut client = handshake(config, name, stream).await.unwrap();
        client.write_all(GET).await.unwrap();
        // The tickets come before it.
        client.read_exact(&mut [0; OK.len()]).await.unwrap();
        let peer = server.peer(number);
        assert_eq!(peer.addr, Some(addr));
        let tls = peer.tls.unwrap();
        assert_eq!(tls.server_name.as_deref(), server_name);
        assert_eq!((tls.certificate, tls.resumed), (None, resumed));
    }
}

#[tokio::test]
async fn a_revocation_list_names_the_certificates_that_are_revoked() {
    let authority = Authority::new();
    let (good, bad) = (authority.issue(&["a.test"]), authority.issue(&["a.test"]));
    let list = authority.revocation_list_pem(&[&bad]);
    let list = CertificateRevocationListDer::from_pem_slice(list.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.ca_der().to_vec().into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), provider)
        .with_crls([list])
        .build()
        .unwrap();
    let verdict = |identity: &Identity| {
        verifier.verify_server_cert(
            &identity.certificate_der().into(),
            &[],
            &ServerName::try_from("a.test").unwrap(),
            &[],
            UnixTime::now(),
        )
    };
    assert!(verdict(&good).is_ok());
    assert_eq!(
        verdict(&bad).unwrap_err(),
        rustls::Error::InvalidCertificate(CertificateError::Revoked)
    );
}
