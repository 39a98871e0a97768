//! The settings of a connector, one setter beside the other.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::connector::{ConnectFunction, Connector, Inner, Road};
use crate::endpoint::Endpoint;
use crate::eyeballs::RaceOptions;
use crate::names::{
    AddressFilter, CacheOptions, Families, Names, Resolve, SharedResolver, SystemResolver,
    override_key,
};
use crate::network::Network;
use crate::socket::{Keepalive, SocketOptions};
use crate::stream::Stream;
use crate::tls::TlsSettings;

/// Gathers the settings of a [`Connector`].
#[must_use]
pub struct ConnectorBuilder {
    connect_timeout: Duration,
    tls_timeout: Duration,
    tls: Option<TlsSettings>,
    function: Option<ConnectFunction>,
    resolver: Option<Box<dyn Resolve>>,
    cache: CacheOptions,
    overrides: HashMap<Box<str>, Vec<SocketAddr>>,
    filter: Option<AddressFilter>,
    families: Families,
    race: RaceOptions,
    sockets: SocketOptions,
}

/// Longer than anybody means, and short enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

impl Connector {
    /// Starts from the defaults.
    pub fn builder() -> ConnectorBuilder {
        ConnectorBuilder {
            connect_timeout: Duration::from_secs(10),
            tls_timeout: Duration::from_secs(5),
            tls: None,
            function: None,
            resolver: None,
            cache: CacheOptions::default(),
            overrides: HashMap::new(),
            filter: None,
            families: Families::default(),
            race: RaceOptions::default(),
            sockets: SocketOptions::default(),
        }
    }
}

impl ConnectorBuilder {
    /// The time for everything, from the name to the end of the TLS handshake. 10 s unless set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// The time for each TLS handshake, within the connect timeout. 5 s unless set.
    pub fn tls_timeout(mut self, timeout: Duration) -> Self {
        self.tls_timeout = timeout.min(LONGEST);
        self
    }

    /// How to secure connections. The defaults of [`TlsSettings::builder`] unless set.
    pub fn tls(mut self, settings: TlsSettings) -> Self {
        self.tls = Some(settings);
        self
    }

    /// Connects by a function of your own, in the network's place: nothing is resolved, filtered
    /// or raced, and no socket option applies. TLS goes over what the function gives if the
    /// endpoint asks for it. A panic becomes an error.
    ///
    /// An [`address_filter`](Self::address_filter) is therefore never asked; a client of the crate
    /// `postrider` is not built with both.
    pub fn connect_with<F, C, S>(mut self, function: F) -> Self
    where
        F: Fn(Endpoint) -> C + Send + Sync + 'static,
        C: Future<Output = io::Result<S>> + Send + 'static,
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        self.function = Some(Arc::new(move |endpoint| {
            let connecting = function(endpoint);
            Box::pin(async move { connecting.await.map(Stream::custom) })
        }));
        self
    }

    /// Resolves names by `resolver` instead of the system's. One that asks name servers itself, and
    /// blocks no thread, is in the crate `postrider-hickory`.
    pub fn resolver(mut self, resolver: impl Resolve) -> Self {
        self.resolver = Some(Box::new(resolver));
        self
    }

    /// Uses these addresses for a name, and never asks a resolver for it. Port 0 stands for the
    /// endpoint's port. The name's case and a dot at its end do not matter.
    pub fn resolve_override(
        mut self,
        name: &str,
        addrs: impl IntoIterator<Item = SocketAddr>,
    ) -> Self {
        let addrs = addrs.into_iter().collect();
        self.overrides.insert(override_key(name), addrs);
        self
    }

    /// For how long an answer of the resolver is used again. 1 s unless set; zero asks each time.
    /// Lookups of one name at the same time are always shared.
    pub fn resolve_cache(mut self, fresh_for: Duration) -> Self {
        self.cache.fresh_for = fresh_for;
        self
    }

    /// For how long the last good answer stands in when the resolver fails, or takes longer than
    /// two seconds. 60 s unless set; zero never. A resolver that asks for the families apart may
    /// fail with one of them: then the last good addresses of that one stand in. A resolver that
    /// says that the name does not exist has not failed.
    pub fn resolve_stale(mut self, stale_for: Duration) -> Self {
        self.cache.stale_for = stale_for;
        self
    }

    /// Asks `filter` about each address before it is dialled, wherever it comes from: a resolver,
    /// an override, or the URL itself. Those that it answers `false` for are not used. An IPv4
    /// address that is mapped into IPv6 (`::ffff:127.0.0.1`) is shown to it as IPv4, since that is
    /// how it would be reached. A panic becomes an error.
    ///
    /// It is asked whenever a connection is made, of the very addresses that are then dialled, and
    /// not again while that connection lives: what a name leads to later is no matter to a
    /// connection that already leads somewhere. Whoever keeps connections and changes the rule should
    /// make a connector for the new one, and start anew: not only idle connections of the old one may
    /// be against it, but also those in use and those still being made.
    ///
    /// It is never asked where a [connect function](Self::connect_with) takes the network's place;
    /// a client of the crate `postrider` is not built with both.
    ///
    /// [`is_public`](crate::is_public) is a ready-made rule.
    pub fn address_filter(
        mut self,
        filter: impl Fn(&Endpoint, IpAddr) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.filter = Some(Arc::new(filter));
        self
    }

    /// Uses IPv4 addresses only.
    pub fn only_ipv4(mut self) -> Self {
        self.families = Families::OnlyIpv4;
        self
    }

    /// Uses IPv6 addresses only.
    pub fn only_ipv6(mut self) -> Self {
        self.families = Families::OnlyIpv6;
        self
    }

    /// From the start of one attempt at an address to the start of the next (RFC 8305 §5). 250 ms
    /// unless set; less than 10 ms is taken as 10 ms.
    pub fn attempt_delay(mut self, delay: Duration) -> Self {
        // RFC 8305 §5: never less than 10 ms.
        self.race.attempt_delay = delay.clamp(Duration::from_millis(10), LONGEST);
        self
    }

    /// How long IPv4 addresses wait for IPv6 ones, where a resolver gives them apart (RFC 8305
    /// §3). 50 ms unless set.
    pub fn resolution_delay(mut self, delay: Duration) -> Self {
        self.race.resolution_delay = delay.min(LONGEST);
        self
    }

    /// How many attempts at addresses may be under way at once. 6 unless set, at least 1.
    ///
    /// Where there are as many and further addresses wait, the oldest attempt makes room once it
    /// is 1.5 s old, and counts as timed out: addresses that never answer do not keep the good one
    /// behind them from being tried.
    pub fn most_attempts(mut self, most: usize) -> Self {
        self.race.most_at_once = most.max(1);
        self
    }

    /// Sends small segments at once (`TCP_NODELAY`). On unless set.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.sockets.nodelay = nodelay;
        self
    }

    /// Lets the kernel ask idle peers whether they still live. Off unless set.
    pub fn keepalive(mut self, keepalive: Keepalive) -> Self {
        self.sockets.keepalive = Some(keepalive);
        self
    }

    /// Gives a connection up when sent data stays unacknowledged for so long
    /// (`TCP_USER_TIMEOUT`, RFC 5482). Linux only, without effect elsewhere. The system's own
    /// limit is about 15 minutes. Rounded up to whole milliseconds, and kept within 1 ms and
    /// `i32::MAX` of them, which is 24 days; zero is 1 ms.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.sockets.user_timeout = Some(timeout);
        self
    }

    /// Connects from this address, and therefore to addresses of its family only.
    ///
    /// Each connection then takes a port of that address for itself, whatever its peer, and mostly
    /// keeps it for a minute after its end. Where so many are too few (Linux has 28,000 unless told
    /// otherwise), set `IP_BIND_ADDRESS_NO_PORT` by a [`socket_hook`](Self::socket_hook):
    /// connections to different peers then share ports.
    pub fn local_address(mut self, address: IpAddr) -> Self {
        self.sockets.local_address = Some(address);
        self
    }

    /// Connects through this network interface (`SO_BINDTODEVICE`). Where there is none of that
    /// name, every attempt fails by [`NoInterface`](crate::ConnectErrorKind::NoInterface). Linux
    /// only; elsewhere every connect fails.
    pub fn interface(mut self, name: &str) -> Self {
        self.sockets.interface = Some(name.into());
        self
    }

    /// Asks for a send buffer of so many bytes in the kernel.
    pub fn send_buffer(mut self, bytes: u32) -> Self {
        self.sockets.send_buffer = Some(bytes);
        self
    }

    /// Asks for a receive buffer of so many bytes in the kernel.
    pub fn receive_buffer(mut self, bytes: u32) -> Self {
        self.sockets.receive_buffer = Some(bytes);
        self
    }

    /// Lets a function see each raw socket before it is bound to a
    /// [`local_address`](Self::local_address) and connected to the address, to set what these
    /// options do not know. Its failure is the attempt's, and so is its panic.
    #[cfg(unix)]
    pub fn socket_hook<F>(mut self, hook: F) -> Self
    where
        F: Fn(std::os::fd::BorrowedFd<'_>, SocketAddr) -> io::Result<()> + Send + Sync + 'static,
    {
        use std::os::fd::AsFd;
        self.sockets.hook = Some(Arc::new(move |socket, addr| hook(socket.as_fd(), addr)));
        self
    }

    /// Whether TLS settings were given by [`tls`](Self::tls), so that whoever puts a connector
    /// together knows whether its own would take their place.
    ///
    /// ```
    /// # #[cfg(feature = "tls-ring")] {
    /// use postrider_transport::{Connector, TlsSettings};
    ///
    /// let builder = Connector::builder();
    /// assert!(!builder.has_tls());
    /// assert!(builder.tls(TlsSettings::builder().build()?).has_tls());
    /// # }
    /// # Ok::<(), postrider_transport::TlsSettingsError>(())
    /// ```
    pub fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Whether there is an [`address_filter`](Self::address_filter) that would never be asked, since
    /// a connect function takes the network's place; so that whoever puts a connector together can
    /// refuse to make one whose rule does not hold.
    pub fn has_unasked_filter(&self) -> bool {
        self.filter.is_some() && self.function.is_some()
    }

    /// Makes the connector.
    pub fn build(self) -> Connector {
        let road = match self.function {
            Some(function) => Road::Custom(function),
            None => Road::Network(Network {
                names: Names {
                    resolver: SharedResolver::new(
                        self.resolver
                            .unwrap_or_else(|| Box::new(SystemResolver::new())),
                        self.families,
                        self.cache,
                    ),
                    overrides: self.overrides,
                    filter: self.filter,
                    families: self.families,
                },
                race: self.race,
                sockets: Arc::new(self.sockets),
            }),
        };
        Connector::new(Inner {
            road,
            tls: self.tls.or_else(TlsSettings::built_in),
            connect_timeout: self.connect_timeout,
            tls_timeout: self.tls_timeout,
        })
    }
}

impl fmt::Debug for ConnectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorBuilder").finish_non_exhaustive()
    }
}
