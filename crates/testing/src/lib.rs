//! Scripted HTTP servers and faulty streams, for testing HTTP clients and the services that use
//! them.
//!
//! This is no mock framework and no HTTP server: it works below HTTP. A [`Script`] says byte for
//! byte what one connection sends, in which pieces and when it stalls, closes or resets; the
//! [`Server`] records byte for byte what came. It depends on no HTTP client, so it tests any.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
//! use postrider_testing::{Ending, Script, Server, Signal};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! let halfway = Signal::new();
//! let server = Server::in_memory([Script::new()
//!     .read_request()
//!     .write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
//!     .notify(&halfway)
//!     .reset()]);
//!
//! let mut client = server.connect();
//! client.write_all(b"GET /file HTTP/1.1\r\nHost: a.test\r\n\r\n").await?;
//! halfway.wait().await;
//! let mut answer = Vec::new();
//! let error = client.read_to_end(&mut answer).await.unwrap_err();
//!
//! assert!(answer.ends_with(b"half "));
//! assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
//! assert_eq!(server.received(0), b"GET /file HTTP/1.1\r\nHost: a.test\r\n\r\n");
//! assert_eq!(server.finished(0).await, Ending::Complete);
//! # Ok(()) }
//! ```
//!
//! # The map
//!
//! - [`Script`]: what happens on one connection. [`Signal`] orders its steps with the test's own,
//!   so that no test needs to sleep.
//! - [`Server`]: plays scripts, on a socket or in memory, plain or over [`Tls`]. In memory
//!   ([`Server::in_memory`], [`MemoryStream`]) tests can run on tokio's paused time, where a
//!   minute's timeout takes no time at all.
//! - [`Authority`] and [`Identity`]: certificates made on the spot: good, expired, self-signed,
//!   revoked. [`Peer`]: what a client showed of itself, its own certificate among it.
//! - [`Faulty`]: wraps any stream of the code under test and splits, delays or breaks its reads
//!   and writes, the same way every time; its [`Meter`] counts them.
//! - [`has_ipv6`]: what a test asks that needs IPv6.
//! - `netns`, by the feature of that name: networks of a test's own, with black holes, peers that
//!   vanish and a name server. Linux and root only.
//!
//! Servers run as tasks of the tokio runtime they were started in and end with the value.

mod faulty;
mod framing;
mod identity;
mod ipv6;
mod journal;
mod memory;
mod meter;
#[cfg(feature = "netns")]
pub mod netns;
mod peer;
mod play;
mod script;
mod server;
mod signal;
mod stage;
mod tls;
mod wire;

pub use faulty::Faulty;
pub use identity::{Authority, Identity};
pub use ipv6::has_ipv6;
pub use journal::Ending;
pub use memory::MemoryStream;
pub use meter::{Counts, Meter};
pub use peer::{Peer, PeerTls};
pub use script::Script;
pub use server::Server;
pub use signal::Signal;
pub use tls::{CloseNotify, Tls, TlsVersion};
