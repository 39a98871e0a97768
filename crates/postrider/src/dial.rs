//! Making a connection for the pool.

use std::future::Future;
use std::sync::Arc;

use transport::{ConnectError, Connector};

use crate::client::{Home, Inner};
use crate::connection::Connection;
use crate::route::Key;
use crate::turn::Watched;

/// How the pool makes a connection to a key. It uses nothing but what is in the
/// key or the same for the whole client, so that any request of that key can
/// ride what it makes.
#[derive(Clone)]
pub(crate) struct Dial {
    connector: Connector,
    key: Key,
    home: Arc<Home>,
}

impl Dial {
    pub(crate) fn to(key: Key, client: &Inner) -> Self {
        Self {
            connector: client.connector.clone(),
            key,
            home: Arc::clone(&client.home),
        }
    }

    /// Connects, and lets be seen how it goes. Where the client's TLS settings
    /// have changed since the key was made, the new ones secure the connection,
    /// and it is closed after use.
    pub(crate) fn run(
        self,
        watched: Watched,
    ) -> impl Future<Output = Result<Box<Connection>, ConnectError>> + Send + 'static {
        let Self {
            connector,
            key,
            home,
        } = self;
        let turn = key.0.turn;
        let endpoint = match turn {
            Some(_) => home.rotation.secure(key.0.endpoint()),
            None => key.0.endpoint(),
        };
        async move {
            let connected = connector.connect_watched(&endpoint, watched.progress());
            let connected = connected.await?;
            Ok(Connection::new(connected, home, turn))
        }
    }
}
