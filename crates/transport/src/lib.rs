//! A host and a port become a connected byte stream.
//!
//! This crate resolves names, races addresses of both families (RFC 8305), secures the connection
//! with TLS, and tells what happened on the way. It is a pillar of the HTTP client
//! [`postrider`](https://docs.rs/postrider) and of use without it.
//!
//! It is **not** a pool, knows no HTTP, and no proxies: a tunnel that somebody else has opened is
//! secured by [`Connector::secure`].
//!
//! ```no_run
//! use postrider_transport::{Connector, Endpoint, Host, Security};
//! use tokio::io::{AsyncReadExt, AsyncWriteExt};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let connector = Connector::builder().build();
//! let endpoint = Endpoint::new(Host::Name("example.org".into()), 443, Security::Tls);
//! let mut connected = connector.connect(&endpoint).await?;
//! println!("{:?}", connected.facts.tls);
//!
//! connected.stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await?;
//! connected.stream.flush().await?;
//! let mut answer = Vec::new();
//! connected.stream.read_to_end(&mut answer).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # The map
//!
//! - [`Connector`] is the staircase: look up, race, connect, secure; each step within one deadline.
//! - [`Endpoint`] says where to, and with [`ConnectOptions`] what is different there;
//!   [`ConnectFacts`] and [`ConnectError`] say how it went, [`Progress`] how it goes.
//! - [`Resolve`] turns names into [`Answers`], which may arrive in parts. Lookups under way are
//!   shared, answers kept for a moment. [`is_public`] is a ready-made filter of addresses.
//! - [`TlsSettings`] says whom to trust. Types of rustls appear in one place only,
//!   [`TlsSettings::from_rustls`].
//! - [`Stream`] is TCP, or a stream of your own, or TLS over either. It counts what the socket
//!   took below TLS, and tells whether an idle connection is alive. [`tls_error`] tells its
//!   failures by TLS from those of the socket.
//!
//! # Features
//!
//! - `tls-ring` (default): TLS with the *ring* provider. It knows no post-quantum key exchange.
//! - `tls-aws-lc-rs`: TLS with the aws-lc-rs provider, which prefers the post-quantum key exchange
//!   X25519MLKEM768. It is used where both are on; that both are linked harms nothing, since the
//!   provider is always named and never the process's default.
//! - `platform-verifier`: adds `TlsSettingsBuilder::platform_verifier`, by which the operating
//!   system judges certificates.
//!
//! Without a provider, a connector needs settings by [`TlsSettings::from_rustls`]; a secure
//! endpoint fails with [`ConnectErrorKind::NoTlsProvider`] otherwise.

mod alarm;
mod bounded;
mod builder;
mod connector;
mod endpoint;
mod error;
mod eyeballs;
mod facts;
mod guard;
mod interface;
mod names;
mod network;
mod options;
mod progress;
mod socket;
mod stream;
mod tls;

pub use self::builder::ConnectorBuilder;
pub use self::connector::Connector;
pub use self::endpoint::{Endpoint, Host, Security};
pub use self::error::{ConnectError, ConnectErrorKind, Phase};
pub use self::facts::{Attempt, ConnectFacts, Connected, TlsFacts, TlsVersion};
pub use self::names::{Answers, Families, Resolve, SystemResolver, is_public};
pub use self::options::ConnectOptions;
pub use self::progress::Progress;
pub use self::socket::Keepalive;
pub use self::stream::{Probe, Stream};
pub use self::tls::{
    ServerName, TlsErrorKind, TlsSettings, TlsSettingsBuilder, TlsSettingsError, tls_error,
};
