//! Making a connection for the pool.

use std::future::Future;
use std::sync::Arc;

use transport::{ConnectError, Connector, Endpoint};

use crate::client::{Home, Inner};
use crate::connection::Connection;
use crate::route::Route;

/// How the pool makes a connection on a route. It uses nothing but what is in
/// the route's key or the same for the whole client, so that any request of that
/// key can ride what it makes.
#[derive(Clone)]
pub(crate) struct Dial {
    connector: Connector,
    endpoint: Endpoint,
    turn: Option<u64>,
    home: Arc<Home>,
}

impl Dial {
    pub(crate) fn on(route: &Route<'_>, client: &Inner) -> Self {
        Self {
            connector: client.connector.clone(),
            endpoint: route.endpoint(),
            turn: route.turn,
            home: Arc::clone(&client.home),
        }
    }

    /// Connects. Where the client's TLS settings have changed since the route
    /// was taken, the new ones secure the connection, and it is closed after use.
    pub(crate) fn run(
        self,
    ) -> impl Future<Output = Result<Box<Connection>, ConnectError>> + Send + 'static {
        let Self {
            connector,
            endpoint,
            turn,
            home,
        } = self;
        let endpoint = match turn {
            Some(_) => home.rotation.secure(endpoint),
            None => endpoint,
        };
        async move {
            let connected = connector.connect(&endpoint).await?;
            Ok(Connection::new(connected, home, turn))
        }
    }
}
