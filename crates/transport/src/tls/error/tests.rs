use std::time::Duration;

use super::*;
use crate::endpoint::{Endpoint, Host, Security};
use crate::error::ConnectError;
use crate::tls::handshake::HandshakeError;

#[test]
fn verification_failures_that_need_more_than_a_certificate_have_their_words() {
    let endpoint = Endpoint::new(Host::Name("a.test".into()), 443, Security::Tls);
    let certificate = |error| rustls::Error::InvalidCertificate(error);
    for (error, kind, words) in [
        (
            certificate(CertificateError::Revoked),
            TlsErrorKind::Revoked,
            "the certificate was revoked",
        ),
        (
            certificate(CertificateError::UnknownRevocationStatus),
            TlsErrorKind::UnknownRevocation,
            "no revocation list knows the certificate",
        ),
        (
            certificate(CertificateError::ExpiredRevocationList),
            TlsErrorKind::ExpiredRevocationList,
            "the revocation list is out of date",
        ),
        (
            certificate(CertificateError::BadSignature),
            TlsErrorKind::BadSignature,
            "a signature is wrong or of an unsupported kind",
        ),
        (
            certificate(CertificateError::BadEncoding),
            TlsErrorKind::BadCertificate,
            "the certificate is malformed or breaks a rule: \
             invalid peer certificate: BadEncoding",
        ),
        (
            rustls::Error::NoCertificatesPresented,
            TlsErrorKind::NoCertificate,
            "the server sent no certificate",
        ),
        (
            rustls::Error::DecryptError,
            TlsErrorKind::Protocol,
            "the server broke the rules of TLS: cannot decrypt peer's message",
        ),
        (
            rustls::Error::FailedToGetRandomBytes,
            TlsErrorKind::Local,
            "this side failed: failed to get random bytes",
        ),
        (
            certificate(CertificateError::ApplicationVerificationFailure),
            TlsErrorKind::Refused,
            "the verifier refused the certificate: \
             invalid peer certificate: ApplicationVerificationFailure",
        ),
        (
            rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
            TlsErrorKind::Alert,
            "the server sent an alert: CertificateRequired",
        ),
    ] {
        let failure = HandshakeError::from_rustls(error).into_failure();
        assert_eq!(failure.kind, ConnectErrorKind::Tls(kind));
        let expected = format!("TLS handshake with a.test:443 failed: {words}");
        let error = ConnectError::new(failure, &endpoint, Duration::ZERO);
        assert_eq!(error.to_string(), expected);
    }
}
