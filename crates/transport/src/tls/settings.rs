use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::error::TlsSettingsError;
use super::provider;
use crate::bounded::Bounded;

/// How to secure connections: whom to trust, and how to speak.
///
/// One value is one identity. Clones are equal and share their session store, so that sessions are
/// resumed; two values built apart are different, even from the same options, and share nothing.
/// That is what makes it fit for a pool's key.
///
/// ```
/// # #[cfg(feature = "tls-ring")] {
/// use postrider_transport::TlsSettings;
///
/// let settings = TlsSettings::builder().build()?;
/// assert_eq!(settings, settings.clone());
/// assert_ne!(settings, TlsSettings::builder().build()?);
/// # }
/// # Ok::<(), postrider_transport::TlsSettingsError>(())
/// ```
#[derive(Clone)]
pub struct TlsSettings {
    config: Arc<ClientConfig>,
}

impl TlsSettings {
    /// Starts from the defaults: the roots of Mozilla's programme as `webpki-roots` carries them,
    /// TLS 1.2 and 1.3, ALPN `http/1.1`, sessions resumed.
    pub fn builder() -> TlsSettingsBuilder {
        TlsSettingsBuilder {
            trusted: Trusted::WebPki,
            added: Vec::new(),
        }
    }

    /// Uses a rustls configuration as it is: the escape hatch for everything that the builder
    /// does not know.
    ///
    /// This is tied to **rustls 0.23** and changes with rustls. The configuration should offer
    /// `http/1.1` by ALPN, or nothing: a server that picks anything else fails the connection.
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        Self { config }
    }

    /// The defaults, if this build has a provider.
    pub(crate) fn built_in() -> Option<Self> {
        Self::builder().build().ok()
    }

    pub(crate) fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

impl PartialEq for TlsSettings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.config, &other.config)
    }
}

impl Eq for TlsSettings {}

impl Hash for TlsSettings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.config).hash(state);
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").finish_non_exhaustive()
    }
}

/// Gathers [`TlsSettings`].
#[derive(Debug)]
#[must_use]
pub struct TlsSettingsBuilder {
    trusted: Trusted,
    added: Vec<AddedRoots>,
}

#[derive(Debug)]
enum Trusted {
    WebPki,
    OnlyAdded,
}

#[derive(Debug)]
enum AddedRoots {
    Der(Vec<u8>),
    Pem(Vec<u8>),
}

impl TlsSettingsBuilder {
    /// Trusts a root certificate of your own, in DER.
    pub fn add_root_der(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.added.push(AddedRoots::Der(certificate.into()));
        self
    }

    /// Trusts every certificate in the text, in PEM.
    pub fn add_roots_pem(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.added.push(AddedRoots::Pem(text.into()));
        self
    }

    /// Trusts the added roots and no others.
    pub fn only_added_roots(mut self) -> Self {
        self.trusted = Trusted::OnlyAdded;
        self
    }

    /// Checks everything and makes the settings.
    ///
    /// # Errors
    ///
    /// If a certificate cannot be read, if no root is left to trust, or if this build has no TLS
    /// provider.
    pub fn build(self) -> Result<TlsSettings, TlsSettingsError> {
        let provider = provider::built_in().ok_or(TlsSettingsError::NoProvider)?;
        let roots = self.roots()?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(unsupported)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(TlsSettings::from_rustls(Arc::new(config)))
    }

    fn roots(self) -> Result<RootCertStore, TlsSettingsError> {
        let mut roots = RootCertStore::empty();
        if let Trusted::WebPki = self.trusted {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for added in self.added {
            add(&mut roots, added)?;
        }
        if roots.is_empty() {
            return Err(TlsSettingsError::NoRoots);
        }
        Ok(roots)
    }
}

/// How many servers' sessions are remembered. rustls keeps up to eight tickets for each.
const SESSIONS: usize = 256;

fn add(roots: &mut RootCertStore, added: AddedRoots) -> Result<(), TlsSettingsError> {
    match added {
        AddedRoots::Der(der) => roots
            .add(CertificateDer::from(der))
            .map_err(bad_certificate),
        AddedRoots::Pem(text) => {
            let mut found = false;
            for certificate in CertificateDer::pem_slice_iter(&text) {
                let certificate = certificate.map_err(|_| TlsSettingsError::BadPem)?;
                roots.add(certificate).map_err(bad_certificate)?;
                found = true;
            }
            found.then_some(()).ok_or(TlsSettingsError::EmptyPem)
        }
    }
}

fn bad_certificate(error: rustls::Error) -> TlsSettingsError {
    TlsSettingsError::BadCertificate {
        reason: Bounded(error).to_string(),
    }
}

fn unsupported(error: rustls::Error) -> TlsSettingsError {
    TlsSettingsError::Unsupported {
        reason: Bounded(error).to_string(),
    }
}
