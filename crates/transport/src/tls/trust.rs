//! Whom to believe: from the settings to a verifier.

use std::sync::Arc;

use rustls::client::danger::ServerCertVerifier;
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
use rustls::{CertRevocationListError, CertificateError, RootCertStore};

use super::error::Listed;
use super::pem::all_in_pem;
use super::settings_error::TlsSettingsError;
use super::verifiers::{Credulous, Pinned};
use crate::bounded::Bounded;

/// Whom to believe. Each setting is kept apart from the others, so that their order means nothing.
pub(super) struct Trust {
    pub(super) belief: Belief,
    pub(super) judge: Judge,
    pub(super) roots: Roots,
    pub(super) added: Vec<Encoded>,
    pub(super) revoked: Vec<Encoded>,
    pub(super) pins: Vec<[u8; 32]>,
}

pub(super) enum Belief {
    Judged,
    /// In anybody.
    Blind,
}

/// Who looks at certificates.
pub(super) type Judge =
    fn(&Trust, &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>, TlsSettingsError>;

/// The roots to trust besides the added ones.
pub(super) enum Roots {
    OfJudge,
    OnlyAdded,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            belief: Belief::Judged,
            judge: web_pki,
            roots: Roots::OfJudge,
            added: Vec::new(),
            revoked: Vec::new(),
            pins: Vec::new(),
        }
    }
}

/// Certificates or revocation lists, as the caller has them.
pub(super) enum Encoded {
    Der(Vec<u8>),
    Pem(Vec<u8>),
}

impl Trust {
    pub(super) fn verifier(
        self,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsSettingsError> {
        let verifier = match self.belief {
            Belief::Judged => (self.judge)(&self, provider)?,
            Belief::Blind => {
                tracing::warn!("TLS settings that accept invalid certificates were made");
                Arc::new(Credulous(Arc::clone(provider)))
            }
        };
        if self.pins.is_empty() {
            return Ok(verifier);
        }
        Ok(Arc::new(Pinned::new(verifier, self.pins, provider)?))
    }

    fn root_store(&self) -> Result<RootCertStore, TlsSettingsError> {
        let mut roots = RootCertStore::empty();
        if let Roots::OfJudge = self.roots {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for encoded in &self.added {
            for certificate in encoded.certificates()? {
                roots.add(certificate).map_err(bad_certificate)?;
            }
        }
        if roots.is_empty() {
            return Err(TlsSettingsError::NoRoots);
        }
        Ok(roots)
    }

    fn revocation_lists(
        &self,
    ) -> Result<Vec<CertificateRevocationListDer<'static>>, TlsSettingsError> {
        let mut lists = Vec::new();
        for encoded in &self.revoked {
            match encoded {
                Encoded::Der(der) => lists.push(der.clone().into()),
                Encoded::Pem(text) => {
                    let bad = |reason| TlsSettingsError::BadRevocationList { reason };
                    lists.extend(all_in_pem(text).map_err(|error| error.about(bad))?);
                }
            }
        }
        Ok(lists)
    }
}

/// The rules of the web: RFC 5280 with the names of RFC 9525.
fn web_pki(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsSettingsError> {
    let roots = Arc::new(trust.root_store()?);
    let provider = Arc::clone(provider);
    let mut builder = WebPkiServerVerifier::builder_with_provider(roots, provider);
    if !trust.revoked.is_empty() {
        builder = builder
            .with_crls(trust.revocation_lists()?)
            .enforce_revocation_expiration();
    }
    match builder.build() {
        Ok(verifier) => Ok(verifier),
        Err(error) => Err(bad_revocation_list(error)),
    }
}

impl Encoded {
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsSettingsError> {
        match self {
            Self::Der(der) => Ok(vec![der.clone().into()]),
            Self::Pem(text) => all_in_pem(text),
        }
    }
}

pub(super) fn bad_certificate(error: rustls::Error) -> TlsSettingsError {
    TlsSettingsError::BadCertificate {
        reason: of_our_own(error),
    }
}

/// What is wrong with a certificate of ours, where rustls speaks of a peer's.
pub(super) fn of_our_own(error: rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(CertificateError::BadEncoding) => UNREADABLE.into(),
        rustls::Error::InvalidCertificate(error) => Bounded(error).to_string(),
        error => Bounded(error).to_string(),
    }
}

fn bad_revocation_list(error: VerifierBuilderError) -> TlsSettingsError {
    use CertRevocationListError as E;
    let reason = match error {
        VerifierBuilderError::InvalidCrl(E::ParseError | E::Other(_)) => UNREADABLE.into(),
        VerifierBuilderError::InvalidCrl(error) => Bounded(Listed(&error)).to_string(),
        error => Bounded(error).to_string(),
    };
    TlsSettingsError::BadRevocationList { reason }
}

const UNREADABLE: &str = "it cannot be read as DER";
