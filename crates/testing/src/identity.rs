//! Certificates and who signs them.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData as _,
    RevokedCertParams, SerialNumber, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

/// A certificate authority of a test's own: it signs [`Identity`]s, and a client that is given its
/// certificate as a root trusts them.
///
/// ```
/// use postrider_testing::Authority;
///
/// let authority = Authority::new();
/// let alpha = authority.issue(&["alpha.test"]);
/// let beta = authority.issue(&["beta.test", "127.0.0.1"]);
/// assert_eq!(alpha.ca_der(), beta.ca_der());
/// assert!(authority.ca_pem().starts_with("-----BEGIN CERTIFICATE-----"));
/// ```
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new authority with a key of its own.
    ///
    /// # Panics
    ///
    /// If the system gives no random numbers.
    pub fn new() -> Self {
        // Two authorities of one name would look like one with a wrong key.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(
            DnType::CommonName,
            format!("postrider-testing authority {number}"),
        );
        Self {
            issuer: made(CertifiedIssuer::self_signed(params, new_key())),
        }
    }

    /// A certificate for these DNS names and IP addresses, valid for many years.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.sign(leaf(names))
    }

    /// A certificate for these names whose time ended in the year 2001.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue_expired(&self, names: &[&str]) -> Identity {
        let mut params = leaf(names);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(params)
    }

    /// A certificate for these names whose time begins in the year 2090.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn issue_not_yet_valid(&self, names: &[&str]) -> Identity {
        let mut params = leaf(names);
        params.not_before = date_time_ymd(2090, 1, 1);
        params.not_after = date_time_ymd(2091, 1, 1);
        self.sign(params)
    }

    /// A revocation list of this authority's that names these certificates, in PEM, good for many
    /// years.
    ///
    /// # Panics
    ///
    /// If the system gives no random numbers.
    pub fn revocation_list_pem(&self, revoked: &[&Identity]) -> String {
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2000, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(|identity| identity.revoked()).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        made(list.signed_by(&self.issuer).and_then(|list| list.pem()))
    }

    /// The authority's own certificate, for a client's roots, in DER.
    pub fn ca_der(&self) -> &[u8] {
        self.issuer.der()
    }

    /// The authority's own certificate, for a client's roots, in PEM.
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    fn sign(&self, mut params: CertificateParams) -> Identity {
        let key = new_key();
        let serial = new_serial();
        params.serial_number = Some(serial.clone());
        let certificate = made(params.signed_by(&key, &self.issuer));
        Identity {
            certificate_pem: certificate.pem(),
            certificate: certificate.into(),
            key_der: key.serialize_der(),
            key_pem: key.serialize_pem(),
            public_key_der: key.subject_public_key_info(),
            serial,
            ca: self.issuer.der().clone(),
            ca_pem: self.ca_pem(),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").finish_non_exhaustive()
    }
}

/// Who a TLS server (or a client with a certificate) is: a certificate, its key, and the
/// certificate of the authority that signed it.
///
/// ```
/// use postrider_testing::Identity;
///
/// let identity = Identity::for_names(&["localhost", "127.0.0.1"]);
/// let root_for_the_client: &[u8] = identity.ca_der();
/// # assert!(!root_for_the_client.is_empty());
/// ```
#[derive(Clone)]
pub struct Identity {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_der: Vec<u8>,
    key_pem: String,
    public_key_der: Vec<u8>,
    serial: SerialNumber,
    ca: CertificateDer<'static>,
    ca_pem: String,
}

impl Identity {
    /// A certificate for these DNS names and IP addresses, by a fresh [`Authority`].
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn for_names(names: &[&str]) -> Self {
        Authority::new().issue(names)
    }

    /// A certificate whose time ended in the year 2001, by a fresh [`Authority`].
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn expired(names: &[&str]) -> Self {
        Authority::new().issue_expired(names)
    }

    /// A certificate that no authority signed. [`ca_der`](Self::ca_der) is the certificate itself.
    ///
    /// # Panics
    ///
    /// If a name is not ASCII.
    pub fn self_signed(names: &[&str]) -> Self {
        let key = new_key();
        let serial = new_serial();
        let mut params = leaf(names);
        params.serial_number = Some(serial.clone());
        let certificate = made(params.self_signed(&key));
        Self {
            certificate_pem: certificate.pem(),
            ca_pem: certificate.pem(),
            ca: certificate.der().clone(),
            certificate: certificate.into(),
            key_der: key.serialize_der(),
            key_pem: key.serialize_pem(),
            public_key_der: key.subject_public_key_info(),
            serial,
        }
    }

    /// The certificate of the signing authority, for a client's roots, in DER.
    pub fn ca_der(&self) -> &[u8] {
        &self.ca
    }

    /// The certificate of the signing authority, for a client's roots, in PEM.
    pub fn ca_pem(&self) -> String {
        self.ca_pem.clone()
    }

    /// The certificate, in DER. The chain is this one certificate: the authority is a root.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate, in PEM.
    pub fn certificate_pem(&self) -> String {
        self.certificate_pem.clone()
    }

    /// The private key as PKCS #8, in DER.
    pub fn key_der(&self) -> &[u8] {
        &self.key_der
    }

    /// The private key as PKCS #8, in PEM.
    pub fn key_pem(&self) -> String {
        self.key_pem.clone()
    }

    /// The public key as SubjectPublicKeyInfo, in DER: what a pin is the digest of (RFC 7469).
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.clone()]
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key_der.clone()).into()
    }

    fn revoked(&self) -> RevokedCertParams {
        RevokedCertParams {
            serial_number: self.serial.clone(),
            revocation_time: date_time_ymd(2000, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let common_name = names.first().cloned().unwrap_or_default();
    let mut params = made(CertificateParams::new(names));
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    params
}

fn new_key() -> KeyPair {
    made(KeyPair::generate())
}

/// Revocation lists name certificates by it.
fn new_serial() -> SerialNumber {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    SerialNumber::from(NUMBER.fetch_add(1, Ordering::Relaxed))
}

#[expect(
    clippy::expect_used,
    reason = "only the test's own input can make these fail, and then the test should"
)]
fn made<T>(result: Result<T, rcgen::Error>) -> T {
    result.expect("a certificate for the given names")
}

#[cfg(test)]
mod tests {
    use super::{Authority, Identity};

    #[test]
    fn every_authority_has_a_key_of_its_own() {
        assert_ne!(Authority::new().ca_der(), Authority::new().ca_der());
    }

    #[test]
    fn a_self_signed_certificate_is_its_own_root() {
        let identity = Identity::self_signed(&["localhost"]);
        assert_eq!(identity.ca_der(), identity.certificate_der());
        assert_ne!(
            Identity::for_names(&["localhost"]).ca_der(),
            identity.ca_der()
        );
    }

    #[test]
    fn debug_output_shows_no_key() {
        let identity = Identity::for_names(&["localhost"]);
        assert_eq!(format!("{identity:?}"), "Identity { .. }");
    }
}
