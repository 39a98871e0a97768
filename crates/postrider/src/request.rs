//! Building a request.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

#[cfg(feature = "json")]
use http::header::CONTENT_TYPE;
use http::header::{AUTHORIZATION, EXPECT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use protocol::Spellings;
use transport::{ServerName, TlsSettings};

use crate::authorization::{basic, bearer};
use crate::body::Body;
use crate::call::Call;
use crate::client::{Client, Inner};
use crate::erased::{Owned, Shared};
use crate::error::{Cause, Error};
use crate::fields::{add, set, set_all};
use crate::phase::Phase;
use crate::query::{QueryPair, with_query};
use crate::send::Pending;
use crate::special::{Expectation, Form, Spelled};
use crate::timeouts::Timeouts;
use crate::url::{IntoUrl, host_in_ascii};

impl Client {
    /// Begins a `GET` request.
    ///
    /// A URL that can't be used is the error of [`RequestBuilder::send`].
    pub fn get(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::GET, url)
    }

    /// Begins a `HEAD` request.
    pub fn head(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::HEAD, url)
    }

    /// Begins a `POST` request.
    pub fn post(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::POST, url)
    }

    /// Begins a `PUT` request.
    pub fn put(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PUT, url)
    }

    /// Begins a `PATCH` request.
    pub fn patch(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::PATCH, url)
    }

    /// Begins a `DELETE` request.
    pub fn delete(&self, url: impl IntoUrl) -> RequestBuilder {
        self.request(Method::DELETE, url)
    }

    /// Begins a request with any method.
    pub fn request(&self, method: Method, url: impl IntoUrl) -> RequestBuilder {
        let call = url.into_url().map(|url| Call::new(method, url));
        RequestBuilder {
            client: self.inner(),
            call,
        }
    }

    /// Sends a request of the `http` crate. Its version is not regarded.
    ///
    /// # Errors
    ///
    /// Those of [`RequestBuilder::send`].
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
    pub fn execute<B: Into<Body>>(&self, request: http::Request<B>) -> Pending {
        let (parts, body) = request.into_parts();
        let mut call = Call::new(parts.method, parts.uri);
        call.headers = parts.headers;
        call.body = Some(body.into());
        Pending::new(self.inner(), Ok(call))
    }
}

/// A request being put together.
///
/// Its `Debug` shows the values of header fields, but for those of `Authorization`,
/// `Proxy-Authorization`, `Cookie` and `Set-Cookie`, and those marked sensitive.
///
/// What is wrong with its parts is told by [`send`](Self::send).
#[must_use = "a request is not sent before `send` is called and awaited"]
pub struct RequestBuilder {
    client: Shared<Inner>,
    call: Result<Owned<Call>, Error>,
}

impl RequestBuilder {
    /// Adds a header field.
    pub fn header<N, V>(self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        N::Error: Into<http::Error>,
        V: TryInto<HeaderValue>,
        V::Error: Into<http::Error>,
    {
        self.try_with(|call| {
            let name: HeaderName = name.try_into().map_err(bad_header)?;
            let value = value.try_into().map_err(|error| {
                let error: http::Error = error.into();
                Cause::Header(format!("{name}: {error}").into())
            })?;
            add(&mut call.headers, name, value)
        })
    }

    /// Sets header fields: each name in `headers` takes the place of what the
    /// request had under it.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.try_with(|call| set_all(&mut call.headers, headers))
    }

    /// Adds pairs to the URL's query, encoded as in a form.
    ///
    /// ```
    /// # fn f(client: postrider::Client) {
    /// let request = client.get("http://api.internal/find").query([("q", "a b"), ("page", "2")]);
    /// # }
    /// ```
    pub fn query<I, P>(self, pairs: I) -> Self
    where
        I: IntoIterator<Item = P>,
        P: QueryPair,
    {
        self.try_with(|call| {
            call.url = with_query(&call.url, pairs).map_err(Cause::Url)?;
            Ok(())
        })
    }

    /// Sets `Authorization` to the Basic scheme (RFC 7617). The value is
    /// marked sensitive: it never appears in `Debug`, errors or traces.
    pub fn basic_auth(self, user: impl AsRef<str>, password: Option<&str>) -> Self {
        self.try_with(|call| {
            let password = password.unwrap_or_default();
            let value = basic(user.as_ref().as_bytes(), password.as_bytes())?;
            set(&mut call.headers, AUTHORIZATION, value)
        })
    }

    /// Sets `Authorization` to the Bearer scheme (RFC 6750). The value is
    /// marked sensitive.
    pub fn bearer_auth(self, token: impl AsRef<str>) -> Self {
        self.try_with(|call| {
            let value = bearer(token.as_ref())?;
            set(&mut call.headers, AUTHORIZATION, value)
        })
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.with(|call| call.body = Some(body.into()))
    }

    /// Sets the body to `value` as JSON, and `Content-Type` unless it is set.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, value: &T) -> Self {
        self.try_with(|call| {
            let body = serde_json::to_vec(value).map_err(|error| Cause::ToJson(error.into()))?;
            call.body = Some(body.into());
            if call.headers.contains_key(CONTENT_TYPE) {
                return Ok(());
            }
            let json = HeaderValue::from_static("application/json");
            set(&mut call.headers, CONTENT_TYPE, json)
        })
    }

    /// Sends the body only when the server has said 100 (Continue), or has said
    /// nothing for `wait`; a second is usual (RFC 9110 §10.1.1).
    ///
    /// A final response that comes instead is the response, and the body is not
    /// sent if it reports a failure. After 417 (Expectation Failed) the request
    /// is sent again without the expectation, if its body can be. A request without
    /// a body must not expect anything: it is an error at [`send`](Self::send).
    pub fn expect_continue(self, wait: Duration) -> Self {
        self.try_with(|call| {
            call.special().expectation = Expectation::Patience(wait);
            let expectation = HeaderValue::from_static("100-continue");
            set(&mut call.headers, EXPECT, expectation)
        })
    }

    /// Calls `report` with the status and the fields of each informational
    /// response (1xx) that comes before the final one: 103 (Early Hints), say.
    ///
    /// It is called on the task that polls the request, and should not block.
    pub fn on_informational(
        self,
        report: impl FnMut(StatusCode, &HeaderMap) + Send + 'static,
    ) -> Self {
        self.with(|call| call.special().on_informational = Some(Box::new(report)))
    }

    /// Spells field names just as they stand in `names`, for a server that takes
    /// their case for something: `["X-API-Key"]`. Other names stay in lower case.
    pub fn spell_headers<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        self.try_with(|call| {
            let mut spellings = Spellings::default();
            for name in names {
                spellings
                    .insert(name)
                    .map_err(|error| Cause::Header(error.into()))?;
            }
            call.special().spelled = Spelled::Given(spellings);
            Ok(())
        })
    }

    /// Asks the server to prove this name by its certificate, and names it in
    /// the handshake (SNI, RFC 6066 §3), in the place of the URL's host: a DNS
    /// name, mapped to ASCII as a [URL's](IntoUrl::into_url) host is, or an
    /// address. `Host` still names the URL's.
    ///
    /// Connections of requests that differ in this are not shared, and the
    /// limits of an origin hold for each apart.
    pub fn server_name(self, name: &str) -> Self {
        self.try_with(|call| {
            let name = host_in_ascii(name).map_err(Cause::ServerName)?;
            let name = ServerName::parse(&name).map_err(|error| Cause::ServerName(error.into()))?;
            call.options().server_name = Some(name);
            Ok(())
        })
    }

    /// Secures the connection by these settings instead of the client's: for
    /// one of several identities that a service has.
    ///
    /// One value of [`TlsSettings`], and its clones, are one identity: requests
    /// with the same share connections and TLS sessions, others do not. So keep
    /// and clone it; do not build it for each request.
    pub fn tls(self, settings: TlsSettings) -> Self {
        self.with(|call| call.options().tls = Some(settings))
    }

    /// Connects from this address of the machine, and therefore to addresses of
    /// its family only. Connections of requests that differ in it are not shared.
    /// There can be only so many: see [`ConnectorBuilder::local_address`].
    ///
    /// [`ConnectorBuilder::local_address`]: crate::ConnectorBuilder::local_address
    pub fn local_address(self, address: IpAddr) -> Self {
        self.with(|call| call.options().local_address = Some(address))
    }

    /// Connects through this network interface (`SO_BINDTODEVICE`; Linux only,
    /// elsewhere the connect fails). Connections of requests that differ in it
    /// are not shared.
    pub fn interface(self, name: &str) -> Self {
        self.with(|call| call.options().interface = Some(name.into()))
    }

    /// Asks of the server as a whole: `OPTIONS *` (RFC 9112 §3.2.4). The URL's
    /// path is not sent.
    pub fn asterisk_form(self) -> Self {
        self.with(|call| call.special().form = Form::Asterisk)
    }

    /// Marks the request as one that may be sent twice without harm, whatever
    /// its method: it is then sent again where an idempotent one would be.
    pub fn idempotent(self) -> Self {
        self.with(|call| call.idempotent = true)
    }

    /// Limits the time from `send` to the last byte of the response's body:
    /// waiting, connecting and retrying included.
    pub fn timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.total = Some(limit))
    }

    /// Limits the time that the request waits in line for the connections of
    /// others, as [`ClientBuilder::acquire_timeout`] says.
    ///
    /// [`ClientBuilder::acquire_timeout`]: crate::ClientBuilder::acquire_timeout
    pub fn acquire_timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.acquire = Some(limit))
    }

    /// Limits the time until a connection is in hand.
    ///
    /// It can only be shorter than the client's own limit, which bounds the
    /// connecting that requests to one origin share. What is being made goes on
    /// for a short while after, for whoever wants it next.
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.connect = Some(limit))
    }

    /// Limits the time from the request's last byte to the response's head.
    pub fn head_timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.head = Some(limit))
    }

    /// Limits the time between two reads of the response.
    ///
    /// Until its head comes, the server may be waiting for the request's body:
    /// a time in which the caller gives no piece of that does not count. Behind
    /// the head it does.
    pub fn read_timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.read = Some(limit))
    }

    /// Limits the time between two writes of the request.
    pub fn write_timeout(self, limit: Duration) -> Self {
        self.with_timeouts(|timeouts| timeouts.write = Some(limit))
    }

    /// Sends the request; ready with the response when its head has arrived.
    ///
    /// # Errors
    ///
    /// Whatever keeps the response's head from arriving: see
    /// [`ErrorKind`](crate::ErrorKind). A status of failure is no error.
    ///
    /// # Cancel safety
    ///
    /// See [`Pending`].
    pub fn send(self) -> Pending {
        Pending::new(self.client, self.call)
    }

    fn with(mut self, change: impl FnOnce(&mut Call)) -> Self {
        if let Ok(call) = &mut self.call {
            change(call);
        }
        self
    }

    /// The first thing that is wrong is what `send` tells.
    fn try_with(mut self, change: impl FnOnce(&mut Call) -> Result<(), Cause>) -> Self {
        if let Ok(call) = &mut self.call
            && let Err(cause) = change(call)
        {
            let error = Error::new(cause, Phase::Prepare);
            self.call = Err(error.of_request(&call.method, &call.url, false));
        }
        self
    }

    fn with_timeouts(self, change: impl FnOnce(&mut Timeouts)) -> Self {
        self.with(|call| change(&mut call.watch.timeouts))
    }
}

impl fmt::Debug for RequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.call {
            Ok(call) => f.debug_tuple("RequestBuilder").field(&**call).finish(),
            Err(error) => f.debug_tuple("RequestBuilder").field(error).finish(),
        }
    }
}

fn bad_header(error: impl Into<http::Error>) -> Cause {
    Cause::Header(error.into().into())
}
