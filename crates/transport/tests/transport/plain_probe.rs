//! Whether an idle TCP connection is alive (and how many bytes it took).

use std::io::Write;
use std::pin::Pin;
use std::task::Poll;

use postrider_transport::{Connector, Probe, Stream};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{dies, plain_at, plain_pair, reset, soon, without_budget};

#[tokio::test]
async fn an_idle_connection_is_alive() {
    let (mut stream, _server) = plain_pair().await;
    assert!(stream.is_alive(Probe::Flag));
    assert!(stream.is_alive(Probe::Kernel));
    assert!(stream.is_quiet());
}

#[tokio::test]
async fn one_that_was_used_is_alive() {
    let (mut stream, mut server) = plain_pair().await;
    stream.write_all(b"ping").await.unwrap();
    let mut room = [0; 4];
    server.read_exact(&mut room).await.unwrap();
    server.write_all(b"pong").await.unwrap();
    stream.read_exact(&mut room).await.unwrap();
    assert!(stream.is_alive(Probe::Kernel));
    assert!(stream.is_alive(Probe::Flag));
}

#[tokio::test]
async fn a_closed_one_is_dead() {
    let (mut stream, server) = plain_pair().await;
    drop(server);
    assert!(!stream.is_alive(Probe::Kernel));
    dies(&mut stream).await;
}

#[tokio::test]
async fn a_half_closed_one_is_dead() {
    let (mut stream, mut server) = plain_pair().await;
    server.shutdown().await.unwrap();
    assert!(!stream.is_alive(Probe::Kernel));
    dies(&mut stream).await;
}

#[tokio::test]
async fn a_reset_one_is_dead() {
    let (mut stream, server) = plain_pair().await;
    reset(server);
    assert!(!stream.is_alive(Probe::Kernel));
    // The first question takes the error, and the answer stays the same.
    assert!(!stream.is_alive(Probe::Kernel));
    dies(&mut stream).await;
}

#[tokio::test]
async fn one_with_a_stray_byte_is_dead() {
    let (mut stream, mut server) = plain_pair().await;
    server.write_all(b"!").await.unwrap();
    assert!(!stream.is_alive(Probe::Kernel));
    dies(&mut stream).await;
    // The question took nothing away.
    let mut room = [0; 2];
    assert_eq!(stream.read(&mut room).await.unwrap(), 1);
}

/// On one thread and without an await in between, tokio cannot have seen what arrived.
#[tokio::test(flavor = "current_thread")]
async fn the_flag_knows_what_the_reactor_saw_and_the_kernel_knows_all() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = plain_at(listener.local_addr().unwrap());
    let connected = Connector::builder().build().connect(&endpoint).await;
    let mut stream = connected.unwrap().stream;
    let (mut server, _) = listener.accept().unwrap();

    server.write_all(b"!").unwrap();
    assert!(stream.is_alive(Probe::Flag));
    assert!(!stream.is_alive(Probe::Kernel));
    dies(&mut stream).await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_flag_that_outlived_its_bytes_means_nothing_and_is_put_right() {
    let (mut stream, mut server) = plain_pair().await;
    server.write_all(b"ab").await.unwrap();
    // Reading exactly what is there leaves tokio's flag set.
    let mut room = [0; 2];
    stream.read_exact(&mut room).await.unwrap();
    assert!(stream.is_alive(Probe::Flag));

    // Clearing the flag has lost no wake-up.
    server.write_all(b"cd").await.unwrap();
    soon(stream.read_exact(&mut room)).await.unwrap();
    assert_eq!(&room, b"cd");
    assert!(stream.is_alive(Probe::Flag));
    server.write_all(b"!").await.unwrap();
    dies(&mut stream).await;
}

#[tokio::test]
async fn a_task_without_budget_still_learns_the_truth() {
    let (mut stream, mut server) = plain_pair().await;
    server.write_all(b"!").await.unwrap();
    dies(&mut stream).await;
    for care in [Probe::Flag, Probe::Kernel] {
        assert!(!without_budget(|| stream.is_alive(care)).await);
    }
}

#[tokio::test]
async fn a_task_without_budget_learns_the_truth_of_a_stream_of_its_own() {
    let (ours, mut theirs) = tokio::io::duplex(64);
    let mut stream = Stream::custom(ours);
    assert!(without_budget(|| stream.is_alive(Probe::Kernel)).await);
    theirs.write_all(b"!").await.unwrap();
    assert!(!without_budget(|| stream.is_alive(Probe::Kernel)).await);
}

#[tokio::test]
async fn every_byte_that_the_socket_took_is_counted() {
    let (mut stream, mut server) = plain_pair().await;
    assert_eq!(stream.written(), 0);
    stream.write_all(b"12345").await.unwrap();
    assert_eq!(stream.written(), 5);
    let slices = [std::io::IoSlice::new(b"ab"), std::io::IoSlice::new(b"cde")];
    assert!(AsyncWrite::is_write_vectored(&stream));
    assert_eq!(stream.write_vectored(&slices).await.unwrap(), 5);
    assert_eq!(stream.written(), 10);
    assert!(!stream.has_unsent());
    let mut room = [0; 10];
    server.read_exact(&mut room).await.unwrap();
    assert_eq!(&room, b"12345abcde");
}

#[tokio::test]
async fn what_a_full_socket_refuses_is_not_counted() {
    let (mut stream, mut server) = plain_pair().await;
    let block = vec![0; 1 << 20];
    let mut accepted = 0;
    while let Some(written) = write_at_once(&mut stream, &block).await {
        accepted += written as u64;
    }
    assert_eq!(stream.written(), accepted);
    let mut received = 0;
    let mut room = vec![0; 1 << 20];
    while received < accepted {
        received += soon(server.read(&mut room)).await.unwrap() as u64;
    }
    assert_eq!(received, accepted);
}

/// How much the socket takes without waiting; `None` if nothing.
async fn write_at_once(stream: &mut Stream, block: &[u8]) -> Option<usize> {
    let written = std::future::poll_fn(|cx| {
        Poll::Ready(match Pin::new(&mut *stream).poll_write(cx, block) {
            Poll::Ready(written) => Some(written.unwrap()),
            Poll::Pending => None,
        })
    });
    written.await
}

#[tokio::test]
async fn what_a_reset_connection_refuses_is_not_counted() {
    let (mut stream, server) = plain_pair().await;
    stream.write_all(b"ping").await.unwrap();
    reset(server);
    dies(&mut stream).await;
    stream.write_all(b"ping").await.unwrap_err();
    assert_eq!(stream.written(), 4);
}

#[tokio::test]
async fn a_socket_of_the_callers_own_is_probed_like_ours() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).await;
    let mut stream = Stream::tcp(socket.unwrap());
    assert!(stream.is_alive(Probe::Kernel));
    assert!(!stream.is_secure());
    drop(listener.accept().unwrap());
    assert!(!stream.is_alive(Probe::Kernel));
}
