//! Making a connection for the pool.

use std::future::Future;
use std::sync::Arc;

use transport::{ConnectError, Connector};

use crate::client::{Home, Inner};
use crate::connection::Connection;
use crate::dialling::Dialling;
use crate::route::Key;

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

    /// Connects, for whoever wants it.
    pub(crate) fn run_ahead(self) -> impl Future<Output = Made> + Send + 'static {
        let dialling = Arc::new(Dialling::to(self.key.clone(), &self.home));
        let running = self.run(Arc::clone(&dialling));
        dialling.abandon();
        running
    }

    /// Connects, and lets be seen how it goes. Where the client's TLS settings
    /// have changed since the key was made, the new ones secure the connection,
    /// and it is closed after use.
    pub(crate) fn run(
        self,
        dialling: Arc<Dialling>,
    ) -> impl Future<Output = Made> + Send + 'static {
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
        let under_way = dialling.begin();
        async move {
            let connecting = connector.connect_watched(&endpoint, under_way.progress());
            let connected = connecting.await?;
            Ok(Connection::new(connected, home, turn))
        }
    }
}

type Made = Result<Box<Connection>, ConnectError>;
