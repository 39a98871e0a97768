use std::sync::Arc;

use rustls::crypto::CryptoProvider;

/// The cryptography that this build brings along.
///
/// It is always handed to rustls explicitly. The process-wide default is never asked: it panics
/// when a program happens to link two providers.
#[cfg(feature = "tls-ring")]
pub(super) fn built_in() -> Option<Arc<CryptoProvider>> {
    Some(Arc::new(rustls::crypto::ring::default_provider()))
}

/// Without a provider feature there is none.
#[cfg(not(feature = "tls-ring"))]
pub(super) fn built_in() -> Option<Arc<CryptoProvider>> {
    None
}
