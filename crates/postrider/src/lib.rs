//! An async HTTP/1.1 client for tokio services: requests that are awaited over
//! pooled keep-alive connections, in the clear and over TLS.
//!
//! It is **not** a client for HTTP/2 or HTTP/3, follows no redirects, keeps no
//! cookies, and decodes no content.
//!
//! ```
//! # use std::sync::Arc;
//! # use testing::{Script, Server};
//! use postrider::Client;
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), postrider::Error> {
//! # let server = Server::start([Script::respond_always("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")]);
//! # let url = server.url("/");
//! let client = Client::new();
//! let response = client.get(&url).header("accept", "text/plain").send().await?;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.text().await?, "hello");
//!
//! // The connection went back to the pool with the last byte.
//! let response = client.post(&url).body("an order").send().await?;
//! assert!(response.connection().is_reused());
//! # Ok(()) }
//! ```
//!
//! # How it works
//!
//! A [`Client`] is a pool of connections and the settings for all requests; a
//! clone is the same client. [`RequestBuilder::send`] gives a [`Pending`], which
//! does all of its work when it is polled: no task and no channel stands between
//! the caller and the socket. When the [`Response`]'s head has arrived the
//! future is ready; its body is read from the connection as it is asked for.
//!
//! # Cancel safety
//!
//! A future is *cancel safe* if dropping it before it is ready loses nothing.
//! Dropping a [`Pending`] gives the request up: not one byte of it having been
//! handed to the connection, the connection goes back to the pool; else it is
//! closed, so that no other request can read an answer that was not meant for
//! it. [`Response::chunk`] is cancel safe; the methods that take the response
//! drop it. Nothing is ever leaked.
//!
//! # Runtimes
//!
//! A client may be made anywhere, also in a `static`, and used from several
//! tokio runtimes, which need I/O and time enabled. A connection stays with the
//! runtime that made it, and so does a request or a body with the one that polled
//! it first: its limits on time need that one's timer, and polling it after that
//! runtime has ended may panic, as tokio's own timers do.
//!
//! # Operation
//!
//! [`Client::stats`] tells what the pool holds and has done. [`Client::warm`]
//! makes connections ahead of the requests, [`Client::close_idle`] and
//! [`Client::evict`] part with idle ones, [`Client::shutdown`] ends in good
//! order; dropping the last clone closes what is idle and lets the rest finish.
//! Limits on connections hold requests in line, first come, first served for
//! each origin (on several see [`ClientBuilder::pool_max_connections`]), for
//! [`ClientBuilder::acquire_timeout`] at most.
//!
//! # Errors
//!
//! [`Error`] says of what [kind](ErrorKind) and in which [phase](Phase) a
//! failure was, what the server may have [seen](Sent) of the request, and
//! whether sending it again [is safe](Error::is_retry_safe). A status of failure
//! is a response; [`Response::error_for_status`] makes an error of it.
//!
//! # Features
//!
//! - `tls-ring` (default): HTTPS by rustls with the ring provider and the roots
//!   of `webpki-roots`. It has no post-quantum key exchange.
//! - `tls-aws-lc-rs`: the same by aws-lc-rs, which has it; used where both are on.
//! - `platform-verifier`: [`TlsSettings`] that check certificates by the
//!   operating system's rules and roots.
//! - `idna`: URLs whose host is not in ASCII; see [`IntoUrl`].
//! - `json`: [`RequestBuilder`]'s and [`Response`]'s methods for JSON.

mod acquire;
mod again;
mod authorization;
mod body;
mod builder;
mod call;
mod client;
mod connection;
mod connection_info;
mod dial;
mod encode;
mod erased;
mod error;
mod fields;
mod home;
mod incoming;
mod left_behind;
mod manage;
mod phase;
mod policy;
mod query;
mod request;
mod response;
mod rotation;
mod route;
mod send;
mod special;
mod stats;
mod timeouts;
mod timings;
mod turn;
mod upgrade;
mod url;
mod wire;

pub use body::{Body, BoxError};
pub use builder::ClientBuilder;
pub use client::Client;
pub use connection_info::ConnectionInfo;
pub use error::{Error, ErrorKind, Sent};
pub use incoming::ResponseBody;
pub use manage::IdleConnection;
pub use phase::Phase;
pub use policy::retry::Retry;
pub use pool::{Closes, Counters, Counts, KeyLimits, Policy, Retirement};
pub use protocol::{Leniency, Limits};
pub use query::QueryPair;
pub use request::RequestBuilder;
pub use response::Response;
pub use send::Pending;
pub use special::HeaderCase;
pub use stats::{Stale, Stats};
pub use timings::{DialTimings, Timings};
pub use transport::Phase as ConnectPhase;
pub use transport::{
    Answers, Attempt, ConnectErrorKind, ConnectOptions, ConnectorBuilder, Endpoint, Families, Host,
    Keepalive, Resolve, Security, ServerName, SystemResolver, TlsErrorKind, TlsFacts, TlsSettings,
    TlsSettingsBuilder, TlsSettingsError, TlsVersion, is_public,
};
pub use upgrade::Upgraded;
pub use url::IntoUrl;
