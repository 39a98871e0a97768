//! How connections are secured, and the builder of that.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::TLS13;
use rustls::{ClientConfig, DEFAULT_VERSIONS, KeyLogFile, SupportedProtocolVersion};

use super::name::ServerName;
use super::pem::first_in_pem;
use super::provider;
use super::settings_error::TlsSettingsError;
use super::trust::{Belief, Encoded, Roots, Trust, of_our_own};
use crate::bounded::Bounded;
use crate::endpoint::Endpoint;
use crate::facts::TlsVersion;

/// How to secure connections: whom to trust, who we are, and how to speak.
///
/// One value is one identity. Clones are equal and share their session store, so that sessions are
/// resumed; two values built apart are different, even from the same options, and share nothing.
/// That is what makes it fit for a pool's key.
///
/// # Rotation
///
/// Settings never change. To rotate a certificate, a root or a list, build new ones and use them
/// for new connections: those of an endpoint by
/// [`ConnectOptions::tls`](crate::ConnectOptions::tls), those of all by a new connector.
/// Connections made with the old settings go on until somebody closes them, and whoever keeps
/// connections by their endpoint lends them to nobody who asks with the new ones. The sessions of
/// the old settings go with them: no server that the new ones would not believe, and none that
/// knew us by an older certificate, is resumed.
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
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<ClientConfig>,
    asked_name: Option<ServerName>,
}

impl TlsSettings {
    /// Starts from the defaults: the roots of Mozilla's programme as `webpki-roots` carries them,
    /// TLS 1.2 and 1.3, ALPN `http/1.1`, sessions resumed.
    pub fn builder() -> TlsSettingsBuilder {
        TlsSettingsBuilder {
            trust: Trust::default(),
            identity: None,
            asked_name: None,
            oldest: TlsVersion::Tls12,
            sessions: SESSIONS,
            key_log: KeyLogging::Off,
        }
    }

    /// Uses a rustls configuration as it is: the escape hatch for everything that the builder
    /// does not know, such as a verifier of your own. One that refuses a certificate does so by
    /// `CertificateError::ApplicationVerificationFailure`, which becomes
    /// [`TlsErrorKind::Refused`](crate::TlsErrorKind::Refused). A panic in the handshake becomes an
    /// error.
    ///
    /// This is tied to **rustls 0.23** and changes with rustls. The configuration should offer
    /// `http/1.1` by ALPN, or nothing: a server that picks anything else fails the connection.
    ///
    /// Sessions are kept in the configuration's own `resumption`, which its clones share. To
    /// [rotate](Self#rotation) it, give the new one a fresh store: otherwise the new settings
    /// resume what the old ones agreed on.
    ///
    /// ```
    /// # #[cfg(feature = "tls-ring")] {
    /// use std::sync::Arc;
    ///
    /// use postrider_transport::TlsSettings;
    /// use rustls::{ClientConfig, RootCertStore};
    ///
    /// let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned();
    /// let provider = Arc::new(rustls::crypto::ring::default_provider());
    /// let mut config = ClientConfig::builder_with_provider(provider)
    ///     .with_safe_default_protocol_versions()?
    ///     // Or, by `dangerous()`, a verifier of your own.
    ///     .with_root_certificates(RootCertStore::from_iter(roots))
    ///     .with_no_client_auth();
    /// config.alpn_protocols = vec![b"http/1.1".to_vec()];
    /// let settings = TlsSettings::from_rustls(Arc::new(config));
    /// # }
    /// # Ok::<(), rustls::Error>(())
    /// ```
    pub fn from_rustls(config: Arc<ClientConfig>) -> Self {
        Self::new(config, None)
    }

    /// The defaults, if this build has a provider.
    pub(crate) fn built_in() -> Option<Self> {
        Self::builder().build().ok()
    }

    pub(super) fn config(&self) -> &Arc<ClientConfig> {
        &self.inner.config
    }

    /// The name to ask for and to verify at an endpoint; `None` where no certificate can hold it.
    pub(crate) fn name_for(&self, endpoint: &Endpoint) -> Option<ServerName> {
        let own = endpoint.options();
        own.and_then(|options| options.server_name.as_ref())
            .or(self.inner.asked_name.as_ref())
            .cloned()
            .or_else(|| ServerName::of(&endpoint.host))
    }

    fn new(config: Arc<ClientConfig>, asked_name: Option<ServerName>) -> Self {
        Self {
            inner: Arc::new(Inner { config, asked_name }),
        }
    }
}

impl PartialEq for TlsSettings {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for TlsSettings {}

impl Hash for TlsSettings {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings").finish_non_exhaustive()
    }
}

/// Gathers [`TlsSettings`].
#[must_use]
pub struct TlsSettingsBuilder {
    trust: Trust,
    identity: Option<Identity>,
    asked_name: Option<String>,
    oldest: TlsVersion,
    sessions: usize,
    key_log: KeyLogging,
}

/// Who we are to a server that asks.
struct Identity {
    chain: Encoded,
    key: Vec<u8>,
}

enum KeyLogging {
    Off,
    ToFile,
}

/// How many servers' sessions are remembered.
const SESSIONS: usize = 256;

/// More are never asked for, since rustls makes room for all of them beforehand.
const MOST_SESSIONS: usize = 1 << 16;

/// rustls counts the tickets of TLS 1.3, of which it keeps up to this many for each server.
const TICKETS: usize = 8;

impl TlsSettingsBuilder {
    /// Trusts a root certificate of your own, in DER.
    pub fn add_root_der(mut self, certificate: impl Into<Vec<u8>>) -> Self {
        self.trust.added.push(Encoded::Der(certificate.into()));
        self
    }

    /// Trusts every certificate in the text, in PEM.
    pub fn add_roots_pem(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.trust.added.push(Encoded::Pem(text.into()));
        self
    }

    /// Trusts the added roots and no others.
    pub fn only_added_roots(mut self) -> Self {
        self.trust.roots = Roots::OnlyAdded;
        self
    }

    /// Lets the operating system judge servers, and trusts the added roots besides.
    ///
    /// On Linux that means the roots that the system has installed, which `build` reads from
    /// files. Revocation lists cannot be added to it, and
    /// [`only_added_roots`](Self::only_added_roots) contradicts it: `build` then fails.
    #[cfg(feature = "platform-verifier")]
    pub fn platform_verifier(mut self) -> Self {
        self.trust.judge = super::platform::verifier;
        self
    }

    /// Refuses certificates that this revocation list names, in DER.
    ///
    /// Where any list is given, every certificate of a chain below its root must be covered by
    /// one, and a list that is out of date fails the handshake.
    pub fn add_revocation_list_der(mut self, list: impl Into<Vec<u8>>) -> Self {
        self.trust.revoked.push(Encoded::Der(list.into()));
        self
    }

    /// Refuses certificates that these revocation lists name, in PEM; see
    /// [`add_revocation_list_der`](Self::add_revocation_list_der).
    pub fn add_revocation_lists_pem(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.trust.revoked.push(Encoded::Pem(text.into()));
        self
    }

    /// Accepts only servers whose public key is one of the pinned ones, besides everything else
    /// that is asked of their certificates. One with another key fails by
    /// [`TlsErrorKind::UnknownKey`](crate::TlsErrorKind::UnknownKey).
    ///
    /// A pin is the SHA-256 of the certificate's SubjectPublicKeyInfo in DER, as in RFC 7469. Pin
    /// a spare key as well. openssl tells that of a certificate:
    ///
    /// ```sh
    /// openssl x509 -in certificate.pem -pubkey -noout |
    ///     openssl pkey -pubin -outform der | openssl dgst -sha256
    /// ```
    pub fn pin_public_key(mut self, sha256: [u8; 32]) -> Self {
        self.trust.pins.push(sha256);
        self
    }

    /// Shows a certificate to servers that ask for one: its chain, the own certificate first, and
    /// its private key, both in PEM.
    pub fn client_certificate_pem(
        mut self,
        chain: impl Into<Vec<u8>>,
        key: impl Into<Vec<u8>>,
    ) -> Self {
        self.identity = Some(Identity {
            chain: Encoded::Pem(chain.into()),
            key: key.into(),
        });
        self
    }

    /// Asks for and verifies this name, a DNS name in ASCII or an address, in place of the
    /// endpoint's host.
    pub fn server_name(mut self, name: &str) -> Self {
        self.asked_name = Some(name.to_owned());
        self
    }

    /// Speaks no version older than this. TLS 1.2 unless set.
    pub fn oldest_version(mut self, oldest: TlsVersion) -> Self {
        self.oldest = oldest;
        self
    }

    /// For how many servers sessions are remembered, so that they can be resumed. 256 unless set,
    /// 65 536 at most; zero resumes none. Room for them is taken at once.
    pub fn remembered_sessions(mut self, servers: usize) -> Self {
        self.sessions = servers;
        self
    }

    /// Writes the secrets of every connection to the file that the environment variable
    /// `SSLKEYLOGFILE` names, for a packet analyser. Whoever can read the file can read the
    /// connections. Without the variable nothing is written.
    pub fn log_keys_to_file(mut self) -> Self {
        self.key_log = KeyLogging::ToFile;
        self
    }

    /// **Dangerous**: believes any server, whatever its certificate says. Roots, revocation lists
    /// and the operating system's judgement then mean nothing, whether they are set before or
    /// after; pinned keys still count. Anybody on the way can read and change what is sent.
    pub fn danger_accept_invalid_certificates(mut self) -> Self {
        self.trust.belief = Belief::Blind;
        self
    }

    /// Checks everything and makes the settings.
    ///
    /// # Errors
    ///
    /// If a certificate, a key, a list or the server name cannot be read, if no root is left to
    /// trust, if settings contradict each other, or if this build has no TLS provider.
    pub fn build(self) -> Result<TlsSettings, TlsSettingsError> {
        let provider = provider::built_in().ok_or(TlsSettingsError::NoProvider)?;
        let asked_name = self
            .asked_name
            .as_deref()
            .map(ServerName::parse)
            .transpose()?;
        let verifier = self.trust.verifier(&provider)?;
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions_since(self.oldest))
            .map_err(unsupported)?
            // The rustls interface calls every verifier but its default one dangerous.
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (chain, key) = identity.read(&provider)?;
                let config = builder.with_client_auth_cert(chain, key);
                config.map_err(bad_client_certificate)?
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = match self.sessions {
            0 => Resumption::disabled(),
            servers => Resumption::in_memory_sessions(servers.min(MOST_SESSIONS) * TICKETS),
        };
        if let KeyLogging::ToFile = self.key_log {
            config.key_log = Arc::new(KeyLogFile::new());
        }
        Ok(TlsSettings::new(Arc::new(config), asked_name))
    }
}

impl Identity {
    fn read(
        &self,
        provider: &CryptoProvider,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsSettingsError> {
        let bad = |reason| TlsSettingsError::BadClientCertificate { reason };
        let chain = self
            .chain
            .certificates()
            .map_err(|error| error.about(bad))?;
        let key: PrivateKeyDer<'static> =
            first_in_pem(&self.key).ok_or(TlsSettingsError::BadKey)?;
        // A key that no signature can be made with is told apart from one that fits badly.
        let loaded = provider.key_provider.load_private_key(key.clone_key());
        loaded.map_err(|_| TlsSettingsError::BadKey)?;
        Ok((chain, key))
    }
}

impl fmt::Debug for TlsSettingsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettingsBuilder").finish_non_exhaustive()
    }
}

fn versions_since(oldest: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];

    match oldest {
        TlsVersion::Tls12 => DEFAULT_VERSIONS,
        TlsVersion::Tls13 => ONLY_TLS13,
    }
}

fn unsupported(error: rustls::Error) -> TlsSettingsError {
    TlsSettingsError::Unsupported {
        reason: Bounded(error).to_string(),
    }
}

fn bad_client_certificate(error: rustls::Error) -> TlsSettingsError {
    TlsSettingsError::BadClientCertificate {
        reason: of_our_own(error),
    }
}
