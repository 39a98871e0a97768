//! Which cryptography this build has.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The cryptography that this build brings along.
///
/// It is always handed to rustls explicitly. The process-wide default is never asked: it panics
/// when a program happens to link two providers.
#[cfg(feature = "tls-aws-lc-rs")]
pub(super) fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
}

/// *ring*, where nothing stronger was asked for.
#[cfg(all(feature = "tls-ring", not(feature = "tls-aws-lc-rs")))]
pub(super) fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

/// Without a provider feature there is none.
#[cfg(not(any(feature = "tls-aws-lc-rs", feature = "tls-ring")))]
pub(super) fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
