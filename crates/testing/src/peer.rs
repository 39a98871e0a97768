//! Who is at the other end of a server's connection.

use std::net::SocketAddr;

/// Who is at the other end of a server's connection: what the client showed of itself.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> std::io::Result<()> {
/// use postrider_testing::{Script, Server};
/// use tokio::net::TcpStream;
///
/// let server = Server::start([Script::new()]);
/// let client = TcpStream::connect(server.addr()).await?;
/// server.accepted(1).await;
/// assert_eq!(server.peer(0).addr, Some(client.local_addr()?));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// The client's address; an in-memory one has none.
    pub addr: Option<SocketAddr>,
    /// What its TLS handshake told, once that is done; `None` before, and in the clear.
    pub tls: Option<PeerTls>,
}

/// What a client told in its TLS handshake.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PeerTls {
    /// The name that it asked for (SNI, RFC 6066 section 3), if it asked for one.
    pub server_name: Option<String>,
    /// The certificate that it showed, in DER, if the server
    /// [asked for one](crate::Tls::require_client_certificate). A resumed session's is the one
    /// that was shown when the session began.
    pub certificate: Option<Vec<u8>>,
    /// Whether it resumed an earlier session.
    pub resumed: bool,
}
