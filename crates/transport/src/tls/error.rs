use std::error::Error;
use std::fmt;

use rustls::{AlertDescription, CertificateError, PeerMisbehaved};

use super::trust::UnknownKey;
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
    /// The certificate is meant for something else than a server.
    WrongPurpose,
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
    Incompatible,
    /// What came is no TLS. Perhaps the port speaks plain HTTP.
    NotTls,
    /// The server broke the rules of TLS.
    Protocol,
    /// The connection ended during the handshake.
    Closed,
    /// The host's name cannot stand in a certificate.
    InvalidServerName,
    /// Our own side failed, for want of randomness or time.
    Local,
}

impl TlsErrorKind {
    /// The kind, with what the cause knows besides.
    pub(crate) fn explain(
        self,
        cause: &(dyn Error + 'static),
        f: &mut fmt::Formatter<'_>,
    ) -> fmt::Result {
        write!(f, "{self}")?;
        match cause.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::InvalidCertificate(CertificateError::NotValidForNameContext {
                presented,
                ..
            })) if !presented.is_empty() => {
                let names: Vec<_> = presented.iter().map(|name| plain(name)).collect();
                write!(f, ": {}", Bounded(names.join(", ")))
            }
            Some(rustls::Error::InvalidCertificate(CertificateError::ExpiredContext {
                time,
                not_after,
            })) => {
                let days = time.as_secs().saturating_sub(not_after.as_secs()) / DAY;
                write!(f, " {days} days ago")
            }
            Some(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                time,
                not_before,
            })) => {
                let days = not_before.as_secs().saturating_sub(time.as_secs()) / DAY;
                write!(f, " for {days} days")
            }
            Some(rustls::Error::AlertReceived(alert)) => {
                write!(f, ": {}", Bounded(format_args!("{alert:?}")))
            }
            // Where the kind says it all.
            Some(
                rustls::Error::InvalidCertificate(_)
                | rustls::Error::NoCertificatesPresented
                | rustls::Error::InvalidMessage(_),
            ) if !matches!(self, Self::BadCertificate | Self::Refused) => Ok(()),
            Some(error) => write!(f, ": {}", Bounded(error)),
            None => write!(f, ": {}", Bounded(cause)),
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

const DAY: u64 = 24 * 60 * 60;

/// What a handshake failed of.
pub(super) fn connect_kind(error: &rustls::Error) -> ConnectErrorKind {
    use rustls::Error as E;
    match error {
        E::NoApplicationProtocol
        | E::AlertReceived(AlertDescription::NoApplicationProtocol)
        | E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedApplicationProtocol) => {
            ConnectErrorKind::AlpnMismatch
        }
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
        E::InvalidMessage(_) | E::PeerSentOversizedRecord => TlsErrorKind::NotTls,
        E::UnsupportedNameType => TlsErrorKind::InvalidServerName,
        E::General(_) | E::FailedToGetCurrentTime | E::FailedToGetRandomBytes => {
            TlsErrorKind::Local
        }
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
        E::Other(other) if other.0.is::<UnknownKey>() => TlsErrorKind::UnknownKey,
        E::ApplicationVerificationFailure => TlsErrorKind::Refused,
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
            Self::WrongPurpose => "the certificate is not meant for a server",
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

/// Why [`TlsSettings`](crate::TlsSettings) could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsSettingsError {
    /// This build has no TLS provider.
    NoProvider,
    /// Only added roots were to be trusted, and none was added.
    NoRoots,
    /// Only added roots were to be trusted, and the operating system's as well.
    ContradictoryRoots,
    /// A text is no PEM.
    BadPem,
    /// A text in PEM holds nothing of what it should.
    EmptyPem,
    /// A certificate cannot be read.
    BadCertificate {
        /// What is wrong with it.
        reason: String,
    },
    /// A revocation list cannot be read.
    BadRevocationList {
        /// What is wrong with it.
        reason: String,
    },
    /// The client certificate cannot be used with its key.
    BadClientCertificate {
        /// What is wrong with it.
        reason: String,
    },
    /// The client certificate's private key cannot be read.
    BadKey,
    /// The server name is neither a DNS name nor an address.
    BadServerName,
    /// The provider supports no protocol version that we do.
    Unsupported {
        /// What it says.
        reason: String,
    },
}

impl fmt::Display for TlsSettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoProvider => f.write_str(
                "this build has no TLS provider (feature `tls-ring` or `tls-aws-lc-rs`)",
            ),
            Self::NoRoots => f.write_str("no root certificate is left to trust"),
            Self::ContradictoryRoots => f.write_str(
                "only added roots were to be trusted, and the platform verifier trusts others",
            ),
            Self::BadPem => f.write_str("a text is no PEM"),
            Self::EmptyPem => f.write_str("a text in PEM holds no certificate or list"),
            Self::BadCertificate { reason } => write!(f, "a root certificate is bad: {reason}"),
            Self::BadRevocationList { reason } => write!(f, "a revocation list is bad: {reason}"),
            Self::BadClientCertificate { reason } => {
                write!(f, "the client certificate is bad: {reason}")
            }
            Self::BadKey => f.write_str("the client certificate's key cannot be read"),
            Self::BadServerName => {
                f.write_str("the server name is neither a DNS name nor an address")
            }
            Self::Unsupported { reason } => write!(f, "the TLS provider will not do: {reason}"),
        }
    }
}

impl Error for TlsSettingsError {}

#[cfg(test)]
mod tests;
