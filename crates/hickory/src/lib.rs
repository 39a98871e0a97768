//! Asynchronous DNS for Postrider: [hickory-resolver] behind the [`Resolve`](transport::Resolve)
//! trait of `postrider-transport`.
//!
//! The system's resolver, which Postrider uses otherwise, blocks a thread for each name, answers
//! for both address families at once, and keeps the time to live of its answers to itself. This
//! one asks the name servers itself: IPv6 and IPv4 apart, each delivered as it arrives, so that a
//! server that is slow with one of them holds nobody up; and it keeps answers for as long as they
//! say.
//!
//! It is **not** a full stand-in for `getaddrinfo`: it knows DNS, the hosts file and the search
//! list, but no other source of the name service switch (mDNS, NIS, containers of systemd), and
//! addresses are not sorted by RFC 6724.
//!
//! ```
//! # extern crate transport as postrider_transport;
//! use postrider_hickory::HickoryResolver;
//! use postrider_transport::{Connector, Endpoint, Host, Security};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let resolver = HickoryResolver::from_system()?;
//! let connector = Connector::builder().resolver(resolver).build();
//! let endpoint = Endpoint::new(Host::Name("example.org".into()), 80, Security::Plain);
//! let connected = connector.connect(&endpoint).await?;
//! println!("{:?} after {:?}", connected.facts.remote, connected.facts.resolve);
//! # Ok(())
//! # }
//! ```
//!
//! In a client of Postrider's it goes the same way:
//! `Client::builder().connector(|connector| connector.resolver(resolver))`. Several share one, with
//! what it remembers and its connections, by an [`Arc`](std::sync::Arc).
//!
//! # What is kept, and for how long
//!
//! Answers live in hickory's cache for the time that they say, firm refusals for the time that
//! their zone says. In front of it stands the cache of the connector, which keeps an answer for a
//! second unless told otherwise by
//! [`resolve_cache`](transport::ConnectorBuilder::resolve_cache), and the last good one for when
//! the name servers fail ([`resolve_stale`](transport::ConnectorBuilder::resolve_stale)).
//!
//! # The map
//!
//! - `resolver`: [`HickoryResolver`], and a hickory resolver for each runtime that asks.
//! - `search`: which full names a short one may stand for, tried in step by both families.
//! - `hosts`: the system's hosts file.
//! - `zones`: sockets that reach name servers with link-local addresses.
//! - `error`: what hickory says, in the words of [`std::io::Error`].
//!
//! [hickory-resolver]: https://docs.rs/hickory-resolver

mod error;
mod hosts;
mod resolver;
mod search;
mod zones;

pub use self::resolver::HickoryResolver;
