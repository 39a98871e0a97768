//! What a caller is told of the connection that carried a request.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use transport::{Attempt, ConnectFacts, TlsFacts};

/// The connection that carried a request.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    pub(crate) id: u64,
    pub(crate) request: u64,
    pub(crate) age: Duration,
    pub(crate) reuse: Reuse,
    pub(crate) facts: Arc<ConnectFacts>,
}

/// Whether it had been used, or had idled, before this request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reuse {
    New,
    Idle(Duration),
    HandedOn,
}

impl ConnectionInfo {
    /// The connection's number, the same for every request that it carries
    /// and no other connection's in this process.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it had been used, or had idled, before this request.
    #[must_use]
    pub fn is_reused(&self) -> bool {
        !matches!(self.reuse, Reuse::New)
    }

    /// How long it had been idle, where it came from the pool's idle ones.
    #[must_use]
    pub fn idle_for(&self) -> Option<Duration> {
        match self.reuse {
            Reuse::Idle(idle_for) => Some(idle_for),
            Reuse::New | Reuse::HandedOn => None,
        }
    }

    /// How old it was when this request began.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.age
    }

    /// Which of its requests this was, from 1 on.
    #[must_use]
    pub fn request(&self) -> u64 {
        self.request
    }

    /// The server's address; `None` where a connect function of the user's
    /// own took the place of the network.
    #[must_use]
    pub fn remote_addr(&self) -> Option<SocketAddr> {
        self.facts.remote
    }

    /// Our own address on it.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.facts.local
    }

    /// The addresses that were tried when it was made, each with its failure and
    /// duration, in the order in which they ended, which need not be the order of
    /// [`Attempt::started`]; none where the first was alone and was taken.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.facts.attempts
    }

    /// What was agreed by TLS; `None` in the clear.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFacts> {
        self.facts.tls.as_deref()
    }
}

/// `connection 7, reused for its request 3`.
impl fmt::Display for ConnectionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "connection {}, ", self.id)?;
        if self.is_reused() {
            write!(f, "reused for its request {}", self.request)
        } else {
            f.write_str("new")
        }
    }
}
