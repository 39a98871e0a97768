//! Making a connection for the pool.

use std::future::Future;
use std::sync::Arc;

use transport::{ConnectError, Connector};

use crate::connection::Connection;
use crate::turn::Watched;

/// Makes a connection for the pool, and lets be seen how it goes. It uses nothing
/// but what is in the key or the same for the whole client, so that any request
/// of that key can ride what it makes.
///
/// Where the client's TLS settings have changed since the key was made, the new
/// ones secure the connection, and it is closed after use.
pub(crate) fn dial(
    connector: Connector,
    watched: Watched,
) -> impl Future<Output = Result<Box<Connection>, ConnectError>> + Send + 'static {
    let key = watched.key();
    let tls_generation = key.0.tls_generation;
    let endpoint = match tls_generation {
        Some(_) => watched.home.rotation.secure(key.0.endpoint()),
        None => key.0.endpoint(),
    };
    async move {
        let connected = connector.connect_watched(&endpoint, watched.progress());
        let connected = connected.await?;
        let home = Arc::clone(&watched.home);
        Ok(Connection::new(connected, home, tls_generation))
    }
}
