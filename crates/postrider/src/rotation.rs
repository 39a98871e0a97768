//! The client's settings of TLS, which may change while it runs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use transport::{Endpoint, TlsSettings};

use crate::client::Client;

impl Client {
    /// Secures connections by other settings from here on, on all clones of
    /// this client: a renewed client certificate, other roots.
    ///
    /// Nothing is shared with what was before, neither connections nor TLS
    /// sessions; an origin's limits hold for each of the two apart. Idle
    /// connections that were secured by the old settings close at once; those in
    /// use close when their exchange is over. Connections in the clear are left
    /// alone, and so are those of requests that have
    /// [settings of their own](crate::RequestBuilder::tls).
    ///
    /// ```
    /// # #[cfg(feature = "tls-ring")]
    /// # fn f(
    /// #     client: postrider::Client,
    /// #     chain: Vec<u8>,
    /// #     key: Vec<u8>,
    /// # ) -> Result<(), postrider::TlsSettingsError> {
    /// use postrider::TlsSettings;
    ///
    /// let renewed = TlsSettings::builder().client_certificate_pem(chain, key).build()?;
    /// client.set_tls(renewed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_tls(&self, settings: TlsSettings) {
        let inner = self.inner();
        inner.home.rotation.replace(settings);
        inner.pool.close_retired();
    }
}

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

    fn replace(&self, new: TlsSettings) {
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
