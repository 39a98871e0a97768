//! The far end of TLS connections.

use std::sync::Arc;

use postrider_transport::{
    Connected, Connector, ConnectorBuilder, Endpoint, Host, Security, Stream, TlsSettings,
    TlsSettingsBuilder,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, SupportedProtocolVersion};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::authority::{Authority, Identity};
use crate::support::{knowing, listen};

/// A server for `a.test`, and a connector that trusts its authority only.
pub(crate) struct Server {
    pub(crate) listener: TcpListener,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: Connector,
}

impl Server {
    /// TLS 1.3, with a good certificate.
    pub(crate) async fn new() -> Self {
        Self::with_versions(&[&rustls::version::TLS13]).await
    }

    pub(crate) async fn with_versions(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let authority = Authority::new();
        let config = server_config(&authority.identity("a.test"), versions);
        Self::with(&authority, config).await
    }

    pub(crate) async fn with(authority: &Authority, config: ServerConfig) -> Self {
        let (listener, addr) = listen().await;
        Self {
            listener,
            acceptor: acceptor(config),
            connector: knowing(&[addr]).tls(trusting(authority)).build(),
        }
    }

    /// Both ends of a connection.
    pub(crate) async fn connect(&self) -> (Connected, TlsStream<TcpStream>) {
        let endpoint = tls("a.test");
        let (connected, accepted) = tokio::join!(self.connector.connect(&endpoint), self.accept());
        (connected.unwrap(), accepted)
    }

    pub(crate) async fn pair(&self) -> (Stream, TlsStream<TcpStream>) {
        let (connected, server) = self.connect().await;
        (connected.stream, server)
    }

    pub(crate) async fn accept(&self) -> TlsStream<TcpStream> {
        let (socket, _) = self.listener.accept().await.unwrap();
        // Otherwise what follows the tickets waits until the client has acknowledged them.
        socket.set_nodelay(true).unwrap();
        self.acceptor.accept(socket).await.unwrap()
    }
}

/// Serves one connection, whatever becomes of it, and tells why it failed if it did.
pub(crate) fn serve_one(
    listener: TcpListener,
    config: ServerConfig,
) -> tokio::task::JoinHandle<Result<TlsStream<TcpStream>, std::io::Error>> {
    tokio::spawn(async move {
        let (socket, _) = listener.accept().await?;
        acceptor(config).accept(socket).await
    })
}

pub(crate) fn acceptor(config: ServerConfig) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(config))
}

pub(crate) fn server_config(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    chain_config(identity, &[], versions)
}

/// The same with authorities between the server and a root.
pub(crate) fn chain_config(
    identity: &Identity,
    intermediates: &[&Authority],
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let intermediates = intermediates.iter().map(|authority| authority.der());
    let chain = std::iter::once(identity.certificate.clone()).chain(intermediates);
    let chain = chain.map(CertificateDer::from).collect();
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap()
}

pub(crate) fn both_versions(identity: &Identity) -> ServerConfig {
    server_config(identity, rustls::ALL_VERSIONS)
}

pub(crate) fn trusting(authority: &Authority) -> TlsSettings {
    trusting_by(authority).build().unwrap()
}

/// The same, with room for more.
pub(crate) fn trusting_by(authority: &Authority) -> TlsSettingsBuilder {
    TlsSettings::builder()
        .add_root_der(authority.der())
        .only_added_roots()
}

pub(crate) fn knowing_and_trusting(
    addrs: &[std::net::SocketAddr],
    authority: &Authority,
) -> ConnectorBuilder {
    knowing(addrs).tls(trusting(authority))
}

/// The port comes with the overridden address.
pub(crate) fn tls(name: &str) -> Endpoint {
    Endpoint::new(Host::Name(name.into()), 443, Security::Tls)
}
