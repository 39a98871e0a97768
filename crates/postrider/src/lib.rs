//! An async HTTP/1.1 client for tokio services: requests that are awaited over
//! pooled keep-alive connections, in the clear and over TLS.
//!
//! (docs)

mod body;
mod builder;
mod call;
mod client;
mod connection;
mod encode;
mod error;
mod incoming;
mod policy;
mod request;
mod response;
mod route;
mod send;
mod stats;
mod timeouts;
mod timings;
mod wire;

pub use body::{Body, BoxError};
pub use builder::ClientBuilder;
pub use client::Client;
pub use connection::ConnectionInfo;
pub use error::{Error, ErrorKind, Phase, Sent};
pub use incoming::ResponseBody;
pub use policy::retry::Retry;
pub use pool::{Closes, Counters, Counts, KeyLimits, Policy, Retirement};
pub use protocol::{Leniency, Limits};
pub use request::{QueryPair, RequestBuilder};
pub use response::Response;
pub use send::Pending;
pub use stats::Stats;
pub use timings::{DialTimings, Timings};
pub use transport::{
    Attempt, ConnectErrorKind, ConnectorBuilder, Endpoint, Host, Security, TlsFacts, TlsSettings,
    TlsSettingsBuilder, TlsVersion,
};
