//! The server as tests hold it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use crate::journal::Ending;
use crate::memory::{self, MemoryStream};
use crate::peer::Peer;
use crate::script::Script;
use crate::stage::{Security, Stage};
use crate::tls::Tls;
use crate::wire::Transport;

/// A server that plays a [`Script`] on each connection and records every byte that comes.
///
/// The first connection plays the first script, the second the second; the last script is played
/// on every connection from then on, unless the server is told to serve each [`once`](Self::once).
/// No script at all is the empty script. Connections are counted from 0, in the order in which
/// they were accepted.
///
/// Dropping the server stops everything that belongs to it: its listener and its connections are
/// closed by the runtime at its next turn ([`stop`](Self::stop) waits for that).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use postrider_testing::{Ending, Script, Server};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::TcpStream;
///
/// let server = Server::start([
///     Script::respond("HTTP/1.1 503 Service Unavailable\r\n\r\n").close(),
///     Script::respond_always("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
/// ]);
///
/// let mut client = TcpStream::connect(server.addr()).await?;
/// client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
///
/// assert_eq!(answer, "HTTP/1.1 503 Service Unavailable\r\n\r\n");
/// assert_eq!(server.finished(0).await, Ending::Complete);
/// assert_eq!(server.received(0), b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
/// assert_eq!((server.connections(), server.open()), (1, 0));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Server {
    place: Place,
    stage: Arc<Stage>,
}

/// Where clients find the server.
#[derive(Debug)]
enum Place {
    Socket(SocketAddr),
    Memory { capacity: usize, least: usize },
}

impl Server {
    /// A server on a free port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If no port can be had, or outside of a tokio runtime.
    pub fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::start_on((Ipv4Addr::LOCALHOST, 0).into(), scripts)
    }

    /// A server on this address; port 0 is a free one.
    ///
    /// # Panics
    ///
    /// If the address cannot be had, or outside of a tokio runtime.
    pub fn start_on(addr: SocketAddr, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::listen(addr, Security::Plain, scripts)
    }

    /// A TLS server on a free port of 127.0.0.1, from an [`Identity`](crate::Identity) or, for
    /// more say in it, a [`Tls`]. The script begins when the handshake is done.
    ///
    /// # Panics
    ///
    /// If no port can be had, if the identity or a client's root is broken, or outside of a tokio
    /// runtime.
    pub fn start_tls(tls: impl Into<Tls>, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self::start_tls_on((Ipv4Addr::LOCALHOST, 0).into(), tls, scripts)
    }

    /// A TLS server on this address; port 0 is a free one.
    ///
    /// # Panics
    ///
    /// If the address cannot be had, if the identity or a client's root is broken, or outside of a
    /// tokio runtime.
    pub fn start_tls_on(
        addr: SocketAddr,
        tls: impl Into<Tls>,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        Self::listen(addr, Security::tls(&tls.into()), scripts)
    }

    /// A server without a socket: each [`connect`](Self::connect) is a new connection. With
    /// nothing outside the process involved, tests may run on tokio's paused time.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn in_memory(scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            place: Place::Memory {
                capacity: MEMORY_CAPACITY,
                least: 1,
            },
            stage: Stage::new(Security::Plain, scripts),
        }
    }

    /// A TLS server without a socket.
    ///
    /// # Panics
    ///
    /// If the identity or a client's root is broken, or outside of a tokio runtime.
    pub fn in_memory_tls(tls: impl Into<Tls>, scripts: impl IntoIterator<Item = Script>) -> Self {
        Self {
            place: Place::Memory {
                capacity: MEMORY_CAPACITY,
                least: LEAST_FOR_TLS,
            },
            stage: Stage::new(Security::tls(&tls.into()), scripts),
        }
    }

    /// Sets how many bytes an in-memory connection holds each way before writing has to wait, for
    /// the connections from now on. It is 64 KiB at first, and nothing to a server on a socket.
    ///
    /// One byte is the least; by TLS six are. In the middle of a handshake both sides write at
    /// once, and rustls reads nothing before it has written: in less room than the shorter of the
    /// two messages, each would wait for the other for ever.
    #[must_use]
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        if let Place::Memory { capacity, least } = &mut self.place {
            *capacity = bytes.max(*least);
        }
        self
    }

    /// Plays the last script once only: the connections after it are accepted, counted, and reset.
    #[must_use]
    pub fn once(self) -> Self {
        self.stage.refuse_further();
        self
    }

    /// A new connection to an in-memory server.
    ///
    /// # Panics
    ///
    /// If the server listens on a socket.
    pub fn connect(&self) -> MemoryStream {
        let Place::Memory { capacity, .. } = self.place else {
            panic!("this server listens on a socket: connect to its addr()");
        };
        let (stream, peer) = memory::pair(capacity);
        self.stage.admit(Transport::Memory(peer));
        stream
    }

    /// Where the server listens. An in-memory server has no address and answers `0.0.0.0:0`.
    pub fn addr(&self) -> SocketAddr {
        match self.place {
            Place::Socket(addr) => addr,
            Place::Memory { .. } => (Ipv4Addr::UNSPECIFIED, 0).into(),
        }
    }

    /// The URL of a path (and query) on this server, by its address. The name of an in-memory
    /// server is `memory.test`.
    pub fn url(&self, path: &str) -> String {
        let scheme = self.stage.scheme();
        match self.place {
            Place::Socket(addr) => format!("{scheme}://{addr}{path}"),
            Place::Memory { .. } => format!("{scheme}://memory.test{path}"),
        }
    }

    /// The URL of a path (and query) on this server by a host name, for names that lead here.
    pub fn url_for(&self, host: &str, path: &str) -> String {
        let scheme = self.stage.scheme();
        match self.place {
            Place::Socket(addr) => format!("{scheme}://{host}:{}{path}", addr.port()),
            Place::Memory { .. } => format!("{scheme}://{host}{path}"),
        }
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.stage.journal().read(<[_]>::len)
    }

    /// How many connections are open now. One that the peer has left counts until the script
    /// comes to notice it: when it reads, writes, stalls, or has ended.
    pub fn open(&self) -> usize {
        self.stage
            .journal()
            .read(|entries| entries.iter().filter(|entry| entry.open).count())
    }

    /// What the connection has received so far (over TLS: decrypted); nothing where there is no
    /// such connection yet.
    pub fn received(&self, connection: usize) -> Vec<u8> {
        self.stage
            .journal()
            .read(|entries| entries.get(connection).map(|entry| entry.received.clone()))
            .unwrap_or_default()
    }

    /// Who is at the other end of the connection; nobody where there is no such connection yet.
    pub fn peer(&self, connection: usize) -> Peer {
        self.stage
            .journal()
            .read(|entries| entries.get(connection).map(|entry| entry.peer.clone()))
            .unwrap_or_default()
    }

    /// Waits until so many connections were accepted.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn accepted(&self, count: usize) {
        self.stage
            .journal()
            .until(|entries| entries.len() >= count)
            .await;
    }

    /// Waits until the connection has received at least so many bytes.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn received_at_least(&self, connection: usize, bytes: usize) {
        self.stage
            .journal()
            .until(|entries| {
                entries
                    .get(connection)
                    .is_some_and(|entry| entry.received.len() >= bytes)
            })
            .await;
    }

    /// Waits until the script of this connection is over, and tells how it ended. The connection
    /// itself may still be open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn finished(&self, connection: usize) -> Ending {
        let mut ending = None;
        self.stage
            .journal()
            .until(|entries| {
                ending = entries
                    .get(connection)
                    .and_then(|entry| entry.ending.clone());
                ending.is_some()
            })
            .await;
        ending.unwrap_or(Ending::Complete)
    }

    /// Waits until this connection is closed, by whichever side.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn closed(&self, connection: usize) {
        self.stage
            .journal()
            .until(|entries| entries.get(connection).is_some_and(|entry| !entry.open))
            .await;
    }

    /// Stops the server and waits until its listener and its connections are closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future stops the server without waiting.
    pub async fn stop(self) {
        if let Some(mut tasks) = self.stage.close() {
            tasks.shutdown().await;
        }
    }

    fn listen(
        addr: SocketAddr,
        security: Security,
        scripts: impl IntoIterator<Item = Script>,
    ) -> Self {
        let stage = Stage::new(security, scripts);
        let addr = stage.listen(addr);
        Self {
            place: Place::Socket(addr),
            stage,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stage.close());
    }
}

const MEMORY_CAPACITY: usize = 64 * 1024;

/// A whole change_cipher_spec, which a client sends while the server sends its certificate
/// (RFC 8446 §D.4).
const LEAST_FOR_TLS: usize = 6;

#[cfg(test)]
mod tests;
