//! What a server may say besides data: between answers, within them, and instead of them.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use postrider_transport::{Probe, Stream, TlsErrorKind, tls_error};
use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::crypto::ring::cipher_suite::{
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, TLS13_CHACHA20_POLY1305_SHA256,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::authority::{Authority, Identity};
use crate::support::soon;
use crate::tls_probe::pair_over;
use crate::tls_server::Server;

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// For so long a write that cannot go on is waited for.
const MOMENT: Duration = Duration::from_millis(50);

type Message<'a> = (ContentType, &'a [u8]);

/// RFC 5246 §7.4.1.1.
const HELLO_REQUEST: Message<'_> = (ContentType::Handshake, &[0, 0, 0, 0]);

/// RFC 8446 §4.3.2: with a context of one byte, and no signature algorithm that matters.
const CERTIFICATE_REQUEST: Message<'_> = (
    ContentType::Handshake,
    &[13, 0, 0, 12, 1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3],
);

/// RFC 8446 §6: a level and a description.
const fn alert(bytes: &[u8; 2]) -> Message<'_> {
    (ContentType::Alert, bytes)
}

const CLOSE_NOTIFY: Message<'_> = alert(&[1, 0]);
const USER_CANCELED: Message<'_> = alert(&[1, 90]);
const UNRECOGNIZED_NAME: Message<'_> = alert(&[1, 112]);
const UNKNOWN_WARNING: Message<'_> = alert(&[1, 200]);
const INTERNAL_ERROR: Message<'_> = alert(&[2, 80]);
const UNKNOWN_ERROR: Message<'_> = alert(&[2, 200]);

fn data(bytes: &[u8]) -> Message<'_> {
    (ContentType::ApplicationData, bytes)
}

/// The server's end of a session, which says whatever it is told to.
struct Scribe {
    socket: TcpStream,
    encrypter: Box<dyn MessageEncrypter>,
    said: u64,
}

impl Scribe {
    /// Both ends of a session. What follows the handshake has been read.
    async fn pair(version: &'static SupportedProtocolVersion) -> (Stream, Self) {
        let authority = Authority::new();
        let config = of_one_cipher(&authority.identity("a.test"), version);
        let server = Server::with(&authority, config).await;
        let (mut stream, mut far) = server.pair().await;
        far.write_all(b"x").await.unwrap();
        far.flush().await.unwrap();
        soon(stream.read_exact(&mut [0])).await.unwrap();
        let (socket, session) = far.into_inner();
        (stream, Self::taking_over(socket, session))
    }

    fn taking_over(socket: TcpStream, session: ServerConnection) -> Self {
        let suite = session.negotiated_cipher_suite().unwrap();
        let (said, secrets) = session.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else {
            panic!("there is one cipher only");
        };
        let encrypter = match suite {
            SupportedCipherSuite::Tls12(suite) => suite.aead_alg.encrypter(key, iv.as_ref(), &[]),
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
        };
        Self {
            socket,
            encrypter,
            said,
        }
    }

    /// Sends these messages, a record each, and then these bytes, all at once.
    async fn say_and_send(&mut self, messages: &[Message<'_>], bytes: &[u8]) {
        let mut all = Vec::new();
        for (typ, payload) in messages {
            let message = OutboundPlainMessage {
                typ: *typ,
                version: ProtocolVersion::TLSv1_2,
                payload: OutboundChunks::Single(payload),
            };
            let record = self.encrypter.encrypt(message, self.said).unwrap();
            all.extend(record.encode());
            self.said += 1;
        }
        all.extend(bytes);
        self.socket.write_all(&all).await.unwrap();
    }

    async fn say(&mut self, messages: &[Message<'_>]) {
        self.say_and_send(messages, &[]).await;
    }

    /// The type of the next record that comes.
    async fn hears(&mut self) -> ContentType {
        let mut head = [0; 5];
        soon(self.socket.read_exact(&mut head)).await.unwrap();
        let length = u16::from_be_bytes([head[3], head[4]]);
        let mut rest = vec![0; length.into()];
        soon(self.socket.read_exact(&mut rest)).await.unwrap();
        head[0].into()
    }
}

/// Whose sessions can be taken over: it is known how they encrypt.
fn of_one_cipher(identity: &Identity, version: &'static SupportedProtocolVersion) -> ServerConfig {
    let provider = CryptoProvider {
        cipher_suites: vec![
            TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
            TLS13_CHACHA20_POLY1305_SHA256,
        ],
        ..rustls::crypto::ring::default_provider()
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone().into()], key)
        .unwrap();
    config.enable_secret_extraction = true;
    config
}

/// Some servers ask for another handshake when they have read the request, and wait for what the
/// client says to it before they answer.
#[tokio::test]
async fn another_handshake_is_declined_while_an_answer_is_awaited() {
    let (mut stream, mut far) = Scribe::pair(&TLS12).await;
    let mut answer = [0; 4];
    let answering = async {
        far.say(&[HELLO_REQUEST]).await;
        assert_eq!(far.hears().await, ContentType::Alert);
        far.say(&[data(b"pong")]).await;
    };
    let (read, ()) = tokio::join!(soon(stream.read_exact(&mut answer)), answering);
    read.unwrap();
    assert_eq!(&answer, b"pong");
    assert!(stream.is_quiet() && !stream.has_unsent());
    assert!(stream.is_alive(Probe::Kernel));
}

/// What the session has to say goes out at once also where the bytes with it are read first.
#[tokio::test]
async fn another_handshake_is_declined_in_the_midst_of_an_answer() {
    let (mut stream, mut far) = Scribe::pair(&TLS12).await;
    far.say(&[data(b"po"), HELLO_REQUEST]).await;
    soon(stream.read_exact(&mut [0; 2])).await.unwrap();
    assert!(!stream.has_unsent());
    assert_eq!(far.hears().await, ContentType::Alert);
    far.say(&[data(b"ng")]).await;
    soon(stream.read_exact(&mut [0; 2])).await.unwrap();
    assert!(stream.is_alive(Probe::Kernel));
}

/// The halves of an upgraded stream may be used by two tasks.
#[tokio::test]
async fn a_task_that_reads_takes_no_wakeup_from_one_that_writes() {
    for version in VERSIONS {
        let (stream, mut far) = Scribe::pair(version).await;
        let (mut reading, mut writing) = tokio::io::split(stream);
        let stuck = Arc::new(Notify::new());
        let writer = tokio::spawn({
            let stuck = Arc::clone(&stuck);
            async move {
                while let Ok(written) = timeout(MOMENT, writing.write(&[7; 1 << 16])).await {
                    written.unwrap();
                }
                stuck.notify_one();
                writing.write(&[7; 1 << 16]).await
            }
        });
        soon(stuck.notified()).await;
        tokio::task::yield_now().await;
        let reader = tokio::spawn(async move { reading.read(&mut [0]).await });
        tokio::task::yield_now().await;
        let hearing =
            tokio::spawn(
                async move { tokio::io::copy(&mut far.socket, &mut tokio::io::sink()).await },
            );
        soon(writer).await.unwrap().unwrap();
        reader.abort();
        hearing.abort();
    }
}

#[tokio::test]
async fn another_handshake_is_declined_between_answers_once() {
    let (mut stream, mut far) = Scribe::pair(&TLS12).await;
    far.say(&[HELLO_REQUEST]).await;
    assert!(stream.is_alive(Probe::Kernel));
    assert!(!stream.has_unsent());
    assert_eq!(far.hears().await, ContentType::Alert);
    far.say(&[HELLO_REQUEST]).await;
    assert!(!stream.is_alive(Probe::Kernel));
}

#[tokio::test]
async fn warnings_are_passed_over_where_the_version_knows_them() {
    for (version, warnings) in [
        (
            &TLS12,
            &[USER_CANCELED, UNRECOGNIZED_NAME, UNKNOWN_WARNING][..],
        ),
        (&TLS13, &[USER_CANCELED]),
    ] {
        for warning in warnings {
            let (mut stream, mut far) = Scribe::pair(version).await;
            far.say(&[*warning]).await;
            assert!(stream.is_alive(Probe::Kernel), "{version:?} {warning:?}");
            far.say(&[data(b"po"), *warning, data(b"ng")]).await;
            let mut answer = [0; 4];
            soon(stream.read_exact(&mut answer)).await.unwrap();
            assert_eq!(&answer, b"pong");
            assert!(stream.is_quiet());
            assert!(stream.is_alive(Probe::Kernel), "{version:?} {warning:?}");
        }
    }
}

#[tokio::test]
async fn alerts_and_requests_that_have_no_place_between_answers_are_death() {
    for (version, message) in [
        (&TLS12, INTERNAL_ERROR),
        (&TLS12, UNKNOWN_ERROR),
        (&TLS13, INTERNAL_ERROR),
        (&TLS13, UNKNOWN_ERROR),
        (&TLS13, UNRECOGNIZED_NAME),
        (&TLS13, HELLO_REQUEST),
        (&TLS13, CERTIFICATE_REQUEST),
    ] {
        let (mut stream, mut far) = Scribe::pair(version).await;
        far.say(&[message]).await;
        assert!(!stream.is_alive(Probe::Kernel), "{version:?} {message:?}");
    }
}

/// As much as with a failure that comes later.
#[tokio::test]
async fn an_answer_that_came_together_with_a_failure_is_read_before_it() {
    for version in VERSIONS {
        for (failure, kind) in [
            (INTERNAL_ERROR, TlsErrorKind::Alert),
            (UNKNOWN_ERROR, TlsErrorKind::Alert),
        ] {
            for room in [1, 3, 4, 64] {
                let (mut stream, mut far) = Scribe::pair(version).await;
                far.say(&[data(b"p"), data(b"ong"), failure]).await;
                let (answer, error) = read_until_failure(&mut stream, room).await;
                assert_eq!(answer, b"pong");
                assert_eq!(tls_error(&error), Some(kind), "{error}");
                assert!(!stream.is_alive(Probe::Kernel));
            }
        }
        let (mut stream, mut far) = Scribe::pair(version).await;
        far.say_and_send(&[data(b"pong")], b"HTTP/1.1 408 ").await;
        let (answer, error) = read_until_failure(&mut stream, 64).await;
        assert_eq!(answer, b"pong");
        assert_eq!(tls_error(&error), Some(TlsErrorKind::NotTls), "{error}");
    }
}

/// The probe reads through both sessions.
#[tokio::test]
async fn what_comes_between_answers_over_two_sessions_is_told_apart() {
    let (ours, theirs) = duplex(64 * 1024);
    let (outer, far_outer) = pair_over(Stream::custom(ours), theirs).await;
    let (mut stream, mut far) = pair_over(outer, far_outer).await;
    far.get_mut().1.refresh_traffic_keys().unwrap();
    far.flush().await.unwrap();
    assert!(stream.is_alive(Probe::Kernel));
    far.write_all(b"!").await.unwrap();
    far.flush().await.unwrap();
    assert!(!stream.is_alive(Probe::Kernel));
}

/// What such an answer left behind must not serve another exchange.
#[tokio::test]
async fn an_end_that_came_together_with_an_answer_is_death() {
    for version in VERSIONS {
        for end in [INTERNAL_ERROR, CLOSE_NOTIFY] {
            let (mut stream, mut far) = Scribe::pair(version).await;
            far.say(&[data(b"pong"), end]).await;
            soon(stream.read_exact(&mut [0; 4])).await.unwrap();
            assert!(!stream.is_alive(Probe::Flag), "{version:?} {end:?}");
        }
    }
}

async fn read_until_failure(stream: &mut Stream, room: usize) -> (Vec<u8>, io::Error) {
    let mut answer = Vec::new();
    loop {
        let mut buf = vec![0; room];
        match soon(stream.read(&mut buf)).await {
            Ok(length) => answer.extend(&buf[..length]),
            Err(error) => return (answer, error),
        }
    }
}
