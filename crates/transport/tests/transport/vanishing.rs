//! Peers that vanish from the network without a word, and what finds them out.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::io;
use std::time::{Duration, Instant};

use postrider_transport::{Connector, ConnectorBuilder, Keepalive, Probe, Stream};
use testing::netns::{FarEnd, run_apart};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::support::plain_at;

#[test]
fn a_peer_that_vanishes_is_found_out_in_the_time_that_was_set() {
    run_apart("vanishing::inside");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, in a namespace of its own"]
async fn inside() {
    let peer = FarEnd::start("vanishing::peer");
    let bare = connect(Connector::builder()).await;
    let unacknowledged = connect(Connector::builder().user_timeout(Duration::from_secs(1))).await;
    let second = Duration::from_secs(1);
    let idle = connect(Connector::builder().keepalive(Keepalive::new(second, second, 2))).await;

    peer.vanish();
    let mut bare = tokio::spawn(write_until_it_fails(bare));
    let unacknowledged = tokio::spawn(write_until_it_fails(unacknowledged));
    let idle = tokio::spawn(idle_until_it_dies(idle));

    let (error, took) = unacknowledged.await.unwrap();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{error}");
    assert!((1000..3000).contains(&took), "user timeout: {took} ms");
    let took = idle.await.unwrap();
    assert!((2000..6000).contains(&took), "keepalive: {took} ms");

    // The system's own patience is a quarter of an hour.
    let soon = tokio::time::timeout(Duration::from_secs(1), &mut bare);
    assert!(soon.await.is_err());
    bare.abort();
}

/// A connection over which a word has gone back and forth.
async fn connect(builder: ConnectorBuilder) -> Stream {
    let endpoint = plain_at(FarEnd::ADDR);
    let connected = builder.build().connect(&endpoint).await;
    let mut stream = connected.unwrap().stream;
    stream.write_all(b"ping").await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream
}

async fn write_until_it_fails(mut stream: Stream) -> (io::Error, u128) {
    let began = Instant::now();
    // The socket takes it, and can do nothing with it.
    stream.write_all(b"ping").await.unwrap();
    let error = stream.read(&mut [0]).await.unwrap_err();
    (error, began.elapsed().as_millis())
}

/// As a connection in a pool: nobody reads, and a look at the flag tells.
async fn idle_until_it_dies(mut stream: Stream) -> u128 {
    let began = Instant::now();
    while stream.is_alive(Probe::Flag) && began.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed().as_millis()
}

#[tokio::test]
#[ignore = "the far side of the test above"]
async fn peer() {
    FarEnd::arrive();
    let listener = TcpListener::bind(FarEnd::ADDR).await.unwrap();
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let (mut from, mut to) = socket.split();
            tokio::io::copy(&mut from, &mut to).await
        });
    }
}
