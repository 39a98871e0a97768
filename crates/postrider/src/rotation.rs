//! The client's settings of TLS, which may change while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use transport::{Endpoint, TlsSettings};

/// The settings of the moment, and how often they have changed.
#[derive(Debug, Default)]
pub(crate) struct Rotation {
    generation: AtomicU64,
    /// `None` until they change: the connector has its own.
    settings: Mutex<Option<TlsSettings>>,
}

impl Rotation {
    /// How often the settings have changed: tells those before from those after.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The endpoint, to be secured by the settings of the moment.
    pub(crate) fn secure(&self, endpoint: Endpoint) -> Endpoint {
        let Some(settings) = self.settings().clone() else {
            return endpoint;
        };
        let mut options = endpoint.options().cloned().unwrap_or_default();
        options.tls = Some(settings);
        endpoint.with_options(options)
    }

    pub(crate) fn replace(&self, new: TlsSettings) {
        let mut settings = self.settings();
        let old = settings.replace(new);
        self.generation.fetch_add(1, Ordering::Release);
        drop(settings);
        // Outside the lock: they may hold a verifier of the user's own.
        drop(old);
    }

    fn settings(&self) -> MutexGuard<'_, Option<TlsSettings>> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
