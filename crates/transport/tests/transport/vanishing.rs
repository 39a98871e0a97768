//! Peers that vanish from the network without a word, and what finds them out.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use postrider_transport::{Connector, ConnectorBuilder, Keepalive, Probe, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::netns::{apart, ip, run_apart};
use crate::support::plain_at;

#[test]
fn a_peer_that_vanishes_is_found_out_in_the_time_that_was_set() {
    run_apart("vanishing::inside");
}

const PEER: &str = "198.18.0.2:7";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the test above, in a namespace of its own"]
async fn inside() {
    let _peer = Peer::start();
    let bare = connect(Connector::builder()).await;
    let unacknowledged = connect(Connector::builder().user_timeout(Duration::from_secs(1))).await;
    let second = Duration::from_secs(1);
    let idle = connect(Connector::builder().keepalive(Keepalive::new(second, second, 2))).await;

    // Whatever is sent to the peer is from now on for somebody who is not there.
    ip("neigh replace 198.18.0.2 lladdr 02:00:00:00:00:01 dev veth2 nud permanent");
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
    let endpoint = plain_at(PEER.parse().unwrap());
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

/// The other end of a cable, on a network of its own. It ends when its input does.
struct Peer {
    process: Child,
}

impl Peer {
    fn start() -> Self {
        ip("link add veth2 type veth peer name veth3");
        let mut process = apart("vanishing::peer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut told = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut await_line = |word: &str| {
            let found = told.any(|line| line.unwrap().ends_with(word));
            assert!(found, "the peer should say {word}");
        };
        await_line("APART");
        ip(&format!("link set veth3 netns {}", process.id()));
        ip("addr add 198.18.0.1/30 dev veth2");
        ip("link set veth2 up");
        process.stdin.as_ref().unwrap().write_all(b"go\n").unwrap();
        await_line("LISTENING");
        Self { process }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
#[ignore = "the far side of the test above"]
async fn peer() {
    println!("APART");
    io::stdin().read_line(&mut String::new()).unwrap();
    ip("addr add 198.18.0.2/30 dev veth3");
    ip("link set veth3 up");
    let listener = TcpListener::bind(PEER).await.unwrap();
    println!("LISTENING");
    loop {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let (mut from, mut to) = socket.split();
            tokio::io::copy(&mut from, &mut to).await
        });
    }
}
