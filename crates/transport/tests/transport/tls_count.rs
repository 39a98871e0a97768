//! What is counted below TLS, beside what came through the network.

use std::net::SocketAddr;

use postrider_transport::{Connector, Probe, Stream};
use rustls::SupportedProtocolVersion;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::server::TlsStream;

use crate::authority::Authority;
use crate::support::{knowing, listen, soon};
use crate::tls_server::{acceptor, server_config, tls, trusting};

/// A connection through a relay that counts what we send.
struct Relayed {
    stream: Stream,
    far: TlsStream<TcpStream>,
    relay: JoinHandle<u64>,
    is_answered: watch::Receiver<bool>,
}

impl Relayed {
    async fn connect(version: &'static SupportedProtocolVersion) -> Self {
        let authority = Authority::new();
        let config = server_config(&authority.identity("a.test"), &[version]);
        let ((listener, to), (entrance, addr)) = (listen().await, listen().await);
        let (answered, is_answered) = watch::channel(false);
        let relay = tokio::spawn(relay_one(entrance, to, answered));
        let connector: Connector = knowing(&[addr]).tls(trusting(&authority)).build();
        let serving = async {
            let (socket, _) = listener.accept().await.unwrap();
            acceptor(config).accept(socket).await.unwrap()
        };
        let endpoint = tls("a.test");
        let (connected, far) = tokio::join!(connector.connect(&endpoint), serving);
        let stream = connected.unwrap().stream;
        Self {
            stream,
            far,
            relay,
            is_answered,
        }
    }

    /// Waits until our socket holds what the server said to our last words. The handshake is over
    /// by then: those were our part of it, and the answer of TLS 1.3 is tickets.
    async fn answered(&mut self) {
        soon(self.is_answered.wait_for(|it| *it)).await.unwrap();
    }

    async fn exchange(&mut self, sent: &[u8]) {
        self.stream.write_all(sent).await.unwrap();
        self.stream.flush().await.unwrap();
        let mut came = vec![0; sent.len()];
        soon(self.far.read_exact(&mut came)).await.unwrap();
        self.far.write_all(b"pong").await.unwrap();
        self.far.flush().await.unwrap();
        soon(self.stream.read_exact(&mut [0; 4])).await.unwrap();
    }

    /// Ends, and tells what was counted on both sides.
    async fn end(mut self) -> (u64, u64) {
        self.stream.close();
        let counted = self.stream.written();
        drop(self.stream);
        drop(self.far);
        (counted, soon(self.relay).await.unwrap())
    }
}

async fn relay_one(entrance: TcpListener, to: SocketAddr, answered: watch::Sender<bool>) -> u64 {
    let (mut client, _) = entrance.accept().await.unwrap();
    let mut server = TcpStream::connect(to).await.unwrap();
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let forth = async {
        let mut count = 0;
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = from_client.read(&mut piece).await {
            count += length as u64;
            answered.send_replace(false);
            // The server may have gone; what we send counts all the same.
            let _ = to_server.write_all(&piece[..length]).await;
        }
        count
    };
    let back = async {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = from_server.read(&mut piece).await {
            let _ = to_client.write_all(&piece[..length]).await;
            answered.send_replace(true);
        }
        let _ = to_client.shutdown().await;
    };
    tokio::join!(forth, back).0
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&rustls::version::TLS12, &rustls::version::TLS13];

/// From the first byte of the handshake to close_notify. By TLS 1.3 the server
/// sends tickets, which the first probe takes in.
#[tokio::test]
async fn the_count_is_what_came_through_the_network() {
    for version in VERSIONS {
        let mut relayed = Relayed::connect(version).await;
        assert!(relayed.stream.written() > 0);
        relayed.answered().await;
        assert!(relayed.stream.is_alive(Probe::Kernel));
        relayed.exchange(b"ping").await;
        for probe in [Probe::Kernel, Probe::Flag] {
            assert!(relayed.stream.is_alive(probe));
        }
        relayed.exchange(&[7; 100_000]).await;
        let (counted, came) = relayed.end().await;
        assert!(came > 100_000);
        assert_eq!(counted, came, "{version:?}");
    }
}

#[tokio::test]
async fn the_count_is_true_of_a_peer_that_has_said_goodbye() {
    for version in VERSIONS {
        let mut relayed = Relayed::connect(version).await;
        relayed.exchange(b"ping").await;
        relayed.far.shutdown().await.unwrap();
        assert_eq!(soon(relayed.stream.read(&mut [0])).await.unwrap(), 0);
        let before = relayed.stream.written();
        relayed.stream.write_all(b"late").await.unwrap();
        relayed.stream.flush().await.unwrap();
        assert!(relayed.stream.written() > before + 4);
        let (counted, came) = relayed.end().await;
        assert_eq!(counted, came, "{version:?}");
    }
}
