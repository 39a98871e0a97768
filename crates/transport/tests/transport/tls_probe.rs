//! Whether an idle TLS connection is alive, what it took, and how it says goodbye. A little over
//! 400 lines: all that can befall an idle session, side by side.

use std::io::Write;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use postrider_transport::{Connector, Probe, Stream};
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};
use tokio::io::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufWriter, DuplexStream, ReadBuf, duplex,
};
use tokio::sync::Notify;
use tokio_rustls::server::TlsStream;

use crate::authority::Authority;
use crate::support::{dies, reset, soon, without_budget};
use crate::tls_server::{Server, acceptor, both_versions, tls, trusting};

const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

#[tokio::test]
async fn session_tickets_are_not_data_and_are_taken_in() {
    let server = Server::new().await;
    let (mut stream, _far) = server.pair().await;
    // Two tickets wait in the socket.
    assert!(stream.is_quiet());
    assert!(stream.is_alive(Probe::Kernel));
    assert!(stream.is_quiet());
    // That it took them in shows in the next connection.
    let (next, _far) = server.connect().await;
    assert!(next.facts.tls.unwrap().resumed);
}

#[tokio::test]
async fn tickets_seen_by_the_flag_alone_are_not_data_either() {
    let server = Server::new().await;
    let (mut stream, mut far) = server.pair().await;
    // That they were taken in shows in the next connection.
    soon(async {
        loop {
            assert!(stream.is_alive(Probe::Flag));
            let (next, _far) = server.connect().await;
            if next.facts.tls.unwrap().resumed {
                break;
            }
        }
    })
    .await;
    exchange(&mut stream, &mut far).await;
    assert!(stream.is_alive(Probe::Flag));
}

/// Whoever sends that many would be read from for ever.
#[tokio::test]
async fn more_tickets_than_anybody_needs_are_death() {
    let authority = Authority::new();
    let mut config = both_versions(&authority.identity("a.test"));
    config.send_tls13_tickets = 500;
    let server = Server::with(&authority, config).await;
    let (mut stream, _far) = server.pair().await;
    assert!(!stream.is_alive(Probe::Kernel));
}

#[tokio::test]
async fn a_probed_connection_serves_further_exchanges() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        for care in [Probe::Kernel, Probe::Flag, Probe::Kernel] {
            assert!(stream.is_alive(care));
            exchange(&mut stream, &mut far).await;
        }
    }
}

#[tokio::test]
async fn an_idle_connection_holds_no_task_that_used_it() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let endpoint = tls("a.test");
        let connecting = held_after(server.connector.connect(&endpoint));
        let ((connected, wakers), mut far) = tokio::join!(connecting, server.accept());
        assert_eq!(wakers, 0, "{version:?}");
        let mut stream = connected.unwrap().stream;
        for _ in 0..2 {
            let mut answer = [0; 64];
            let reading = async {
                stream.write_all(b"ping").await.unwrap();
                stream.flush().await.unwrap();
                stream.read(&mut answer).await.unwrap()
            };
            let answering = async {
                far.read_exact(&mut [0; 4]).await.unwrap();
                far.write_all(b"pong").await.unwrap();
                far.flush().await.unwrap();
            };
            let ((length, wakers), ()) = tokio::join!(held_after(reading), answering);
            assert_eq!((length, wakers), (4, 0), "{version:?}");
        }
    }
}

/// Runs a future as a task of its own would, and says how many wakers of that task are left.
async fn held_after<F: Future>(future: F) -> (F::Output, usize) {
    struct Task(Notify);
    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.notify_one();
        }
    }
    let task = Arc::new(Task(Notify::new()));
    let mut future = pin!(future);
    let output = soon(async {
        loop {
            let waker = Waker::from(Arc::clone(&task));
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(output) = polled {
                break output;
            }
            task.0.notified().await;
        }
    })
    .await;
    (output, Arc::strong_count(&task) - 1)
}

#[tokio::test]
async fn key_updates_are_not_data() {
    let server = Server::new().await;
    let (mut stream, mut far) = server.pair().await;
    far.get_mut().1.refresh_traffic_keys().unwrap();
    far.flush().await.unwrap();
    assert!(stream.is_alive(Probe::Kernel));
    assert!(!stream.has_unsent());
    exchange(&mut stream, &mut far).await;

    // Nor does one in the midst of an answer make the connection unfit for the next.
    far.write_all(b"po").await.unwrap();
    far.get_mut().1.refresh_traffic_keys().unwrap();
    far.write_all(b"ng").await.unwrap();
    far.flush().await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    assert!(stream.is_quiet() && !stream.has_unsent());
    assert!(stream.is_alive(Probe::Kernel));
    exchange(&mut stream, &mut far).await;
}

#[tokio::test]
async fn stray_data_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.write_all(b"!").await.unwrap();
        far.flush().await.unwrap();
        assert!(!stream.is_alive(Probe::Kernel));
        assert!(!stream.is_quiet());
        assert!(!stream.is_alive(Probe::Flag));
    }
}

/// What it will be is not known yet, and it must not answer the next request.
#[tokio::test]
async fn a_record_that_has_come_in_part_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        for part in [1, 5, 20] {
            // By itself, and behind an answer that was read.
            let (mut stream, mut far) = server.pair().await;
            let record = record_of(&mut far, b"an answer to nothing");
            far.get_mut().0.write_all(&record[..part]).await.unwrap();
            assert!(!stream.is_alive(Probe::Kernel), "{part}");

            let (mut stream, mut far) = server.pair().await;
            let mut answer = record_of(&mut far, b"pong");
            let record = record_of(&mut far, b"an answer to nothing");
            answer.extend_from_slice(&record[..part]);
            far.get_mut().0.write_all(&answer).await.unwrap();
            stream.read_exact(&mut [0; 4]).await.unwrap();
            assert!(!stream.is_alive(Probe::Kernel), "{part}");
        }
    }
}

#[tokio::test]
async fn a_key_update_that_has_come_in_part_is_no_harm_when_it_is_whole() {
    let server = Server::with_versions(&[&TLS13]).await;
    let (mut stream, mut far) = server.pair().await;
    far.get_mut().1.refresh_traffic_keys().unwrap();
    let update = record_of(&mut far, b"");
    let (begin, end) = update.split_at(3);
    far.get_mut().0.write_all(begin).await.unwrap();
    assert!(!stream.is_alive(Probe::Kernel));
    far.get_mut().0.write_all(end).await.unwrap();
    assert!(stream.is_alive(Probe::Kernel));
    exchange(&mut stream, &mut far).await;
}

#[tokio::test]
async fn data_that_was_decrypted_and_left_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.write_all(b"ab").await.unwrap();
        far.flush().await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap();
        assert!(!stream.is_quiet());
        assert!(!stream.is_alive(Probe::Flag));
        assert!(!stream.is_alive(Probe::Kernel));
    }
}

#[tokio::test]
async fn bytes_that_are_no_tls_are_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.get_mut().0.write_all(b"HTTP/1.1 408 ").await.unwrap();
        assert!(!stream.is_alive(Probe::Kernel));
        assert!(!stream.is_alive(Probe::Flag));
    }
}

#[tokio::test]
async fn an_error_that_a_read_met_is_remembered() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.get_mut().0.write_all(b"HTTP/1.1 408 ").await.unwrap();
        stream.read_exact(&mut [0]).await.unwrap_err();
        assert!(!stream.is_alive(Probe::Flag));
    }
}

#[tokio::test]
async fn close_notify_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.get_mut().1.send_close_notify();
        far.flush().await.unwrap();
        assert!(!stream.is_alive(Probe::Kernel));
        assert!(!stream.is_quiet());
    }
}

#[tokio::test]
async fn an_end_without_close_notify_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, far) = server.pair().await;
        drop(far);
        dies(&mut stream).await;
        assert!(!stream.is_alive(Probe::Kernel));
    }
}

#[tokio::test]
async fn a_half_closed_connection_is_dead() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        far.get_mut().0.shutdown().await.unwrap();
        assert!(!stream.is_alive(Probe::Kernel));
    }
}

#[tokio::test]
async fn a_reset_is_death() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, far) = server.pair().await;
        reset(far.into_inner().0);
        assert!(!stream.is_alive(Probe::Kernel));
    }
}

/// TLS takes in what the socket then refuses, and only the socket counts.
#[tokio::test]
async fn what_a_reset_connection_refuses_is_not_counted() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        exchange(&mut stream, &mut far).await;
        let before = stream.written();
        reset(far.into_inner().0);
        dies(&mut stream).await;
        let sent = async {
            stream.write_all(b"ping").await?;
            stream.flush().await
        };
        sent.await.unwrap_err();
        assert_eq!(stream.written(), before);
    }
}

#[tokio::test]
async fn what_the_socket_did_not_take_is_unsent_and_not_counted() {
    let (mut stream, mut far) = narrow_pair().await;
    let handshake = stream.written();
    assert!(handshake > 0);
    assert!(!stream.has_unsent());

    // TLS takes it all, and the pipe 64 bytes of it.
    assert_eq!(stream.write(&[7; 1000]).await.unwrap(), 1000);
    assert!(stream.has_unsent());
    assert_eq!(stream.written() - handshake, 64);

    let mut room = [0; 1000];
    let (flushed, read) = tokio::join!(stream.flush(), far.read_exact(&mut room));
    flushed.unwrap();
    read.unwrap();
    assert!(!stream.has_unsent());
    assert_eq!(stream.written() - handshake, 1000 + 22);
}

#[tokio::test]
async fn nothing_follows_an_abandoned_request() {
    let (stream, far) = narrow_pair().await;
    assert_nothing_follows(stream, far.into_inner().0).await;
}

#[tokio::test]
async fn nothing_follows_that_a_stream_below_keeps() {
    let (ours, theirs) = duplex(64);
    let (stream, far) = pair_over(Stream::custom(BufWriter::new(ours)), theirs).await;
    assert_nothing_follows(stream, far.into_inner().0).await;

    let (stream, far) = narrow_pair().await;
    let (stream, far) = pair_over(stream, far).await;
    let (far, _) = far.into_inner();
    assert_nothing_follows(stream, far.into_inner().0).await;
}

/// Abandons a request, and makes room for its rest where it would go.
async fn assert_nothing_follows(mut stream: Stream, mut pipe: DuplexStream) {
    assert_eq!(stream.write(&[7; 1000]).await.unwrap(), 1000);
    assert!(stream.has_unsent());
    let sent = stream.written();
    let mut room = [0; 64];
    let cx = &mut Context::from_waker(Waker::noop());
    let _ = Pin::new(&mut pipe).poll_read(cx, &mut ReadBuf::new(&mut room));
    drop(stream);
    let mut rest = Vec::new();
    soon(pipe.read_to_end(&mut rest)).await.unwrap();
    assert_eq!(rest.len(), 0, "after {sent}");
}

#[tokio::test]
async fn a_task_without_budget_still_learns_the_truth_and_says_goodbye() {
    for data in [&b""[..], b"!"] {
        let (ours, theirs) = duplex(4096);
        let (mut stream, mut far) = pair_over(Stream::custom(ours), theirs).await;
        far.write_all(data).await.unwrap();
        far.flush().await.unwrap();
        let is_alive = without_budget(|| stream.is_alive(Probe::Kernel)).await;
        assert_eq!(is_alive, data.is_empty());
        without_budget(|| stream.close()).await;
        assert_eq!(soon(far.read(&mut [0])).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn closing_says_close_notify_without_waiting() {
    for version in VERSIONS {
        let server = Server::with_versions(&[version]).await;
        let (mut stream, mut far) = server.pair().await;
        let before = stream.written();
        stream.close();
        let said = stream.written();
        assert!(said > before);
        assert_eq!(soon(far.read(&mut [0])).await.unwrap(), 0);
        // Once is enough.
        stream.close();
        assert_eq!(stream.written(), said);
    }
}

#[tokio::test]
async fn dropping_says_close_notify() {
    let server = Server::new().await;
    let (stream, mut far) = server.pair().await;
    drop(stream);
    assert_eq!(soon(far.read(&mut [0])).await.unwrap(), 0);

    let (ours, theirs) = duplex(4096);
    let (stream, mut far) = pair_over(Stream::custom(BufWriter::new(ours)), theirs).await;
    drop(stream);
    assert_eq!(soon(far.read(&mut [0])).await.unwrap(), 0);
}

#[tokio::test]
async fn a_stream_can_be_dropped_outside_its_runtime() {
    let runtime = || {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
    };
    let runtime = runtime().unwrap();
    let (stream, mut far) = runtime
        .spawn(async { Server::new().await.pair().await })
        .await
        .unwrap();
    std::thread::spawn(move || drop(stream)).join().unwrap();
    let read = runtime.spawn(async move { far.read(&mut [0]).await });
    assert_eq!(soon(read).await.unwrap().unwrap(), 0);
    runtime.shutdown_background();
}

#[tokio::test]
async fn shutting_down_waits_for_the_goodbye() {
    let (mut stream, mut far) = narrow_pair().await;
    assert_eq!(stream.write(&[7; 1000]).await.unwrap(), 1000);
    let mut all = Vec::new();
    let (shut, read) = tokio::join!(stream.shutdown(), far.read_to_end(&mut all));
    shut.unwrap();
    assert_eq!(read.unwrap(), 1000);
}

/// Both ends of a TLS connection over a pipe that holds 64 bytes.
async fn narrow_pair() -> (Stream, TlsStream<DuplexStream>) {
    let (ours, theirs) = duplex(64);
    pair_over(Stream::custom(ours), theirs).await
}

pub(crate) async fn pair_over<S>(ours: Stream, theirs: S) -> (Stream, TlsStream<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let authority = Authority::new();
    let connector = Connector::builder().tls(trusting(&authority)).build();
    let acceptor = acceptor(both_versions(&authority.identity("a.test")));
    let endpoint = tls("a.test");
    // The server is done only when its tickets are read, and they are with the first byte.
    tokio::join!(
        async {
            let mut stream = connector.secure(ours, &endpoint).await.unwrap().0;
            stream.read_exact(&mut [0]).await.unwrap();
            stream
        },
        async {
            let mut far = acceptor.accept(theirs).await.unwrap();
            far.write_all(b"x").await.unwrap();
            far.flush().await.unwrap();
            far
        }
    )
}

/// What a server's session sends for `data`, with whatever else it has to say.
fn record_of<S>(far: &mut TlsStream<S>, data: &[u8]) -> Vec<u8> {
    let session = far.get_mut().1;
    let mut record = Vec::new();
    session.writer().write_all(data).unwrap();
    while session.wants_write() {
        session.write_tls(&mut record).unwrap();
    }
    record
}

async fn exchange(stream: &mut Stream, far: &mut (impl AsyncRead + AsyncWriteExt + Unpin)) {
    let mut room = [0; 4];
    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    soon(far.read_exact(&mut room)).await.unwrap();
    far.write_all(b"pong").await.unwrap();
    far.flush().await.unwrap();
    soon(stream.read_exact(&mut room)).await.unwrap();
}
