//! What kind of failure of TLS it was, in words that help.

use std::error::Error;
use std::fmt;

use rustls::{
    AlertDescription, CertRevocationListError, CertificateError, InvalidMessage, OtherError,
    PeerMisbehaved,
};

use super::verifiers::UnknownKey;
use crate::bounded::Bounded;
use crate::error::ConnectErrorKind;

/// Why TLS failed: a handshake, or what came after it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum TlsErrorKind {
    /// A certificate has expired.
    Expired,
    /// A certificate is not valid yet. Look at the clocks.
    NotYetValid,
    /// The certificate is for other names than the host's.
    WrongName,
    /// The certificate's chain leads to no trusted root.
    UnknownIssuer,
    /// A certificate was revoked.
    Revoked,
    /// No revocation list tells about a certificate.
    UnknownRevocation,
    /// A revocation list is out of date.
    ExpiredRevocationList,
    /// A revocation list was given that cannot be relied on: its signature is wrong, or its issuer
    /// may not sign lists.
    BadRevocationList,
    /// The certificate is meant for something else than a server.
    WrongPurpose,
    /// The server's own certificate is that of an authority, as most self-signed ones are, and no
    /// server is believed by such a one, trusted as a root or not.
    OwnAuthority,
    /// A signature is wrong, or made in a way that is not supported.
    BadSignature,
    /// The certificate is malformed, or breaks a rule that has no kind of its own here.
    BadCertificate,
    /// The server sent no certificate.
    NoCertificate,
    /// The server's public key is none of the pinned ones.
    UnknownKey,
    /// A verifier of the user's own refused the certificate.
    Refused,
    /// The server sent an alert.
    Alert,
    /// The two sides have no version, cipher suite or key exchange in common.
    ///
    /// A server of TLS 1.2 may say the same of a client certificate that it misses (RFC 5246
    /// §7.4.6).
    Incompatible,
    /// What came is no TLS. Perhaps the port speaks plain HTTP.
    NotTls,
    /// The server broke the rules of TLS.
    Protocol,
    /// The connection ended during the handshake.
    Closed,
    /// The host's name cannot stand in a certificate.
    InvalidServerName,
    /// Our own side failed: for want of randomness or time, or in the user's own settings or code.
    Local,
}

impl TlsErrorKind {
    /// The kind, with what the cause knows besides.
    pub(crate) fn explain(
        self,
        cause: &(dyn Error + 'static),
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        use rustls::Error as E;
        write!(f, "{self}")?;
        match cause.downcast_ref::<E>() {
            Some(E::InvalidCertificate(error)) => explain_certificate(error, f),
            Some(E::InvalidCertRevocationList(error)) => write!(f, ": {}", Listed(error)),
            Some(E::AlertReceived(alert)) => {
                if let (Self::Incompatible, AlertDescription::HandshakeFailure) = (self, alert) {
                    f.write_str(", or no client certificate")?;
                }
                write!(f, ": {}", Bounded(format_args!("{alert:?}")))
            }
            // Where the kind says it all.
            Some(E::NoCertificatesPresented) => Ok(()),
            Some(E::InvalidMessage(_)) if self == Self::NotTls => Ok(()),
            Some(error) => write!(f, ": {}", Bounded(error)),
            None => write!(f, ": {}", Bounded(cause)),
        }
    }
}

fn explain_certificate(error: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use CertificateError as E;
    match error {
        E::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
            let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
            write!(f, ": {}", Bounded(names.join(", ")))
        }
        E::ExpiredContext { time, not_after } => {
            let ago = time.as_secs().saturating_sub(not_after.as_secs());
            write!(f, " {} ago", Span(ago))
        }
        E::NotValidYetContext { time, not_before } => {
            let left = not_before.as_secs().saturating_sub(time.as_secs());
            write!(f, " for {}", Span(left))
        }
        E::BadEncoding => f.write_str(": it cannot be read"),
        E::UnhandledCriticalExtension => f.write_str(": it has an unknown critical extension"),
        E::InvalidOcspResponse => f.write_str(": its OCSP response is bad"),
        E::Other(other) if certificate_kind(error) == TlsErrorKind::BadCertificate => {
            write!(f, ": {}", Bounded(other))
        }
        // Where the kind says it all.
        _ => Ok(()),
    }
}

/// What is wrong with a revocation list.
pub(super) struct Listed<'a>(pub(super) &'a CertRevocationListError);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CertRevocationListError as E;
        match self.0 {
            E::BadSignature => f.write_str("its signature is wrong"),
            E::IssuerInvalidForCrl => f.write_str("its issuer may not sign lists"),
            E::UnsupportedSignatureAlgorithmContext { .. }
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                f.write_str("its signature is of an unsupported kind")
            }
            E::Other(other) => Bounded(other).fmt(f),
            other => Bounded(format_args!("{other:?}")).fmt(f),
        }
    }
}

/// A name of a certificate without the type that rustls writes around it. Of types that are no
/// names of servers, the type is all that there is to tell.
fn plain(presented: &str) -> &str {
    [
        ("DnsName(\"", "\")"),
        ("IpAddress(", ")"),
        ("UniformResourceIdentifier(\"", "\")"),
    ]
    .into_iter()
    .find_map(|(before, after)| presented.strip_prefix(before)?.strip_suffix(after))
    .unwrap_or(presented)
}

/// A time in the largest unit that it fills: days for a certificate that was forgotten, minutes for
/// a clock that is wrong.
struct Span(u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self.0 {
            0..MINUTE => (self.0, "second"),
            MINUTE..HOUR => (self.0 / MINUTE, "minute"),
            HOUR..DAY => (self.0 / HOUR, "hour"),
            DAY.. => (self.0 / DAY, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        write!(f, "{count} {unit}{plural}")
    }
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What a handshake failed of.
pub(super) fn connect_kind(error: &rustls::Error) -> ConnectErrorKind {
    use rustls::Error as E;
    match error {
        E::NoApplicationProtocol
        | E::AlertReceived(AlertDescription::NoApplicationProtocol)
        | E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            ConnectErrorKind::AlpnMismatch
        }
        // With these a server answers offers of which it can use none. Later it means other things.
        E::AlertReceived(
            AlertDescription::HandshakeFailure | AlertDescription::InsufficientSecurity,
        ) => ConnectErrorKind::Tls(TlsErrorKind::Incompatible),
        _ => ConnectErrorKind::Tls(tls_kind(error)),
    }
}

pub(super) fn tls_kind(error: &rustls::Error) -> TlsErrorKind {
    use rustls::Error as E;
    match error {
        E::InvalidCertificate(certificate) => certificate_kind(certificate),
        E::AlertReceived(AlertDescription::ProtocolVersion) | E::PeerIncompatible(_) => {
            TlsErrorKind::Incompatible
        }
        E::AlertReceived(_) => TlsErrorKind::Alert,
        E::NoCertificatesPresented => TlsErrorKind::NoCertificate,
        // All that the head of a record can tell. What comes later is TLS, and broken.
        E::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => TlsErrorKind::NotTls,
        E::InvalidCertRevocationList(_) => TlsErrorKind::BadRevocationList,
        E::UnsupportedNameType => TlsErrorKind::InvalidServerName,
        E::General(_)
        | E::FailedToGetCurrentTime
        | E::FailedToGetRandomBytes
        | E::EncryptError
        | E::HandshakeNotComplete
        | E::BadMaxFragmentSize
        | E::InconsistentKeys(_)
        | E::Other(_) => TlsErrorKind::Local,
        _ => TlsErrorKind::Protocol,
    }
}

fn certificate_kind(error: &CertificateError) -> TlsErrorKind {
    use CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => TlsErrorKind::Expired,
        E::NotValidYet | E::NotValidYetContext { .. } => TlsErrorKind::NotYetValid,
        E::NotValidForName | E::NotValidForNameContext { .. } => TlsErrorKind::WrongName,
        E::UnknownIssuer => TlsErrorKind::UnknownIssuer,
        E::Revoked => TlsErrorKind::Revoked,
        E::UnknownRevocationStatus => TlsErrorKind::UnknownRevocation,
        E::ExpiredRevocationList | E::ExpiredRevocationListContext { .. } => {
            TlsErrorKind::ExpiredRevocationList
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => TlsErrorKind::WrongPurpose,
        E::BadSignature
        | E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => TlsErrorKind::BadSignature,
        #[expect(deprecated, reason = "a verifier of the user's own may give it still")]
        E::UnsupportedSignatureAlgorithm => TlsErrorKind::BadSignature,
        E::Other(other) => other_kind(other),
        E::ApplicationVerificationFailure => TlsErrorKind::Refused,
        _ => TlsErrorKind::BadCertificate,
    }
}

/// Verifiers give errors of types that nobody else can name. Those are known by their words.
fn other_kind(error: &OtherError) -> TlsErrorKind {
    if error.0.is::<UnknownKey>() {
        return TlsErrorKind::UnknownKey;
    }
    match error.to_string().as_str() {
        // Of the verifier that rustls brings.
        "CaUsedAsEndEntity" => TlsErrorKind::OwnAuthority,
        // Of the platform verifier, where rustls would have told of a wrong purpose.
        "certificate had invalid extensions" => TlsErrorKind::WrongPurpose,
        _ => TlsErrorKind::BadCertificate,
    }
}

impl fmt::Display for TlsErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "the certificate has expired",
            Self::NotYetValid => "the certificate is not yet valid",
            Self::WrongName => "the certificate is for other names",
            Self::UnknownIssuer => "the certificate's issuer is not trusted",
            Self::Revoked => "the certificate was revoked",
            Self::UnknownRevocation => "no revocation list knows the certificate",
            Self::ExpiredRevocationList => "the revocation list is out of date",
            Self::BadRevocationList => "a revocation list cannot be relied on",
            Self::WrongPurpose => "the certificate is not meant for a server",
            Self::OwnAuthority => {
                "the certificate is an authority's and cannot be a server's as well"
            }
            Self::BadSignature => "a signature is wrong or of an unsupported kind",
            Self::BadCertificate => "the certificate is malformed or breaks a rule",
            Self::NoCertificate => "the server sent no certificate",
            Self::UnknownKey => "the server's key is none of the pinned keys",
            Self::Refused => "the verifier refused the certificate",
            Self::Alert => "the server sent an alert",
            Self::Incompatible => "no version or cipher in common",
            Self::NotTls => "what the server sent is no TLS",
            Self::Protocol => "the server broke the rules of TLS",
            Self::Closed => "the connection ended during the handshake",
            Self::InvalidServerName => "the host's name cannot stand in a certificate",
            Self::Local => "this side failed",
        })
    }
}

#[cfg(test)]
mod tests;
