//! Operating a client: warming it up, changing its TLS settings, closing what
//! idles, shutting it down.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use pool::{Counts, IdleFacts};
use transport::TlsSettings;

use crate::client::Client;
use crate::connection::Connection;
use crate::dial::dial;
use crate::error::{Cause, Error};
use crate::route::{Key, Route, origin};
use crate::turn::Watched;
use crate::url::IntoUrl;

impl Client {
    /// Makes connections to the origin of `url` until `count` of them stand
    /// idle, as far as the limits allow, and tells how many it has made.
    ///
    /// The first requests then find their connections resolved, connected and
    /// secured. They count as reused. A connection that is never used goes as
    /// any idle one does, by the idle timeout or the server's own.
    ///
    /// ```
    /// # async fn f(client: postrider::Client) -> Result<(), postrider::Error> {
    /// let made = client.warm("https://api.example", 8).await?;
    /// println!("{made} connections stand ready");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That of the first connection that could not be made, once all have
    /// ended; those that were made stay. A URL that names no origin is
    /// [`ErrorKind::Request`](crate::ErrorKind::Request), a client that was
    /// shut down [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: connections that have been made stay,
    /// and those under way go on for a short while.
    pub async fn warm(&self, url: impl IntoUrl, count: usize) -> Result<usize, Error> {
        let inner = self.inner();
        let route = Route::to(origin(url)?, &inner.home.rotation);
        let key = Key(Arc::new(route));
        let (connector, home) = (inner.connector.clone(), Arc::clone(&inner.home));
        let of = key.clone();
        let dial = move || dial(connector, Watched::of_nobody(of, &home));
        let made = inner.pool.warm(key.clone(), count, dial).await;
        made.map_err(|error| {
            let (cause, phase) = Cause::of_wait(error);
            Error::new(cause, phase).of_origin(&key.to_string())
        })
    }

    /// Closes all idle connections and tells how many there were. Those in use
    /// are left alone, and kept when they are returned.
    pub fn close_idle(&self) -> usize {
        self.inner().pool.close_idle()
    }

    /// Closes the idle connections to the origin of `url` and tells how many
    /// there were.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Request`](crate::ErrorKind::Request) where the URL names no
    /// origin.
    pub fn close_idle_for(&self, url: impl IntoUrl) -> Result<usize, Error> {
        let origin = origin(url)?;
        let pool = &self.inner().pool;
        Ok(pool.close_idle_where(|key| key.0.authority == origin))
    }

    /// Closes the idle connections that `is_unwanted` picks and tells how many
    /// these were: those to a server that is about to go, say.
    ///
    /// A request that comes meanwhile waits for the connection that is being
    /// looked at, or has one made, so `is_unwanted` should be quick.
    ///
    /// ```
    /// # fn f(client: postrider::Client, going: std::net::IpAddr) {
    /// let closed = client.evict(|idle| idle.remote_addr().is_some_and(|it| it.ip() == going));
    /// println!("{closed} connections closed");
    /// # }
    /// ```
    pub fn evict(&self, mut is_unwanted: impl FnMut(&IdleConnection<'_>) -> bool) -> usize {
        self.inner().pool.evict(|origin, connection, facts| {
            is_unwanted(&IdleConnection {
                origin,
                connection,
                facts,
            })
        })
    }

    /// Secures connections by other settings from here on, on all clones of
    /// this client: a renewed client certificate, other roots.
    ///
    /// Nothing is shared with what was before, neither connections nor TLS
    /// sessions; an origin's limits hold for each of the two apart. Idle
    /// connections that were secured by the old settings close at once; those in
    /// use close when their exchange is over. Connections in the clear are left
    /// alone, and so are those of requests that have
    /// [settings of their own](crate::RequestBuilder::tls).
    ///
    /// ```
    /// # #[cfg(feature = "tls-ring")]
    /// # fn f(
    /// #     client: postrider::Client,
    /// #     chain: Vec<u8>,
    /// #     key: Vec<u8>,
    /// # ) -> Result<(), postrider::TlsSettingsError> {
    /// use postrider::TlsSettings;
    ///
    /// let renewed = TlsSettings::builder().client_certificate_pem(chain, key).build()?;
    /// client.set_tls(renewed);
    /// # Ok(())
    /// # }
    /// ```
    pub fn set_tls(&self, settings: TlsSettings) {
        let inner = self.inner();
        inner.home.rotation.replace(settings);
        inner.pool.close_retired();
    }

    /// Sends no new request from here on, on any clone of this client, and
    /// ends what there is: idle connections close, by TLS with close_notify
    /// (RFC 8446 §6.1); requests under way, those in line among them, go on and
    /// their connections close behind them.
    ///
    /// Waits for all of that until `deadline` is over. Requests that are still
    /// in line then fail, and connections are no longer made; responses may
    /// still be read. Gives what was left at that moment: all zero if all went
    /// well. Outside a tokio runtime nothing can be waited for, and the deadline is over
    /// at once.
    ///
    /// A request that is sent later fails with
    /// [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown).
    ///
    /// ```
    /// # async fn f(client: postrider::Client) {
    /// let left = client.shutdown(std::time::Duration::from_secs(10)).await;
    /// println!("{} requests cut off in line, {} under way", left.waiting, left.lent);
    /// # }
    /// ```
    ///
    /// # Cancel safety
    ///
    /// The client is shut down from the first poll on. Dropping the future then
    /// stops only the waiting.
    pub async fn shutdown(&self, deadline: Duration) -> Counts {
        self.inner().pool.shutdown(deadline).await
    }
}

/// An idle connection, as [`Client::evict`] shows it.
pub struct IdleConnection<'a> {
    origin: &'a Key,
    connection: &'a Connection,
    facts: &'a IdleFacts,
}

impl IdleConnection<'_> {
    /// The connection's number, as in [`ConnectionInfo`](crate::ConnectionInfo).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.connection.id()
    }

    /// The origin as it stands in a URL: `https://host:8443`.
    #[must_use]
    pub fn origin(&self) -> String {
        self.origin.to_string()
    }

    /// The server's address; `None` where a connect function of the user's
    /// own took the place of the network.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.connection.remote_addr()
    }

    /// How long ago it was made.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.facts.age
    }

    /// How long it has been idle.
    #[must_use]
    pub fn idle_for(&self) -> Duration {
        self.facts.idle_for
    }

    /// How many requests it has carried.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.connection.requests()
    }
}

impl fmt::Debug for IdleConnection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdleConnection")
            .field("id", &self.id())
            .field("origin", &self.origin())
            .field("remote_addr", &self.remote_addr())
            .field("age", &self.age())
            .field("idle_for", &self.idle_for())
            .field("requests", &self.requests())
            .finish()
    }
}
