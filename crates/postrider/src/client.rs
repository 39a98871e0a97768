//! The client: what its clones share, and what can be asked of it as a whole.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use pool::Pool;
use protocol::Limits;
use transport::Connector;

use crate::connection::Connection;
use crate::erased::Shared;
use crate::error::Cause;
use crate::fields::add;
use crate::home::Home;
use crate::policy::retry::Retry;
use crate::route::Key;
use crate::special::HeaderCase;
use crate::stats::Stats;
use crate::timeouts::Timeouts;

/// An HTTP/1.1 client with a pool of kept-alive connections.
///
/// A clone is the same client, with the same pool. It may be made anywhere,
/// also in a `static` and outside a runtime; requests are polled inside a tokio
/// runtime with I/O and time enabled.
///
/// When the last clone is dropped, idle connections close and the pool's tasks
/// end. Requests under way and responses whose bodies are still being read go
/// on, and their connections close behind them. To wait for all of that, use
/// [`shutdown`](Self::shutdown).
///
/// ```
/// # async fn f() -> Result<(), postrider::Error> {
/// let client = postrider::Client::new();
/// let text = client.get("http://127.0.0.1:8080/").send().await?.text().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Shared<Inner>,
}

/// What the clones share.
pub(crate) struct Inner {
    pub(crate) pool: Pool<Key, Box<Connection>>,
    pub(crate) connector: Connector,
    pub(crate) headers: HeaderMap,
    pub(crate) timeouts: Timeouts,
    pub(crate) limits: Limits,
    pub(crate) retry: Retry,
    pub(crate) home: Arc<Home>,
    pub(crate) max_collected: usize,
    pub(crate) header_case: HeaderCase,
}

impl Client {
    pub(crate) fn from_inner(inner: Inner) -> Self {
        Self {
            inner: Shared::new(inner),
        }
    }

    pub(crate) fn inner(&self) -> Shared<Inner> {
        self.inner.clone()
    }

    /// What the pool holds at this moment, and what it has done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::new(self.inner.pool.stats(), &self.inner.home.tally)
    }
}

impl Inner {
    /// Adds the client's header fields to a request that lacks them.
    pub(crate) fn complete(&self, headers: &mut HeaderMap, url: &Uri) -> Result<(), Cause> {
        for name in self.headers.keys() {
            // A URL with user-info has the request's own authorization.
            if headers.contains_key(name) || (name == AUTHORIZATION && has_user_info(url)) {
                continue;
            }
            for value in self.headers.get_all(name) {
                add(headers, name.clone(), value.clone())?;
            }
        }
        Ok(())
    }
}

/// Whether a URL has any: an `@` with nothing before it says nothing.
fn has_user_info(url: &Uri) -> bool {
    let at = url.authority().and_then(|it| it.as_str().find('@'));
    at.is_some_and(|at| at > 0)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}
