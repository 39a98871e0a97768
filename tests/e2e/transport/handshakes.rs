//! Handshakes that fail: what is told of each, and what it costs.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use postrider::{Client, ConnectErrorKind, Error, ErrorKind, Phase, Sent, TlsErrorKind};
use testing::{Authority, Identity, Script, Server, Tls, TlsVersion};

use super::{always, failure, trusting};
use crate::support::received;

const HERE: &[&str] = &["127.0.0.1"];

/// Long enough for a handshake on a busy machine, where one is expected to end.
const PATIENCE: Duration = Duration::from_secs(20);

fn client(authority: &Authority) -> Client {
    let settings = trusting(authority).build().unwrap();
    Client::builder().tls(settings).build().unwrap()
}

/// What is true of every handshake that fails.
#[track_caller]
fn assert_told(error: &Error, addr: SocketAddr, kind: TlsErrorKind, words: &str) {
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Tls));
    assert_eq!(error.connect_kind(), Some(ConnectErrorKind::Tls(kind)));
    assert_eq!(error.sent(), Sent::Nothing);
    assert!(error.is_connect() && !error.is_timeout());
    assert_eq!(
        error.to_string(),
        format!("GET https://{addr}/: TLS handshake with {addr} failed: {words}")
    );
    let [attempt] = error.attempts() else {
        panic!("{:?}", error.attempts());
    };
    assert_eq!(attempt.addr, addr);
    assert!(attempt.error.is_some());
}

#[tokio::test]
async fn a_bad_certificate_is_named_with_what_is_wrong_with_it() {
    let authority = Authority::new();
    for version in [TlsVersion::Tls12, TlsVersion::Tls13] {
        for (identity, kind, words) in [
            (
                authority.issue(&["other.test", "*.wild.test"]),
                TlsErrorKind::WrongName,
                "the certificate is for other names: other.test, *.wild.test",
            ),
            (
                Identity::for_names(HERE),
                TlsErrorKind::UnknownIssuer,
                "the certificate's issuer is not trusted",
            ),
            (
                Identity::self_signed(HERE),
                TlsErrorKind::UnknownIssuer,
                "the certificate's issuer is not trusted",
            ),
        ] {
            let tls = Tls::new(identity).version(version);
            let server = Server::start_tls(tls, always("never"));
            let error = failure(&client(&authority), &server.url("/")).await;
            assert_told(&error, server.addr(), kind, words);
            assert!(!error.is_retry_safe());
            assert_eq!(received(&server, 0), "");
        }
    }
}

#[tokio::test]
async fn a_certificate_out_of_its_time_is_named_with_how_far() {
    let authority = Authority::new();
    for (identity, kind, before, after) in [
        (
            authority.issue_expired(HERE),
            TlsErrorKind::Expired,
            "the certificate has expired ",
            " days ago",
        ),
        (
            authority.issue_not_yet_valid(HERE),
            TlsErrorKind::NotYetValid,
            "the certificate is not yet valid for ",
            " days",
        ),
    ] {
        let server = Server::start_tls(identity, always("never"));
        let error = failure(&client(&authority), &server.url("/")).await;
        let text = error.to_string();
        let (_, told) = text.split_once(before).unwrap();
        let (days, _) = told.split_once(after).unwrap();
        assert!(days.parse::<u32>().unwrap() > 8000, "{text}");
        assert_told(
            &error,
            server.addr(),
            kind,
            &format!("{before}{days}{after}"),
        );
    }
}

#[tokio::test]
async fn what_is_no_handshake_is_named_for_what_it_is() {
    let hello = || Script::new().read_some();
    let fatal = |alert: u8| hello().write(vec![21, 3, 3, 0, 2, 2, alert]);
    let http = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
    for (script, kind, words) in [
        (
            hello().write(http),
            TlsErrorKind::NotTls,
            "what the server sent is no TLS",
        ),
        (
            fatal(40),
            TlsErrorKind::Incompatible,
            "no version or cipher in common, or no client certificate: HandshakeFailure",
        ),
        (
            fatal(112),
            TlsErrorKind::Alert,
            "the server sent an alert: UnrecognisedName",
        ),
        (
            fatal(70),
            TlsErrorKind::Incompatible,
            "no version or cipher in common: ProtocolVersion",
        ),
        (
            hello().close(),
            TlsErrorKind::Closed,
            "the connection ended during the handshake: tls handshake eof",
        ),
        (
            hello().reset(),
            TlsErrorKind::Closed,
            "the connection ended during the handshake: \
             Connection reset by peer (os error 104)",
        ),
    ] {
        let server = Server::start([script]);
        let url = server.url("/").replace("http:", "https:");
        let error = failure(&client(&Authority::new()), &url).await;
        assert_told(&error, server.addr(), kind, words);
        // A server that goes may come back; the others will say the same again.
        assert_eq!(error.is_retry_safe(), kind == TlsErrorKind::Closed);
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_handshake_that_stalls_costs_its_own_timeout() {
    let server = Server::start([Script::new().stall()]);
    let url = server.url("/").replace("http:", "https:");
    let addr = server.addr();
    let short = Duration::from_millis(50);
    let own = Client::builder().connector(|connector| connector.tls_timeout(short));
    let whole = Client::builder().connect_timeout(short);
    for client in [own, whole] {
        let began = Instant::now();
        let error = failure(&client.build().unwrap(), &url).await;
        assert!((short..PATIENCE).contains(&began.elapsed()));
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Timeout, Phase::Tls)
        );
        let begin =
            format!("GET https://{addr}/: TLS handshake with {addr} failed: timed out after ");
        assert!(error.to_string().starts_with(&begin), "{error}");
        assert!(error.is_retry_safe());
        assert_eq!(error.sent(), Sent::Nothing);
    }
    server.closed(0).await;
    server.closed(1).await;
}

/// RFC 8305: the race goes on until a connection is of use.
#[tokio::test]
async fn another_address_is_taken_where_the_first_does_not_finish_its_handshake() {
    let authority = Authority::new();
    let good = Server::start_tls(authority.issue(&["api.test"]), always("good"));
    let stall = Duration::from_secs(1);
    for (script, lost) in [
        (Script::new().stall(), stall),
        (Script::new().read_some().close(), Duration::ZERO),
        (Script::new().read_some().reset(), Duration::ZERO),
    ] {
        let bad = Server::start([script]);
        let settings = trusting(&authority).build().unwrap();
        let client = Client::builder()
            .tls(settings)
            .connector(|connector| connector.tls_timeout(stall))
            .resolve("api.test", [bad.addr(), good.addr()])
            .build()
            .unwrap();
        let response = client.get("https://api.test/").send().await.unwrap();
        assert_eq!(bad.connections(), 1);

        let [first, second] = response.connection().attempts() else {
            panic!("{:?}", response.connection());
        };
        assert_eq!((first.addr, second.addr), (bad.addr(), good.addr()));
        assert!(first.error.is_some() && second.error.is_none());
        // The failed handshake belongs to the search, not to the handshake that
        // succeeded.
        let dial = *response.timings().dial().unwrap();
        let (connect, tls) = (dial.connect.unwrap(), dial.tls.unwrap());
        assert!(connect >= lost && connect >= first.elapsed, "{dial:?}");
        // An attempt's start counts from before the name was looked up.
        let searched = second.started - first.started;
        assert!(connect >= searched && tls < stall, "{dial:?}");
        assert!(connect + tls <= response.timings().connected().unwrap());
        assert_eq!(response.text().await.unwrap(), "good");
    }
}

/// Whoever answers with the wrong certificate has been reached: to ask the next
/// address would hide that.
#[tokio::test]
async fn no_other_address_is_asked_after_a_bad_certificate() {
    let authority = Authority::new();
    let bad = Server::start_tls(authority.issue(&["other.test"]), always("bad"));
    let good = Server::start_tls(authority.issue(&["api.test"]), always("good"));
    let client = Client::builder()
        .tls(trusting(&authority).build().unwrap())
        .resolve("api.test", [bad.addr(), good.addr()])
        .build()
        .unwrap();
    let error = failure(&client, "https://api.test/").await;
    let kind = ConnectErrorKind::Tls(TlsErrorKind::WrongName);
    assert_eq!(error.connect_kind(), Some(kind));
    assert_eq!((bad.connections(), good.connections()), (1, 0));
}
