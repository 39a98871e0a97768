//! Handshakes that are cut off at each of their steps: by the server, by time, by the caller.
//! In memory and on paused time.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use postrider_transport::{
    ConnectError, ConnectErrorKind, Connected, Connector, Endpoint, Phase, Stream, TlsErrorKind,
};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, copy, duplex, split,
};
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use crate::authority::Authority;
use crate::support::soon;
use crate::tls_server::{acceptor, server_config, tls, trusting};

/// What happens to the server's bytes after the last that gets through.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Stall,
}

/// A server that is heard no further than some byte, and a connector to it.
struct Fault {
    connector: Connector,
    client: Arc<Mutex<Option<DuplexStream>>>,
    acceptor: TlsAcceptor,
    endpoint: Endpoint,
}

impl Fault {
    fn new(version: &'static SupportedProtocolVersion) -> Self {
        let authority = Authority::new();
        let client = Arc::new(Mutex::new(None));
        let next = Arc::clone(&client);
        Self {
            connector: Connector::builder()
                .tls(trusting(&authority))
                .connect_with(move |_| {
                    let client = next.lock().unwrap().take();
                    async move { client.ok_or_else(|| io::Error::other("only once")) }
                })
                .build(),
            client,
            acceptor: acceptor(server_config(&authority.identity("a.test"), &[version])),
            endpoint: tls("a.test"),
        }
    }

    /// Connects to a server of which `heard` bytes come through.
    async fn connect(&self, heard: u64, then: Then) -> Result<Connected, ConnectError> {
        let (ours, theirs) = duplex(16 * 1024);
        self.client.lock().unwrap().replace(ours);
        let connecting = self.connector.connect(&self.endpoint);
        self.hear(theirs, heard, then, connecting).await
    }

    /// Lets a client at the other end of a pipe hear so many bytes of the server.
    async fn hear<T>(
        &self,
        theirs: DuplexStream,
        heard: u64,
        then: Then,
        client: impl Future<Output = T>,
    ) -> T {
        let (inside, outside) = duplex(16 * 1024);
        let accepting = self.acceptor.accept(outside);
        let serving = tokio::spawn(async move {
            let _far = accepting.await;
            std::future::pending::<()>().await
        });
        let cutting = tokio::spawn(cut(theirs, inside, heard, then));
        let outcome = client.await;
        serving.abort();
        cutting.abort();
        outcome
    }
}

async fn cut(client: DuplexStream, server: DuplexStream, heard: u64, then: Then) {
    let (mut from_client, mut to_client) = split(client);
    let (from_server, mut to_server) = split(server);
    let mut from_server = from_server.take(heard);
    let forth = tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
    let _ = copy(&mut from_server, &mut to_client).await;
    match then {
        Then::Close => {
            let _ = to_client.shutdown().await;
        }
        Then::Stall => std::future::pending().await,
    }
    let _ = forth.await;
}

/// A stream whose end is a reset.
struct Reset(DuplexStream);

impl AsyncRead for Reset {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.get_mut().0).poll_read(cx, buf))?;
        if buf.filled().len() == before {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// The number of bytes that a client needs to hear, found by trying.
const MOST: u64 = 4096;

/// In TLS 1.2 the server speaks twice, with the client's answer between.
#[tokio::test(start_paused = true)]
async fn an_end_after_any_byte_is_told_as_such() {
    ends_after_any_byte(&TLS12).await;
    ends_after_any_byte(&TLS13).await;
}

async fn ends_after_any_byte(version: &'static SupportedProtocolVersion) {
    let fault = Fault::new(version);
    let mut failed = 0;
    for heard in 0..MOST {
        let Err(error) = fault.connect(heard, Then::Close).await else {
            break;
        };
        let kind = ConnectErrorKind::Tls(TlsErrorKind::Closed);
        assert_eq!(error.kind(), kind, "after {heard}: {error}");
        failed += 1;
    }
    // The server's part of the handshake is longer than this, and shorter than the loop.
    assert!((400..MOST).contains(&failed), "{failed}");
}

#[tokio::test(start_paused = true)]
async fn a_reset_after_any_byte_is_told_as_such() {
    for version in [&TLS12, &TLS13] {
        let fault = Fault::new(version);
        let mut failed = 0;
        for heard in 0..MOST {
            let (ours, theirs) = duplex(16 * 1024);
            let stream = Stream::custom(Reset(ours));
            let securing = fault.connector.secure(stream, &fault.endpoint);
            let Err(error) = fault.hear(theirs, heard, Then::Close, securing).await else {
                break;
            };
            let kind = ConnectErrorKind::Tls(TlsErrorKind::Closed);
            assert_eq!(error.kind(), kind, "after {heard}: {error}");
            let words = "failed: the connection ended during the handshake: connection reset";
            assert!(error.to_string().ends_with(words), "after {heard}: {error}");
            failed += 1;
        }
        assert!((400..MOST).contains(&failed), "{failed}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stall_after_any_byte_ends_with_the_handshakes_time() {
    stalls_after_any_byte(&TLS12).await;
    stalls_after_any_byte(&TLS13).await;
}

async fn stalls_after_any_byte(version: &'static SupportedProtocolVersion) {
    let fault = Fault::new(version);
    let mut failed = 0;
    for heard in 0..MOST {
        let began = Instant::now();
        let Err(error) = fault.connect(heard, Then::Stall).await else {
            break;
        };
        let phase = Phase::Tls;
        assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
        assert_eq!(began.elapsed().as_secs(), 5);
        failed += 1;
    }
    assert!((400..MOST).contains(&failed), "{failed}");
}

/// A handshake byte by byte is still bounded: what counts is the whole of it.
#[tokio::test(start_paused = true)]
async fn a_drip_does_not_stretch_the_time() {
    let fault = Fault::new(&TLS13);
    let (ours, theirs) = duplex(16 * 1024);
    fault.client.lock().unwrap().replace(ours);
    let (inside, outside) = duplex(16 * 1024);
    let accepting = fault.acceptor.accept(outside);
    let serving = tokio::spawn(async move { accepting.await.map(drop) });
    let dripping = tokio::spawn(async move {
        let (mut from_client, mut to_client) = split(theirs);
        let (mut from_server, mut to_server) = split(inside);
        tokio::spawn(async move { copy(&mut from_client, &mut to_server).await });
        let mut byte = [0];
        while from_server.read_exact(&mut byte).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if to_client.write_all(&byte).await.is_err() {
                break;
            }
        }
    });
    let began = Instant::now();
    let error = fault.connector.connect(&tls("a.test")).await.unwrap_err();
    let phase = Phase::Tls;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert_eq!(began.elapsed().as_secs(), 5);
    serving.abort();
    dripping.abort();
}

#[tokio::test]
async fn a_connect_given_up_after_any_poll_closes_its_stream() {
    gives_up_after_any_poll(&TLS12).await;
    gives_up_after_any_poll(&TLS13).await;
}

async fn gives_up_after_any_poll(version: &'static SupportedProtocolVersion) {
    let fault = Fault::new(version);
    let mut polls = 1;
    loop {
        let (ours, theirs) = duplex(64);
        fault.client.lock().unwrap().replace(ours);
        let serving = tokio::spawn(fault.acceptor.accept(theirs));
        let endpoint = tls("a.test");
        let mut connecting = Box::pin(fault.connector.connect(&endpoint));
        let mut left = polls;
        let outcome = std::future::poll_fn(|cx| {
            left -= 1;
            match connecting.as_mut().poll(cx) {
                Poll::Pending if left > 0 => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
            }
        })
        .await;
        drop(connecting);
        if outcome.is_some() {
            break;
        }
        let accepted = soon(serving).await.unwrap();
        assert!(accepted.is_err(), "after {polls} polls");
        polls += 1;
    }
    assert!(polls > 3, "{polls}");
}
