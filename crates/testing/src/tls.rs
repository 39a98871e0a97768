//! How a server speaks TLS.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio_rustls::TlsAcceptor;

use crate::identity::Identity;

/// How a TLS [`Server`](crate::Server) behaves below the script.
///
/// An [`Identity`] alone turns into the defaults: TLS 1.2 and 1.3, ALPN `http/1.1`, two session
/// tickets, close_notify sent before every end of the stream, no client certificate wanted.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use postrider_testing::{CloseNotify, Identity, Script, Server, Tls, TlsVersion};
///
/// let tls = Tls::new(Identity::for_names(&["localhost", "127.0.0.1"]))
///     .version(TlsVersion::Tls12)
///     .close_notify(CloseNotify::Omit);
/// let server = Server::start_tls(tls, [Script::respond("HTTP/1.1 204 No Content\r\n\r\n")]);
/// assert!(server.url("/").starts_with("https://127.0.0.1:"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Tls {
    identity: Identity,
    versions: Vec<&'static SupportedProtocolVersion>,
    alpn: Vec<Vec<u8>>,
    tickets: usize,
    close_notify: CloseNotify,
    client_roots: Vec<Vec<u8>>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

/// What a TLS server does before it ends its side of the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CloseNotify {
    /// Sends the close_notify alert, as RFC 8446 section 6.1 wants.
    Send,
    /// Ends the TCP stream without a word, which a client cannot tell from an attacker's
    /// truncation.
    Omit,
}

impl Tls {
    /// A server with this certificate, and the defaults.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            versions: vec![&TLS13, &TLS12],
            alpn: vec![b"http/1.1".to_vec()],
            tickets: 2,
            close_notify: CloseNotify::Send,
            client_roots: Vec::new(),
        }
    }

    /// Speaks this version only.
    #[must_use]
    pub fn version(mut self, only: TlsVersion) -> Self {
        self.versions = match only {
            TlsVersion::Tls12 => vec![&TLS12],
            TlsVersion::Tls13 => vec![&TLS13],
        };
        self
    }

    /// Agrees to these protocols, best first; none turns ALPN off.
    #[must_use]
    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols
            .iter()
            .map(|name| name.as_bytes().into())
            .collect();
        self
    }

    /// Sends this many TLS 1.3 session tickets after the handshake.
    #[must_use]
    pub fn tickets(mut self, count: usize) -> Self {
        self.tickets = count;
        self
    }

    /// Whether the script's `close` and `half_close` announce themselves.
    #[must_use]
    pub fn close_notify(mut self, close_notify: CloseNotify) -> Self {
        self.close_notify = close_notify;
        self
    }

    /// Refuses clients without a certificate that this authority (its certificate in DER) signed.
    /// May be called again for a further authority.
    #[must_use]
    pub fn require_client_certificate(mut self, ca_der: &[u8]) -> Self {
        self.client_roots.push(ca_der.to_vec());
        self
    }

    pub(crate) fn ending(&self) -> CloseNotify {
        self.close_notify
    }

    pub(crate) fn acceptor(&self) -> io::Result<TlsAcceptor> {
        let config = self.config().map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn config(&self) -> Result<ServerConfig, Box<dyn std::error::Error + Send + Sync>> {
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&self.versions)?;
        let builder = if self.client_roots.is_empty() {
            builder.with_no_client_auth()
        } else {
            let mut roots = RootCertStore::empty();
            for der in &self.client_roots {
                roots.add(CertificateDer::from(der.clone()))?;
            }
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        };
        let mut config =
            builder.with_single_cert(self.identity.chain(), self.identity.private_key())?;
        config.alpn_protocols.clone_from(&self.alpn);
        config.send_tls13_tickets = self.tickets;
        Ok(config)
    }
}

impl From<Identity> for Tls {
    fn from(identity: Identity) -> Self {
        Self::new(identity)
    }
}
