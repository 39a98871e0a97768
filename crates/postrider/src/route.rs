//! Where a request goes: everything that makes two connections not
//! interchangeable, which is the key that the pool keeps them by.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{Hash, Hasher};

use http::Uri;
use protocol::{Authority, Host, Scheme, UserInfo};
use transport::Endpoint;

use crate::error::Cause;

/// All that changes who the server believes we are, or whom we believe it to
/// be. Settings of the whole client are not in it: each client has its own pool.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Route<'a> {
    /// Scheme, host and port.
    pub(crate) authority: Authority<'a>,
}

impl<'a> Route<'a> {
    /// The route to a URL's server, and the user-info that the URL holds.
    pub(crate) fn of(uri: &'a Uri) -> Result<(Self, Option<UserInfo<'a>>), Cause> {
        let scheme = match uri.scheme_str() {
            Some("http") => Scheme::Http,
            Some("https") => Scheme::Https,
            _ => return Err(Cause::Scheme),
        };
        // `Uri` loses a bad port and takes two `@`: the text is read again.
        let text = uri.authority().map_or("", http::uri::Authority::as_str);
        let (authority, user_info) = Authority::parse(text, scheme).map_err(Cause::Authority)?;
        Ok((Self { authority }, user_info))
    }

    /// The key of any URL's server; user-info in the URL is passed over.
    pub(crate) fn to<U>(url: U) -> Result<Key, Cause>
    where
        U: TryInto<Uri>,
        U::Error: Into<http::Error>,
    {
        let url = url
            .try_into()
            .map_err(|error| Cause::Url(error.into().into()))?;
        Route::of(&url).map(|(route, _)| route.to_key())
    }

    pub(crate) fn to_key(&self) -> Key {
        // Exhaustive, so that a new part of a route can't be left out of its key.
        let Self { authority } = self;
        Key(Route {
            authority: authority.clone().into_owned(),
        })
    }

    /// What the transport connects to.
    pub(crate) fn endpoint(&self) -> Endpoint {
        let Self { authority } = self;
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
        Endpoint::new(host, authority.port(), security)
    }
}

/// A route that owns its parts: the pool's key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key(pub(crate) Route<'static>);

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
        let Route { authority } = &self.0;
        write!(f, "{}://{authority}", authority.scheme())
    }
}
