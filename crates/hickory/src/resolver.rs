//! The resolver, and a hickory resolver for each runtime that asks.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::{Hosts, Resolver};
use tokio::runtime::{Handle, Id};
use transport::{Answers, Families, Resolve};

use crate::error::{Nothing, in_words, no_such_name, unconfigured};
use crate::hosts;
use crate::search::{Search, SearchList};
use crate::zones::{Zoned, Zones};

/// Asks name servers, without blocking a thread.
///
/// A name's IPv6 and IPv4 addresses are asked for apart, and delivered as they arrive. Where the
/// name does not exist, the error is of kind [`NotFound`](io::ErrorKind::NotFound); where no
/// server answers in time, of kind [`TimedOut`](io::ErrorKind::TimedOut).
///
/// ```
/// use std::time::Duration;
///
/// use postrider_hickory::HickoryResolver;
///
/// let resolver = HickoryResolver::from_servers([([192, 0, 2, 53], 53).into()])
///     .timeout(Duration::from_secs(2))
///     .retries(1);
/// ```
pub struct HickoryResolver {
    config: ResolverConfig,
    options: ResolverOpts,
    search: SearchList,
    hosts: Hosts,
    zones: Zones,
    by_runtime: Mutex<Vec<(Id, Resolver<Zoned>)>>,
}

/// Longer than anybody means, and short enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// For how many runtimes connections to the name servers are kept. Few programs have more than
/// one.
const MOST_RUNTIMES: usize = 16;

impl HickoryResolver {
    /// Goes by what the system is configured with when this is called: its name servers, its hosts
    /// file, its search list. Later changes go unnoticed.
    ///
    /// # Errors
    ///
    /// If the configuration cannot be read, or names no server.
    #[cfg(any(unix, windows))]
    pub fn from_system() -> io::Result<Self> {
        let (config, mut options) =
            hickory_resolver::system_conf::read_system_conf().map_err(unconfigured)?;
        // As glibc does where `resolv.conf` says that no time at all is to be waited.
        options.timeout = options.timeout.max(Duration::from_secs(1));
        let mut this = Self::new(config, options, hosts::of_system());
        this.zones = Zones::of_system();
        Ok(this)
    }

    /// Asks these servers and nobody else, by UDP, and by TCP where an answer is too long for it.
    /// There is no hosts file and no search list. A server with a link-local address is reached
    /// through its zone, the `scope_id`.
    pub fn from_servers(servers: impl IntoIterator<Item = SocketAddr>) -> Self {
        let servers: Vec<_> = servers.into_iter().collect();
        let config =
            ResolverConfig::from_name_servers(servers.iter().copied().map(name_server).collect());
        let mut this = Self::new(config, ResolverOpts::default(), Hosts::default());
        this.zones = Zones::of(&servers);
        this
    }

    /// Uses a configuration of hickory's as it is: the escape hatch for everything else that
    /// hickory can do, such as DNS over TLS.
    ///
    /// This is tied to **hickory-resolver 0.26** and changes with it. The options' `ip_strategy`
    /// means nothing here, since both families are always asked for; the hosts file is read if the
    /// options ask for it by [`ResolveHosts::Always`]. There is no place in it for the zone that a
    /// name server with a link-local address needs.
    pub fn from_hickory(config: ResolverConfig, options: ResolverOpts) -> Self {
        let hosts = match options.use_hosts_file {
            ResolveHosts::Always => hosts::of_system(),
            _ => Hosts::default(),
        };
        Self::new(config, options, hosts)
    }

    /// How long one attempt waits for an answer. As the system has it, or else 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How often a question is asked again when an attempt has failed. As the system has it, or
    /// else twice.
    #[must_use]
    pub fn retries(mut self, again: usize) -> Self {
        self.options.attempts = again;
        self
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts, hosts: Hosts) -> Self {
        let search = SearchList {
            domains: config.search().to_vec(),
            ndots: options.ndots,
        };
        // Both are looked at here, for both families at once.
        options.use_hosts_file = ResolveHosts::Never;
        let config = ResolverConfig::from_name_servers(config.into_parts().2);
        Self {
            config,
            options,
            search,
            hosts,
            zones: Zones::default(),
            by_runtime: Mutex::new(Vec::new()),
        }
    }

    /// hickory's resolver for the current runtime.
    ///
    /// Its connections to name servers are driven by tasks of the runtime that first used them: a
    /// question from another one would wait for as long as the first rests.
    fn current(&self) -> io::Result<Resolver<Zoned>> {
        let id = Handle::current().id();
        let mut by_runtime = self
            .by_runtime
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, resolver)) = by_runtime.iter().find(|(known, _)| *known == id) {
            return Ok(resolver.clone());
        }
        let sockets = Zoned::new(self.zones.clone());
        let mut builder = Resolver::builder_with_config(self.config.clone(), sockets);
        let mut options = self.options.clone();
        // hickory adds it to an instant, and panics where that comes to too much.
        options.timeout = options.timeout.min(LONGEST);
        *builder.options_mut() = options;
        let resolver = builder.build().map_err(in_words)?;
        if by_runtime.len() >= MOST_RUNTIMES {
            by_runtime.remove(0);
        }
        by_runtime.push((id, resolver.clone()));
        Ok(resolver)
    }

    /// What the hosts file says of a name, which then is the whole answer.
    fn in_hosts(&self, name: &str) -> Option<Vec<SocketAddr>> {
        let name = Name::from_ascii(name).ok()?;
        let found: Vec<_> = FAMILIES
            .into_iter()
            .filter_map(|family| {
                let query = Query::query(name.clone(), family);
                self.hosts.lookup_static_host(&query)
            })
            .flat_map(|lookup| addresses(&lookup))
            .collect();
        (!found.is_empty()).then_some(found)
    }
}

impl Resolve for HickoryResolver {
    fn resolve(&self, name: &str) -> Answers {
        self.resolve_families(name, Families::Both)
    }

    fn resolve_families(&self, name: &str, families: Families) -> Answers {
        if let Some(addrs) = self.in_hosts(name) {
            return Answers::ready(addrs);
        }
        if self.config.name_servers().is_empty() {
            return Answers::failed(io::Error::other("there is no name server to ask"));
        }
        let resolver = match self.current() {
            Ok(resolver) => resolver,
            Err(error) => return Answers::failed(error),
        };
        let names = self.search.names(name);
        if names.is_empty() {
            return Answers::failed(no_such_name());
        }
        Answers::from_lookups(searches(families).into_iter().map(|(family, search)| {
            let (resolver, names) = (resolver.clone(), names.clone());
            Box::pin(async move {
                let ask = |name| ask(&resolver, name, family);
                search.run(names, ask).await
            }) as _
        }))
    }
}

impl fmt::Debug for HickoryResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HickoryResolver")
            .field("servers", &self.config.name_servers())
            .field("search", &self.search)
            .finish_non_exhaustive()
    }
}

fn searches(families: Families) -> Vec<(RecordType, Search)> {
    match families {
        Families::Both => FAMILIES.into_iter().zip(Search::pair()).collect(),
        Families::OnlyIpv4 => vec![(RecordType::A, Search::alone())],
        Families::OnlyIpv6 => vec![(RecordType::AAAA, Search::alone())],
    }
}

const FAMILIES: [RecordType; 2] = [RecordType::AAAA, RecordType::A];

async fn ask(
    resolver: &Resolver<Zoned>,
    name: Name,
    family: RecordType,
) -> Result<Vec<SocketAddr>, Nothing> {
    let lookup = resolver.lookup(name, family).await;
    let lookup = lookup.map_err(Nothing::from_hickory)?;
    // Aliases come along with the addresses that they lead to.
    let addrs = addresses(&lookup);
    if addrs.is_empty() {
        return Err(Nothing::NoAddress);
    }
    Ok(addrs)
}

/// The port is the endpoint's.
fn addresses(lookup: &Lookup) -> Vec<SocketAddr> {
    let records = lookup.answers().iter();
    let ips = records.filter_map(|record| record.data.ip_addr());
    ips.map(|ip| SocketAddr::new(ip, 0)).collect()
}

fn name_server(addr: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(addr.ip());
    for connection in &mut server.connections {
        connection.port = addr.port();
    }
    server
}
