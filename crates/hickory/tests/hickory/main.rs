//! What the crate promises, against name servers of the tests' own.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod connecting;
#[cfg(feature = "interop")]
mod dnsmasq;
mod failing;
mod resolving;
mod runtimes;
mod server;
mod support;
#[cfg(feature = "interop")]
mod system;
#[cfg(feature = "interop")]
mod zones;
