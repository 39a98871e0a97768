//! What is wrong with the settings of TLS.

use std::error::Error;
use std::fmt;

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
    /// A text of root certificates is no PEM.
    BadPem,
    /// A text of root certificates in PEM holds none.
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
    /// Keys were pinned, and the provider has no SHA-256 to know them by.
    NoSha256,
    /// The operating system was to judge, and its roots cannot be used.
    NoPlatformVerifier {
        /// What is wrong with them.
        reason: String,
    },
    /// The operating system was to judge, which takes no revocation lists, and some were added.
    ListsForPlatform,
}

impl TlsSettingsError {
    /// The same of a text that holds something else than roots.
    pub(super) fn about(self, what: impl FnOnce(String) -> Self) -> Self {
        match self {
            Self::BadPem => what("it is no PEM".into()),
            Self::EmptyPem => what("its PEM holds none".into()),
            other => other,
        }
    }
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
            Self::BadPem => f.write_str("a text of root certificates is no PEM"),
            Self::EmptyPem => f.write_str("a text of root certificates in PEM holds none"),
            Self::BadCertificate { reason } => write!(f, "a root certificate is bad: {reason}"),
            Self::BadRevocationList { reason } => write!(f, "a revocation list is bad: {reason}"),
            Self::BadClientCertificate { reason } => {
                write!(f, "the client certificate is bad: {reason}")
            }
            Self::BadKey => f.write_str(
                "the client certificate's key cannot be read (it must be in PEM and not encrypted)",
            ),
            Self::BadServerName => {
                f.write_str("the server name is neither a DNS name nor an address")
            }
            Self::Unsupported { reason } => write!(f, "the TLS provider will not do: {reason}"),
            Self::NoSha256 => {
                f.write_str("the TLS provider has no SHA-256, which pinned keys are known by")
            }
            Self::NoPlatformVerifier { reason } => {
                write!(f, "the platform verifier will not do: {reason}")
            }
            Self::ListsForPlatform => {
                f.write_str("the platform verifier takes no revocation lists")
            }
        }
    }
}

impl Error for TlsSettingsError {}
