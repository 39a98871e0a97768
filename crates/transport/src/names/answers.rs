//! What a resolver answers, in one piece or in several.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::shared::Subscription;
use crate::guard::{BoxFuture, Guarded};

/// The addresses of a name, which may arrive in parts.
///
/// A resolver that asks for IPv6 and IPv4 addresses apart gives both lookups to
/// [`from_lookups`](Self::from_lookups): the first answer starts the race, IPv4 waiting a moment
/// for IPv6 (RFC 8305 §3).
pub struct Answers {
    source: Source,
}

type Lookup = Guarded<Vec<SocketAddr>>;

enum Source {
    Ready(Option<Vec<SocketAddr>>),
    Lookups(Vec<Lookup>),
    Shared(Subscription),
}

impl Answers {
    /// An answer that is known already.
    pub fn ready(addrs: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self {
            source: Source::Ready(Some(addrs.into_iter().collect())),
        }
    }

    /// A failure that is known already.
    pub fn failed(error: io::Error) -> Self {
        Self::from_lookup(std::future::ready(Err(error)))
    }

    /// An answer that comes in one piece.
    pub fn from_lookup(
        lookup: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    ) -> Self {
        Self::from_lookups([Box::pin(lookup) as BoxFuture<_>])
    }

    /// An answer that comes in several pieces, in whatever order they are finished.
    ///
    /// The failure of one does not spoil the others.
    pub fn from_lookups(
        lookups: impl IntoIterator<
            Item = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>,
        >,
    ) -> Self {
        Self {
            source: Source::Lookups(lookups.into_iter().map(Guarded::new).collect()),
        }
    }

    pub(super) fn shared(subscription: Subscription) -> Self {
        Self {
            source: Source::Shared(subscription),
        }
    }

    /// The address, if it is known already that there is but one.
    pub(super) fn only(&self) -> Option<SocketAddr> {
        match &self.source {
            Source::Ready(Some(addrs)) => match addrs[..] {
                [addr] => Some(addr),
                _ => None,
            },
            _ => None,
        }
    }

    /// The next piece; `None` when all have come.
    ///
    /// # Errors
    ///
    /// If one of the lookups failed. Others may still succeed.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<io::Result<Vec<SocketAddr>>> {
        match &mut self.source {
            Source::Ready(addrs) => addrs.take().map(Ok),
            Source::Lookups(lookups) => std::future::poll_fn(|cx| poll_lookups(lookups, cx)).await,
            Source::Shared(subscription) => subscription.next().await,
        }
    }
}

fn poll_lookups(
    lookups: &mut Vec<Lookup>,
    cx: &mut Context<'_>,
) -> Poll<Option<io::Result<Vec<SocketAddr>>>> {
    if lookups.is_empty() {
        return Poll::Ready(None);
    }
    for (n, lookup) in lookups.iter_mut().enumerate() {
        if let Poll::Ready(answer) = Pin::new(lookup).poll(cx) {
            drop(lookups.remove(n));
            return Poll::Ready(Some(answer));
        }
    }
    Poll::Pending
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").finish_non_exhaustive()
    }
}
