use std::error::Error;
use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{VerifierBuilderError, WebPkiServerVerifier};
use rustls::crypto::hash::{Hash, HashAlgorithm};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertRevocationListError, CertificateError, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};

use super::error::Listed;
use super::pem::all_in_pem;
use super::settings_error::TlsSettingsError;
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
            Belief::Blind => credulous(provider),
        };
        if self.pins.is_empty() {
            return Ok(verifier);
        }
        let sha256 = sha256(provider).ok_or(TlsSettingsError::NoSha256)?;
        Ok(Arc::new(Pinned {
            verifier,
            pins: self.pins,
            sha256,
        }))
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

/// Believes anybody.
fn credulous(provider: &Arc<CryptoProvider>) -> Arc<dyn ServerCertVerifier> {
    tracing::warn!("TLS settings that accept invalid certificates were made");
    Arc::new(Credulous(Arc::clone(provider)))
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

/// The provider's SHA-256, which it brings for its cipher suites.
fn sha256(provider: &CryptoProvider) -> Option<&'static dyn Hash> {
    provider
        .cipher_suites
        .iter()
        .filter_map(|suite| suite.tls13())
        .map(|suite| suite.common.hash_provider)
        .find(|hash| hash.algorithm() == HashAlgorithm::SHA256)
}

/// Believes whom another verifier believes, if the server's key is a known one.
struct Pinned {
    verifier: Arc<dyn ServerCertVerifier>,
    pins: Vec<[u8; 32]>,
    sha256: &'static dyn Hash,
}

impl fmt::Debug for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pinned").finish_non_exhaustive()
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        )?;
        let key = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        let digest = self.sha256.hash(&key);
        if self.pins.iter().any(|pin| pin[..] == *digest.as_ref()) {
            return Ok(verified);
        }
        Err(CertificateError::Other(OtherError(Arc::new(UnknownKey))).into())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// What [`Pinned`] refuses a server for, by way of rustls.
#[derive(Debug)]
pub(super) struct UnknownKey;

impl fmt::Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("none of the pinned keys")
    }
}

impl Error for UnknownKey {}

/// Believes any certificate. That the peer holds its key is checked all the same.
#[derive(Debug)]
struct Credulous(Arc<CryptoProvider>);

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, cert, dss, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
