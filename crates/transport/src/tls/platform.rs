//! The operating system as a judge of certificates.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls_platform_verifier::Verifier;

use super::settings_error::TlsSettingsError;
use super::trust::{Encoded, Roots, Trust, bad_certificate};
use crate::bounded::Bounded;

/// The operating system's judgement, with added roots besides.
pub(super) fn verifier(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsSettingsError> {
    if let Roots::OnlyAdded = trust.roots {
        return Err(TlsSettingsError::ContradictoryRoots);
    }
    if !trust.revoked.is_empty() {
        return Err(TlsSettingsError::ListsForPlatform);
    }
    let mut added = Vec::new();
    for certificates in trust.added.iter().map(Encoded::certificates) {
        added.extend(certificates?);
    }
    // Otherwise the platform would be blamed for them.
    for certificate in &added {
        let mut alone = RootCertStore::empty();
        alone.add(certificate.clone()).map_err(bad_certificate)?;
    }
    let verifier = Verifier::new_with_extra_roots(added, Arc::clone(provider));
    match verifier {
        Ok(verifier) => Ok(Arc::new(verifier)),
        Err(error) => Err(TlsSettingsError::NoPlatformVerifier {
            reason: Bounded(error).to_string(),
        }),
    }
}
