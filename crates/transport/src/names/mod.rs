//! From a host to the addresses that may be tried.

mod answers;
mod left_out;
mod reach;
mod rules;
mod screen;
mod shared;
mod system;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

pub use self::answers::Answers;
use self::left_out::LeftOut;
pub use self::reach::Families;
pub(crate) use self::reach::Reach;
pub use self::rules::is_public;
use self::screen::Screen;
pub(crate) use self::screen::{AddressFilter, Screened};
pub(crate) use self::shared::{CacheOptions, SharedResolver};
pub use self::system::SystemResolver;
use crate::endpoint::{Endpoint, Host};
use crate::error::Failure;

/// Turns names into addresses.
///
/// An implementation is asked once for a name however many callers want it, and the answer is
/// kept for a moment; see [`ConnectorBuilder`](crate::ConnectorBuilder). It is never asked about
/// literal addresses or overridden names.
///
/// Addresses with port 0 get the endpoint's port; any other port is kept.
///
/// An error of kind [`NotFound`](std::io::ErrorKind::NotFound) says that the name does not exist;
/// every other error says that the resolver failed, and may be covered by an earlier answer. A
/// panic becomes an error.
///
/// ```
/// use postrider_transport::{Answers, Connector, Resolve};
///
/// struct Fixed;
///
/// impl Resolve for Fixed {
///     fn resolve(&self, name: &str) -> Answers {
///         match name {
///             "a.test" => Answers::ready([([127, 0, 0, 1], 0).into()]),
///             _ => Answers::failed(std::io::ErrorKind::NotFound.into()),
///         }
///     }
/// }
///
/// let connector = Connector::builder().resolver(Fixed).build();
/// ```
///
/// Several connectors may share one, its limits and what it remembers, by an [`Arc`].
pub trait Resolve: Send + Sync + 'static {
    /// Starts to look a name up. It comes in lower case; a dot at its end is kept.
    fn resolve(&self, name: &str) -> Answers;

    /// The same for a connector that uses these families only.
    ///
    /// A resolver that asks for the families apart can leave one out, so that nobody waits for
    /// what would not be used. Unless written otherwise, it is [`resolve`](Self::resolve), and
    /// addresses that may not be used are left out afterwards.
    fn resolve_families(&self, name: &str, families: Families) -> Answers {
        let _ = families;
        self.resolve(name)
    }
}

impl<R: Resolve + ?Sized> Resolve for Arc<R> {
    fn resolve(&self, name: &str) -> Answers {
        (**self).resolve(name)
    }

    fn resolve_families(&self, name: &str, families: Families) -> Answers {
        (**self).resolve_families(name, families)
    }
}

/// Everything that stands between a host and its addresses.
pub(crate) struct Names {
    pub(crate) resolver: SharedResolver,
    pub(crate) overrides: HashMap<Box<str>, Vec<SocketAddr>>,
    pub(crate) filter: Option<AddressFilter>,
    pub(crate) families: Families,
}

/// The addresses of an endpoint, as far as they are known.
pub(crate) struct Lookup {
    pub(crate) source: Source,
    pub(crate) found: Found,
}

pub(crate) enum Found {
    /// This one, and no other.
    One(SocketAddr),
    /// Perhaps several, perhaps still on their way.
    Several(Screened),
}

/// Where addresses come from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    /// They were known beforehand.
    Known,
    Resolver,
}

impl Names {
    /// Starts to look an endpoint up; addresses out of reach are left out.
    ///
    /// Fails if the only address may not be used.
    pub(crate) fn look_up(&self, endpoint: &Endpoint, reach: Reach) -> Result<Lookup, Failure> {
        let screen = Screen {
            endpoint,
            reach,
            filter: self.filter.as_ref(),
        };
        let (source, answers) = match &endpoint.host {
            Host::Ip(ip) => {
                return Ok(Lookup {
                    source: Source::Known,
                    found: Found::One(screen.admit(SocketAddr::new(*ip, 0))?),
                });
            }
            Host::ZonedIp(ip, zone) => (Source::Known, system::zoned(*ip, zone)),
            Host::Name(name) => match self.overrides.get(&*override_key(name)) {
                Some(addrs) => (Source::Known, Answers::ready(addrs.iter().copied())),
                None => (Source::Resolver, self.resolver.resolve(name)),
            },
        };
        let found = match answers.only() {
            Some(addr) => Found::One(screen.admit(addr)?),
            None => Found::Several(Screened {
                answers,
                endpoint: endpoint.clone(),
                reach,
                filter: self.filter.clone(),
                left_out: LeftOut::default(),
            }),
        };
        Ok(Lookup { source, found })
    }
}

impl Source {
    pub(crate) fn is_resolver(self) -> bool {
        self == Self::Resolver
    }
}

/// Names are equal whatever their case, and with or without the dot at the end.
pub(crate) fn override_key(name: &str) -> Box<str> {
    name.strip_suffix('.')
        .unwrap_or(name)
        .to_ascii_lowercase()
        .into()
}
