//! Connections for those that have no connector of their own.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::Failure;
use crate::tls;

pub(crate) trait Connect: Clone + Send + Sync + 'static {
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    fn connect(
        &self,
        addr: SocketAddr,
    ) -> impl Future<Output = Result<Self::Stream, Failure>> + Send;

    /// The end as the protocol wants it.
    fn close(stream: Self::Stream) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// tokio's `TcpStream`, `TCP_NODELAY`.
#[derive(Clone)]
pub(crate) struct Tcp;

/// tokio-rustls over [`Tcp`].
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Connect for Tcp {
    type Stream = TcpStream;

    async fn connect(&self, addr: SocketAddr) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    }

    async fn close(_: TcpStream) -> Result<(), Failure> {
        Ok(())
    }
}

impl Tls {
    pub(crate) fn new(certificate: &[u8]) -> Result<Self, Failure> {
        let config = tls::client_config(certificate)?;
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl Connect for Tls {
    type Stream = TlsStream<TcpStream>;

    async fn connect(&self, addr: SocketAddr) -> Result<Self::Stream, Failure> {
        let stream = Tcp.connect(addr).await?;
        let name = ServerName::from(addr.ip());
        Ok(self.0.connect(name, stream).await?)
    }

    /// With close_notify. The server may have gone before it comes.
    async fn close(mut stream: Self::Stream) -> Result<(), Failure> {
        let _ = stream.shutdown().await;
        Ok(())
    }
}
