//! What the crate promises, by its public interface and over real sockets of this machine.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests fail as tests do"
)]

mod connect;
mod custom;
mod filter;
mod names;
#[cfg(all(feature = "interop", feature = "tls-ring"))]
mod netns;
#[cfg(all(feature = "interop", feature = "tls-ring"))]
mod openssl;
mod options;
mod plain_probe;
#[cfg(unix)]
mod sockets;
mod support;

#[cfg(feature = "tls-ring")]
mod authority;
#[cfg(all(feature = "tls-aws-lc-rs", not(feature = "tls-ring")))]
mod tls_aws_lc_rs;
#[cfg(feature = "tls-ring")]
mod tls_broken;
#[cfg(feature = "tls-ring")]
mod tls_connect;
#[cfg(feature = "tls-ring")]
mod tls_count;
#[cfg(feature = "tls-ring")]
mod tls_environment;
#[cfg(feature = "tls-ring")]
mod tls_failures;
#[cfg(feature = "tls-ring")]
mod tls_identity;
#[cfg(feature = "tls-ring")]
mod tls_messages;
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
mod tls_missing;
#[cfg(feature = "tls-ring")]
mod tls_options;
#[cfg(all(feature = "tls-aws-lc-rs", feature = "tls-ring"))]
mod tls_post_quantum;
#[cfg(feature = "tls-ring")]
mod tls_probe;
#[cfg(feature = "tls-ring")]
mod tls_race;
#[cfg(feature = "tls-ring")]
mod tls_server;
#[cfg(feature = "tls-ring")]
mod tls_settings;
#[cfg(feature = "tls-ring")]
mod tls_steps;
#[cfg(feature = "tls-ring")]
mod tls_verifier;
#[cfg(all(feature = "interop", feature = "tls-ring"))]
mod vanishing;
mod warnings;
