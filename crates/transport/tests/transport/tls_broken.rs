//! Sessions that break after their handshake, and what is told of them.

use std::io;

use postrider_transport::{
    ConnectErrorKind, ConnectOptions, Phase, ServerName, Stream, TlsErrorKind, tls_error,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{reset, soon};
use crate::tls_server::{Server, tls};

/// An alert in the clear, where only ciphertext may come.
const ALERT: &[u8] = &[21, 3, 3, 0, 2, 2, 40];

/// A record whose ciphertext is none.
const FORGED: &[u8] = &[
    23, 3, 3, 0, 20, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
];

/// A session, and the bare socket of the server that it was made with. What follows the handshake
/// has been read.
async fn settled() -> (Server, Stream, TcpStream) {
    let server = Server::new().await;
    let (mut stream, mut far) = server.pair().await;
    far.write_all(b"x").await.unwrap();
    far.flush().await.unwrap();
    soon(stream.read_exact(&mut [0])).await.unwrap();
    let (socket, _) = far.into_inner();
    (server, stream, socket)
}

async fn error_after(bytes: &[u8]) -> io::Error {
    let (_server, mut stream, mut far) = settled().await;
    far.write_all(bytes).await.unwrap();
    soon(stream.read(&mut [0])).await.unwrap_err()
}

#[tokio::test]
async fn a_bad_record_is_told_in_the_words_of_a_handshake() {
    let http = b"HTTP/1.1 400 Bad Request\r\n\r\n";
    for (bytes, kind, words) in [
        (
            FORGED,
            TlsErrorKind::Protocol,
            "the server broke the rules of TLS: cannot decrypt peer's message",
        ),
        (
            &http[..],
            TlsErrorKind::NotTls,
            "what the server sent is no TLS",
        ),
    ] {
        let error = error_after(bytes).await;
        assert_eq!(error.to_string(), words);
        assert_eq!(tls_error(&error), Some(kind));
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    let error = error_after(ALERT).await;
    assert!(tls_error(&error).is_some(), "{error}");
}

#[tokio::test]
async fn an_end_and_a_reset_are_no_failures_of_tls() {
    let (_server, mut stream, far) = settled().await;
    drop(far);
    let cut_off = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(cut_off.kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(tls_error(&cut_off), None);

    let (_server, mut stream, far) = settled().await;
    reset(far);
    let broken = soon(stream.read(&mut [0])).await.unwrap_err();
    assert_eq!(broken.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(tls_error(&broken), None);
}

/// Over a TLS proxy whose session breaks, an inner handshake fails as by itself.
#[tokio::test]
async fn tls_over_a_broken_session_fails_by_tls() {
    let (server, stream, mut far) = settled().await;
    far.write_all(FORGED).await.unwrap();
    let mut options = ConnectOptions::default();
    options.server_name = Some(ServerName::parse("inner.test").unwrap());
    let endpoint = tls("a.test").with_options(options);
    let secured = soon(server.connector.secure(stream, &endpoint)).await;
    let error = secured.unwrap_err();
    assert_eq!(error.kind(), ConnectErrorKind::Tls(TlsErrorKind::Protocol));
    assert_eq!(error.phase(), Phase::Tls);
    let words = "the server broke the rules of TLS: cannot decrypt peer's message";
    assert!(error.to_string().ends_with(words), "{error}");
}
