use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::UnixTime;

use super::*;
use crate::endpoint::{Endpoint, Host, Security};
use crate::error::ConnectError;
use crate::tls::handshake::HandshakeError;

#[test]
fn failures_that_are_hard_to_come_by_have_their_words() {
    let endpoint = Endpoint::new(Host::Name("a.test".into()), 443, Security::Tls);
    let certificate = |error| rustls::Error::InvalidCertificate(error);
    let list = |error| rustls::Error::InvalidCertRevocationList(error);
    let other = |words: &str| OtherError(Arc::from(Box::<dyn Error + Send + Sync>::from(words)));
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
            "the certificate is malformed or breaks a rule: it cannot be read",
        ),
        (
            certificate(CertificateError::UnhandledCriticalExtension),
            TlsErrorKind::BadCertificate,
            "the certificate is malformed or breaks a rule: \
             it has an unknown critical extension",
        ),
        (
            certificate(CertificateError::InvalidOcspResponse),
            TlsErrorKind::BadCertificate,
            "the certificate is malformed or breaks a rule: its OCSP response is bad",
        ),
        (
            certificate(CertificateError::Other(other("the path is too long"))),
            TlsErrorKind::BadCertificate,
            "the certificate is malformed or breaks a rule: the path is too long",
        ),
        (
            certificate(CertificateError::Other(other(
                "certificate had invalid extensions",
            ))),
            TlsErrorKind::WrongPurpose,
            "the certificate is not meant for a server",
        ),
        (
            #[expect(deprecated, reason = "so it may come")]
            certificate(CertificateError::UnsupportedSignatureAlgorithm),
            TlsErrorKind::BadSignature,
            "a signature is wrong or of an unsupported kind",
        ),
        (
            list(CertRevocationListError::BadSignature),
            TlsErrorKind::BadRevocationList,
            "a revocation list cannot be relied on: its signature is wrong",
        ),
        (
            list(CertRevocationListError::IssuerInvalidForCrl),
            TlsErrorKind::BadRevocationList,
            "a revocation list cannot be relied on: its issuer may not sign lists",
        ),
        (
            list(
                CertRevocationListError::UnsupportedSignatureAlgorithmContext {
                    signature_algorithm_id: vec![1],
                    supported_algorithms: Vec::new(),
                },
            ),
            TlsErrorKind::BadRevocationList,
            "a revocation list cannot be relied on: its signature is of an unsupported kind",
        ),
        (
            list(CertRevocationListError::Other(other("no luck"))),
            TlsErrorKind::BadRevocationList,
            "a revocation list cannot be relied on: no luck",
        ),
        (
            list(CertRevocationListError::ParseError),
            TlsErrorKind::BadRevocationList,
            "a revocation list cannot be relied on: ParseError",
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
            "the verifier refused the certificate",
        ),
        (
            rustls::Error::Other(other("no such key")),
            TlsErrorKind::Local,
            "this side failed: other error: no such key",
        ),
        (
            rustls::Error::EncryptError,
            TlsErrorKind::Local,
            "this side failed: cannot encrypt message",
        ),
        (
            rustls::InconsistentKeys::KeyMismatch.into(),
            TlsErrorKind::Local,
            "this side failed: keys may not be consistent: KeyMismatch",
        ),
        (
            rustls::Error::HandshakeNotComplete,
            TlsErrorKind::Local,
            "this side failed: handshake not complete",
        ),
        (
            rustls::Error::UnsupportedNameType,
            TlsErrorKind::InvalidServerName,
            "the host's name cannot stand in a certificate: \
             presented server name type wasn't supported",
        ),
        (
            InvalidMessage::InvalidContentType.into(),
            TlsErrorKind::NotTls,
            "what the server sent is no TLS",
        ),
        (
            InvalidMessage::UnknownProtocolVersion.into(),
            TlsErrorKind::NotTls,
            "what the server sent is no TLS",
        ),
        (
            InvalidMessage::MessageTooLarge.into(),
            TlsErrorKind::Protocol,
            "the server broke the rules of TLS: \
             received corrupt message of type MessageTooLarge",
        ),
        (
            rustls::Error::PeerSentOversizedRecord,
            TlsErrorKind::Protocol,
            "the server broke the rules of TLS: peer sent excess record size",
        ),
        (
            rustls::Error::AlertReceived(AlertDescription::HandshakeFailure),
            TlsErrorKind::Incompatible,
            "no version or cipher in common, or no client certificate: HandshakeFailure",
        ),
        (
            rustls::Error::AlertReceived(AlertDescription::InsufficientSecurity),
            TlsErrorKind::Incompatible,
            "no version or cipher in common: InsufficientSecurity",
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

/// Most clocks that are wrong are so by minutes, and most certificates that have expired have just
/// done so.
#[test]
fn times_are_told_in_the_largest_unit_that_they_fill() {
    let now = UnixTime::since_unix_epoch(Duration::from_secs(1_000_000_000));
    let since = |seconds: u64| UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    for (seconds, told) in [
        (0, "0 seconds"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (3599, "59 minutes"),
        (3600, "1 hour"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (200_000, "2 days"),
    ] {
        let expired = CertificateError::ExpiredContext {
            time: now,
            not_after: since(1_000_000_000 - seconds),
        };
        let early = CertificateError::NotValidYetContext {
            time: now,
            not_before: since(1_000_000_000 + seconds),
        };
        for (error, words) in [
            (expired, format!("the certificate has expired {told} ago")),
            (
                early,
                format!("the certificate is not yet valid for {told}"),
            ),
        ] {
            let kind = certificate_kind(&error);
            let error = rustls::Error::InvalidCertificate(error);
            let text = fmt::from_fn(|f| kind.explain(&error, f)).to_string();
            assert_eq!(text, words);
        }
    }
}
