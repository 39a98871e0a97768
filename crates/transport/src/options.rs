//! What is different for one endpoint.

use std::net::IpAddr;

use crate::tls::{ServerName, TlsSettings};

/// Settings of one connection, in the place of its connector's.
///
/// They are a part of the [`Endpoint`](crate::Endpoint): two endpoints with unlike options are
/// unlike, so that whoever keeps connections by their endpoint never mixes them up. What is
/// `None` is as the connector has it.
///
/// ```
/// use postrider_transport::{ConnectOptions, Endpoint, Host, Security, ServerName};
///
/// let mut options = ConnectOptions::default();
/// options.server_name = Some(ServerName::parse("internal.test")?);
/// let endpoint = Endpoint::new(Host::Name("10-0-0-7.test".into()), 443, Security::Tls);
/// assert_ne!(endpoint.clone().with_options(options), endpoint);
/// # Ok::<(), postrider_transport::TlsSettingsError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// How to secure the connection.
    pub tls: Option<TlsSettings>,
    /// The name to ask for and to verify, in place of the endpoint's host and of the name that
    /// the TLS settings ask for.
    pub server_name: Option<ServerName>,
    /// The address to connect from, and therefore to addresses of its family only.
    pub local_address: Option<IpAddr>,
    /// The network interface to connect through, as
    /// [`ConnectorBuilder::interface`](crate::ConnectorBuilder::interface) does.
    pub interface: Option<Box<str>>,
}
