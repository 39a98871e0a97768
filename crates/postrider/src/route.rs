//! Where a request goes: everything that makes two connections not
//! interchangeable, which is the key that the pool keeps them by.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use http::Uri;
use protocol::{Authority, Host, Scheme, UserInfo};
use transport::{ConnectOptions, Endpoint};

use crate::error::{Cause, Error};
use crate::phase::Phase;
use crate::rotation::Rotation;
use crate::url::IntoUrl;

/// All that changes who the server believes we are, or whom we believe it to
/// be. What is one and the same for the whole life of a client is not in it:
/// each client has its own pool.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Route<'a> {
    /// Scheme, host and port.
    pub(crate) authority: Authority<'a>,
    /// What the request asks for in the client's place: TLS settings, the name
    /// that the server must prove, our own address.
    pub(crate) options: Option<Arc<ConnectOptions>>,
    /// Which generation of the client's TLS settings secures the connection, if
    /// they do.
    pub(crate) tls_generation: Option<u64>,
}

impl<'a> Route<'a> {
    /// The route to a URL's server, and the user-info that the URL holds.
    pub(crate) fn of(
        uri: &'a Uri,
        options: Option<&Arc<ConnectOptions>>,
        rotation: &Rotation,
    ) -> Result<(Self, Option<UserInfo<'a>>), Cause> {
        let (authority, user_info) = authority(uri)?;
        let mut route = Self::to(authority, rotation);
        if let Some(options) = options {
            route.options = Some(Arc::clone(options));
            route.tls_generation = route.tls_generation.filter(|_| options.tls.is_none());
        }
        Ok((route, user_info))
    }

    /// The route that requests take which ask for nothing special.
    pub(crate) fn to(authority: Authority<'a>, rotation: &Rotation) -> Self {
        let is_secure = authority.scheme() == Scheme::Https;
        Self {
            authority,
            options: None,
            tls_generation: is_secure.then(|| rotation.generation()),
        }
    }

    pub(crate) fn to_key(&self) -> Key {
        // Exhaustive, so that a new part of a route can't be left out of its key.
        let Self {
            authority,
            options,
            tls_generation,
        } = self;
        Key(Arc::new(Route {
            authority: authority.clone().into_owned(),
            options: options.clone(),
            tls_generation: *tls_generation,
        }))
    }

    /// What the transport connects to. The client's TLS settings are not in it.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let Self {
            authority,
            options,
            tls_generation: _,
        } = self;
        let security = match authority.scheme() {
            Scheme::Http => transport::Security::Plain,
            Scheme::Https => transport::Security::Tls,
        };
        let host = match authority.host() {
            Host::Name(name) => transport::Host::Name(name.as_ref().into()),
            Host::Ipv4(addr) => transport::Host::Ip((*addr).into()),
            Host::Ipv6 { addr, zone: None } => transport::Host::Ip((*addr).into()),
            Host::Ipv6 {
                addr,
                zone: Some(zone),
            } => transport::Host::ZonedIp(*addr, zone.as_ref().into()),
        };
        let endpoint = Endpoint::new(host, authority.port(), security);
        match options {
            Some(options) => endpoint.with_options((**options).clone()),
            None => endpoint,
        }
    }
}

/// In as few pieces as can be: see [`Authority`].
impl Hash for Route<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let Self {
            authority,
            options,
            tls_generation,
        } = self;
        authority.hash(state);
        if let Some(options) = options {
            options.hash(state);
        }
        if let Some(generation) = tls_generation {
            state.write_u64(*generation);
        }
    }
}

/// The server that a URL names, and the user-info that the URL holds.
pub(crate) fn authority(uri: &Uri) -> Result<(Authority<'_>, Option<UserInfo<'_>>), Cause> {
    let scheme = match uri.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err(Cause::Scheme),
    };
    // `Uri` loses a bad port and takes two `@`: the text is read again.
    let text = uri.authority().map_or("", http::uri::Authority::as_str);
    Authority::parse(text, scheme).map_err(Cause::Authority)
}

/// The origin of a caller's URL; user-info in it is passed over.
pub(crate) fn origin(url: impl IntoUrl) -> Result<Authority<'static>, Error> {
    let url = url.into_url()?;
    match authority(&url) {
        Ok((authority, _)) => Ok(authority.into_owned()),
        Err(cause) => Err(Error::new(cause, Phase::Prepare)),
    }
}

/// A route that owns its parts: the pool's key. The pool copies it often, and
/// all of them at once for its statistics.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key(pub(crate) Arc<Route<'static>>);

/// A route, owned or borrowed: lets the pool be asked without allocation.
pub(crate) trait AsRoute {
    fn as_route(&self) -> &Route<'_>;
}

impl AsRoute for Key {
    fn as_route(&self) -> &Route<'_> {
        &self.0
    }
}

impl AsRoute for Route<'_> {
    fn as_route(&self) -> &Route<'_> {
        self
    }
}

impl<'a> Borrow<dyn AsRoute + 'a> for Key {
    fn borrow(&self) -> &(dyn AsRoute + 'a) {
        self
    }
}

impl Hash for dyn AsRoute + '_ {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_route().hash(state);
    }
}

impl PartialEq for dyn AsRoute + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.as_route() == other.as_route()
    }
}

impl Eq for dyn AsRoute + '_ {}

/// The origin as it stands in a URL: `https://host:8443`.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.authority;
        write!(f, "{}://{authority}", authority.scheme())
    }
}
