//! What many tests need.

use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use postrider_transport::{
    ConnectError, Connector, ConnectorBuilder, Endpoint, Host, Probe, Security, Stream,
};
use tokio::net::{TcpListener, TcpStream};

/// Nothing on this machine takes that long; a test that waits for it has failed.
pub(crate) const SOON: Duration = Duration::from_secs(5);

/// Ends a future that should have ended long before.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future)
        .await
        .expect("this should not take so long")
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    listen_at("127.0.0.1:0").await
}

pub(crate) async fn listen_at(addr: &str) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(addr).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// An address at which nothing listens.
pub(crate) async fn closed_port() -> SocketAddr {
    listen().await.1
}

pub(crate) fn plain_at(addr: SocketAddr) -> Endpoint {
    Endpoint::new(Host::Ip(addr.ip()), addr.port(), Security::Plain)
}

pub(crate) fn plain(name: &str, port: u16) -> Endpoint {
    Endpoint::new(Host::Name(name.into()), port, Security::Plain)
}

/// A builder that knows `a.test` by these addresses.
pub(crate) fn knowing(addrs: &[SocketAddr]) -> ConnectorBuilder {
    Connector::builder().resolve_override("a.test", addrs.iter().copied())
}

/// Both ends of a plain connection.
pub(crate) async fn plain_pair() -> (Stream, TcpStream) {
    let (listener, addr) = listen().await;
    let connector = Connector::builder().build();
    let endpoint = plain_at(addr);
    let (connected, accepted) = tokio::join!(connector.connect(&endpoint), listener.accept());
    (connected.unwrap().stream, accepted.unwrap().0)
}

/// Waits until the stream is seen to be dead by the flag alone.
pub(crate) async fn dies(stream: &mut Stream) {
    soon(async {
        while stream.is_alive(Probe::Flag) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
}

/// Does something within a task whose budget is used up, when the poll functions of tokio pretend
/// to be pending.
pub(crate) async fn without_budget<T>(mut does: impl FnMut() -> T) -> T {
    std::future::poll_fn(|cx| {
        while tokio::task::coop::has_budget_remaining() {
            let _ = std::pin::pin!(tokio::task::coop::consume_budget()).poll(cx);
        }
        Poll::Ready(does())
    })
    .await
}

/// Closes a socket by a reset.
pub(crate) fn reset(socket: TcpStream) {
    socket.set_zero_linger().unwrap();
    drop(socket);
}

/// Connects, which must fail soon.
pub(crate) async fn failure(connector: &Connector, endpoint: &Endpoint) -> ConnectError {
    let outcome = soon(connector.connect(endpoint)).await;
    outcome.expect_err("this should not connect")
}
