//! A client's settings. Longer than other files: one setter stands beside the
//! other, each with what it means.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};
use pool::{KeyLimits, Policy, Pool};
use protocol::{Authority, Host, Limits, Scheme};
use tokio::io::{AsyncRead, AsyncWrite};
use transport::{Connector, ConnectorBuilder, Endpoint, TlsSettings, TlsSettingsBuilder};

use crate::body::BoxError;
use crate::client::{Client, Inner};
use crate::connection::Connection;
use crate::error::{Cause, Error};
use crate::fields::{mark_all, set_all};
use crate::home::Home;
use crate::phase::Phase;
use crate::policy::retry::Retry;
use crate::route::{Key, origin};
use crate::special::HeaderCase;
use crate::timeouts::Timeouts;
use crate::url::{IntoUrl, host_in_ascii};

/// The largest body that is read into one piece, in bytes, unless set.
const MAX_COLLECTED: usize = 64 * 1024 * 1024;

/// One of the two would have to be thrown away, and with it whom it trusts.
const MIXED_TLS: &str = "TLS settings were given in two ways: only one of `tls`, \
    the connector's `tls`, and root certificates can be used";

/// A rule that looks as if it held, and does not, is worse than none.
const UNASKED_FILTER: &str = "the address filter would never be asked: \
    a connect function takes the network's place, and no address is known to it";

/// Gathers a client's settings.
///
/// ```
/// use std::time::Duration;
///
/// let client = postrider::Client::builder()
///     .user_agent("orders/1.4")
///     .timeout(Duration::from_secs(10))
///     .pool_idle_timeout(Duration::from_secs(20))
///     .build()?;
/// # Ok::<(), postrider::Error>(())
/// ```
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    connector: ConnectorBuilder,
    tls: Tls,
    pool: Policy,
    origins: HashMap<Authority<'static>, KeyLimits>,
    headers: HeaderMap,
    timeouts: Timeouts,
    limits: Limits,
    retry: Retry,
    max_collected: usize,
    header_case: HeaderCase,
    wrong: Option<BoxError>,
}

/// How connections are secured.
#[derive(Debug)]
enum Tls {
    BuiltIn,
    Roots(TlsSettingsBuilder),
    Given(TlsSettings),
}

impl Client {
    /// A client with the defaults. Never fails, reads no files, and shares no
    /// setting and no connection with any other.
    #[must_use]
    pub fn new() -> Self {
        Self::from_inner(ClientBuilder::default().into_inner())
    }

    /// Begins a client with settings of your own.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl ClientBuilder {
    /// Makes the client.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Builder`](crate::ErrorKind::Builder) where a setting can't
    /// be used: a root certificate that can't be read, a user agent that is no
    /// header value. Also where two settings can't be used together: TLS given
    /// in two ways, or an address filter beside
    /// [`connect_with`](Self::connect_with).
    pub fn build(mut self) -> Result<Client, Error> {
        let wrong = |error| Error::new(Cause::Builder(error), Phase::Prepare);
        if let Some(error) = self.wrong.take() {
            return Err(wrong(error));
        }
        if self.connector.has_unasked_filter() {
            return Err(wrong(UNASKED_FILTER.into()));
        }
        match mem::replace(&mut self.tls, Tls::BuiltIn) {
            Tls::BuiltIn => {}
            _ if self.connector.has_tls() => return Err(wrong(MIXED_TLS.into())),
            Tls::Roots(roots) => {
                let settings = roots.build().map_err(|error| wrong(error.into()))?;
                self.connector = self.connector.tls(settings);
            }
            Tls::Given(settings) => self.connector = self.connector.tls(settings),
        }
        Ok(Client::from_inner(self.into_inner()))
    }

    /// Everything but what can fail.
    pub(crate) fn into_inner(self) -> Inner {
        Inner {
            pool: build_pool(self.pool, self.origins),
            connector: self.connector.build(),
            headers: self.headers,
            timeouts: self.timeouts,
            limits: self.limits,
            retry: self.retry,
            home: Arc::new(Home::default()),
            max_collected: self.max_collected,
            header_case: self.header_case,
        }
    }

    /// Header fields that every request gets unless it has its own of that name.
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        self.set_headers(headers);
        self
    }

    /// The `User-Agent` of every request. There is none unless set.
    pub fn user_agent<V>(mut self, value: V) -> Self
    where
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        match value.try_into() {
            Ok(value) => self.set_headers([(USER_AGENT, value)].into_iter().collect()),
            Err(error) => {
                let error: http::Error = error.into();
                self.wrong = Some(format!("the user agent: {error}").into());
            }
        }
        self
    }

    /// Limits the time from `send` to the last byte of the response's body:
    /// waiting, connecting and retrying included. Unlimited unless set; zero is
    /// over at once.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeouts.total = Some(limit);
        self
    }

    /// Limits the time to make one connection, from the name to the end of the
    /// TLS handshake. 10 s unless set.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connector = self.connector.connect_timeout(limit);
        self
    }

    /// Limits the time from a request's last byte to the response's head.
    /// Unlimited unless set.
    pub fn head_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.head = Some(limit);
        self
    }

    /// Limits the time between two reads of a response, as
    /// [`RequestBuilder::read_timeout`](crate::RequestBuilder::read_timeout)
    /// does. Unlimited unless set.
    pub fn read_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.read = Some(limit);
        self
    }

    /// Limits the time between two writes of a request. Unlimited unless set.
    pub fn write_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.write = Some(limit);
        self
    }

    /// Limits the time that a request waits in line for the connections of
    /// others: a limit keeps it from having one made, or one is to serve it that
    /// is being made for a request which was given up. Unlimited unless set; what
    /// follows, making a connection, is limited by
    /// [`connect_timeout`](Self::connect_timeout).
    pub fn acquire_timeout(mut self, limit: Duration) -> Self {
        self.timeouts.acquire = Some(limit);
        self
    }

    /// How long a connection may idle before it is closed. 50 s unless set; a
    /// server's own `Keep-Alive: timeout` shortens it.
    pub fn pool_idle_timeout(mut self, limit: Duration) -> Self {
        self.pool = self.pool.with_idle_timeout(Some(limit));
        self
    }

    /// How many idle connections are kept for each origin. 64 unless set;
    /// beyond it the one that has idled longest is closed.
    pub fn pool_max_idle_per_host(mut self, most: usize) -> Self {
        let per_key = self.pool.per_key.with_max_idle(most);
        self.pool = self.pool.with_per_key(per_key);
        self
    }

    /// How many connections there may be to each origin, whether they are idle,
    /// in use or being made. Unlimited unless set, at least one; beyond it
    /// requests wait in line, first come, first served.
    ///
    /// Where requests ask for connections of their own kind, with another server
    /// name, say, those of each kind are counted apart; and so are those before
    /// and after [`Client::set_tls`].
    pub fn pool_max_connections_per_host(mut self, most: usize) -> Self {
        let per_key = self.pool.per_key.with_max_connections(most);
        self.pool = self.pool.with_per_key(per_key);
        self
    }

    /// How many connections there may be in all, whether they are idle, in use
    /// or being made. Unlimited unless set, at least one; an idle connection to
    /// one origin makes room for a request to another.
    ///
    /// A connection that is returned goes to the first in its own origin's line,
    /// unless a request came earlier to an origin that has no connection: then it
    /// makes room. Who waits for an origin whose connections are all in use may so
    /// be passed over while another origin is busy.
    ///
    /// Several runtimes share this limit and the one for each origin. What is in
    /// use on a runtime that nobody drives, as between two calls of `block_on`,
    /// counts until that runtime goes on or ends: also a connection whose
    /// response was dropped and whose last bytes are still being read.
    pub fn pool_max_connections(mut self, most: usize) -> Self {
        self.pool = self.pool.with_max_connections(most);
        self
    }

    /// How old a connection may become, give or take a fifth by chance; `None`
    /// is without end. Ten minutes unless set, so that changes of DNS are
    /// followed.
    pub fn pool_max_lifetime(mut self, limit: Option<Duration>) -> Self {
        self.pool = self.pool.with_lifetime(limit);
        self
    }

    /// Limits for one origin, by any URL of it, in the place of those for
    /// every origin.
    ///
    /// ```
    /// use postrider::{Client, KeyLimits};
    ///
    /// let client = Client::builder()
    ///     .pool_limits_for(
    ///         "https://fragile.example",
    ///         KeyLimits::default().with_max_connections(2).with_max_waiting(100),
    ///     )
    ///     .build()?;
    /// # Ok::<(), postrider::Error>(())
    /// ```
    pub fn pool_limits_for(mut self, url: impl IntoUrl, limits: KeyLimits) -> Self {
        match origin(url) {
            Ok(origin) => {
                self.origins.insert(origin, limits);
            }
            Err(error) => {
                self.wrong = Some(format!("no origin to have limits: {error}").into());
            }
        }
        self
    }

    /// All settings of the pool at once, but for the limits of single origins;
    /// see [`Policy`]. What was said of it before is replaced.
    pub fn pool(mut self, policy: Policy) -> Self {
        self.pool = policy;
        self
    }

    /// Trusts the root certificates in `pem` besides those that are built in,
    /// which are those of `webpki-roots` and not the operating system's.
    ///
    /// Calls add up. With [`tls`](Self::tls), whose settings have roots of their
    /// own, they don't mix: [`build`](Self::build) fails.
    pub fn add_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Tls::Roots(self.roots().add_roots_pem(pem));
        self
    }

    /// Trusts the root certificates in `pem`, and those added otherwise, and no
    /// others. Does not mix with [`tls`](Self::tls) either.
    pub fn only_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Tls::Roots(self.roots().add_roots_pem(pem).only_added_roots());
        self
    }

    /// All settings of TLS at once; see [`TlsSettings`]. Of several calls the last
    /// counts.
    ///
    /// Roots are then given to [`TlsSettingsBuilder`]: where they are also added
    /// here, by [`add_root_certificates`](Self::add_root_certificates) or
    /// [`only_root_certificates`](Self::only_root_certificates), or settings are
    /// given to the [`connector`](Self::connector) as well, [`build`](Self::build)
    /// fails rather than choose whom to trust.
    pub fn tls(mut self, settings: TlsSettings) -> Self {
        if matches!(self.tls, Tls::Roots(_)) {
            self.wrong = Some(MIXED_TLS.into());
        }
        self.tls = Tls::Given(settings);
        self
    }

    /// Uses `addrs` for the host `name` and asks no resolver. Port 0 stands for
    /// the URL's port.
    ///
    /// Where [`connect_with`](Self::connect_with) takes the network's place nobody is
    /// asked, and this says nothing.
    ///
    /// The name is a URL's host and nothing more. What could match no URL fails
    /// [`build`](Self::build): an address, which nobody is asked about, a name
    /// with a port or a scheme.
    pub fn resolve(mut self, name: &str, addrs: impl IntoIterator<Item = SocketAddr>) -> Self {
        match name_to_resolve(name) {
            Ok(name) => self.connector = self.connector.resolve_override(&name, addrs),
            Err(why) => self.wrong = Some(format!("no addresses for {name:?}: {why}").into()),
        }
        self
    }

    /// Connects by a function of your own, in the network's place. TLS goes
    /// over what it gives where the URL is an https one.
    ///
    /// The function is told where the connection is to lead, and nothing looks at
    /// where it does lead: beside an
    /// [`address_filter`](ConnectorBuilder::address_filter), which could never be
    /// asked, [`build`](Self::build) fails.
    ///
    /// With an in-memory stream, a service can be tested without a network, on
    /// tokio's paused time.
    ///
    /// ```
    /// let client = postrider::Client::builder()
    ///     .connect_with(|endpoint| async move {
    ///         let (ours, theirs) = tokio::io::duplex(4096);
    ///         // `theirs` goes to a server in this process.
    ///         # let _ = (endpoint, theirs);
    ///         Ok(ours)
    ///     })
    ///     .build()?;
    /// # Ok::<(), postrider::Error>(())
    /// ```
    pub fn connect_with<F, C, S>(mut self, function: F) -> Self
    where
        F: Fn(Endpoint) -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.connector = self.connector.connect_with(function);
        self
    }

    /// Changes how connections are made: resolving, racing, sockets.
    ///
    /// ```
    /// let client = postrider::Client::builder()
    ///     .connector(|connector| connector.only_ipv4().nodelay(false))
    ///     .build()?;
    /// # Ok::<(), postrider::Error>(())
    /// ```
    ///
    /// What is set here is asked when a connection is made, and an idle one is
    /// used again unasked. That matters for an
    /// [`address_filter`](ConnectorBuilder::address_filter): its rule holds for
    /// every connection and every retry, as it was when the connection was made.
    /// Beside [`connect_with`](Self::connect_with), by which it would hold for
    /// none, [`build`](Self::build) fails.
    ///
    /// A rule belongs to a client, so a new rule needs a new client. To close the
    /// idle connections of the old one, as [`Client::evict`] does, is not enough:
    /// one that serves a request at that moment comes back and is used again, and
    /// one that has passed the old rule and is still being made is used as well.
    /// Send by the new client from then on, and drop the old one or shut it down;
    /// what it has under way ends by the old rule:
    ///
    /// ```
    /// # use std::{net::IpAddr, time::Duration};
    /// # type Outcome = Result<postrider::Client, postrider::Error>;
    /// # async fn f(old: postrider::Client, is_allowed: fn(IpAddr) -> bool) -> Outcome {
    /// let new = postrider::Client::builder()
    ///     .connector(|connector| connector.address_filter(move |_, address| is_allowed(address)))
    ///     .build()?;
    /// // Whoever sends has `new` by now.
    /// old.shutdown(Duration::from_secs(10)).await;
    /// # Ok(new)
    /// # }
    /// ```
    pub fn connector(mut self, change: impl FnOnce(ConnectorBuilder) -> ConnectorBuilder) -> Self {
        self.connector = change(self.connector);
        self
    }

    /// How large the parts of a response may be that are held in memory; see
    /// [`Limits`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The largest body, in bytes, that [`Response::bytes`], `text` and `json`
    /// read. 64 MiB unless set.
    ///
    /// [`Response::bytes`]: crate::Response::bytes
    pub fn max_collected_body(mut self, bytes: usize) -> Self {
        self.max_collected = bytes;
        self
    }

    /// How the names of header fields are spelled. In lower case unless set.
    pub fn header_case(mut self, case: HeaderCase) -> Self {
        self.header_case = case;
        self
    }

    /// Whether a request is sent again when its kept-alive connection turns
    /// out to be closed. [`Retry::Safe`] unless set.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    fn set_headers(&mut self, headers: HeaderMap) {
        if let Err(cause) = set_all(&mut self.headers, headers) {
            self.wrong = Some(cause.to_string().into());
        }
        mark_all(&mut self.headers);
    }

    fn roots(&mut self) -> TlsSettingsBuilder {
        match mem::replace(&mut self.tls, Tls::BuiltIn) {
            Tls::Roots(roots) => roots,
            Tls::BuiltIn => TlsSettings::builder(),
            Tls::Given(_) => {
                self.wrong = Some(MIXED_TLS.into());
                TlsSettings::builder()
            }
        }
    }
}

/// The name as it stands in a URL, in ASCII.
fn name_to_resolve(name: &str) -> Result<Cow<'_, str>, BoxError> {
    let name = host_in_ascii(name)?;
    let (authority, _) = Authority::parse(&name, Scheme::Http)?;
    match authority.host() {
        // As long as the whole: there is no port, nor anything else.
        Host::Name(host) if host.len() == name.len() => Ok(name),
        Host::Name(_) => Err("a name stands here without a port or user-info".into()),
        _ => Err("an address is not resolved".into()),
    }
}

fn build_pool(
    policy: Policy,
    origins: HashMap<Authority<'static>, KeyLimits>,
) -> Pool<Key, Box<Connection>> {
    if origins.is_empty() {
        return Pool::new(policy);
    }
    let others = policy.per_key;
    Pool::builder(policy)
        .limits_of(move |key: &Key| origins.get(&key.0.authority).copied().unwrap_or(others))
        .build()
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            connector: Connector::builder(),
            tls: Tls::BuiltIn,
            pool: Policy::default(),
            origins: HashMap::new(),
            headers: HeaderMap::new(),
            timeouts: Timeouts::default(),
            limits: Limits::default(),
            retry: Retry::default(),
            max_collected: MAX_COLLECTED,
            header_case: HeaderCase::default(),
            wrong: None,
        }
    }
}

#[cfg(test)]
#[cfg(all(
    feature = "platform-verifier",
    any(feature = "tls-ring", feature = "tls-aws-lc-rs")
))]
mod tests {
    use transport::TlsSettingsError;

    use super::*;

    /// No server can be had that a public root has signed. But the platform's verifier, which
    /// trusts roots of its own, tells those who want no others.
    #[test]
    fn only_root_certificates_are_trusted_alone() {
        let pem = testing::Authority::new().ca_pem();
        let builder = Client::builder;
        for (builder, are_alone) in [
            (builder().add_root_certificates(&*pem), false),
            (builder().only_root_certificates(&*pem), true),
            (
                builder()
                    .only_root_certificates(&*pem)
                    .add_root_certificates(&*pem),
                true,
            ),
            (
                builder()
                    .add_root_certificates(&*pem)
                    .only_root_certificates(&*pem),
                true,
            ),
        ] {
            let Tls::Roots(roots) = builder.tls else {
                panic!("{builder:?}");
            };
            let outcome = roots.platform_verifier().build();
            let refused = matches!(outcome, Err(TlsSettingsError::ContradictoryRoots));
            assert_eq!(refused, are_alone, "{outcome:?}");
        }
    }
}
