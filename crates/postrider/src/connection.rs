//! A kept-alive connection: what the pool keeps.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::Version;
use pool::{Reusable, Source};
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use transport::{ConnectError, ConnectFacts, Connected, Probe, Stream};

use crate::connection_info::{ConnectionInfo, Reuse};
use crate::home::Home;
use crate::stats::Tally;
use crate::timings::DialTimings;

/// A connected stream with what must be known of it between two exchanges.
/// It moves as one pointer and owns no buffer while idle.
pub(crate) struct Connection {
    pub(crate) stream: Stream,
    /// Bytes that were read and not yet understood; empty while idle.
    pub(crate) buffer: BytesMut,
    /// How long the server keeps it while idle, by its own word.
    pub(crate) idle_limit: Option<Duration>,
    /// The version of the last response: HTTP/1.0 takes no chunks.
    pub(crate) peer_version: Version,
    id: u64,
    connected: Instant,
    requests: u64,
    facts: Arc<ConnectFacts>,
    /// Which generation of the client's TLS settings secures it, if they do.
    tls_generation: Option<u64>,
    home: Arc<Home>,
}

impl Connection {
    pub(crate) fn new(
        connected: Connected,
        home: Arc<Home>,
        tls_generation: Option<u64>,
    ) -> Box<Self> {
        // Numbers are the process's, so that two clients' logs do not mix them up.
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        Box::new(Self {
            stream: connected.stream,
            buffer: BytesMut::new(),
            idle_limit: None,
            peer_version: Version::HTTP_11,
            id: NUMBER.fetch_add(1, Ordering::Relaxed),
            connected: Instant::now(),
            requests: 0,
            facts: Arc::new(connected.facts),
            tls_generation,
            home,
        })
    }

    /// Notes that a request begins, and says what its caller is told.
    pub(crate) fn begin(&mut self, source: Source, now: Instant) -> ConnectionInfo {
        self.requests += 1;
        ConnectionInfo {
            id: self.id,
            request: self.requests,
            age: self.age(now),
            reuse: match source {
                Source::Dialled => Reuse::New,
                Source::Idle { idle_for } => Reuse::Idle(idle_for),
                _ => Reuse::HandedOn,
            },
            facts: Arc::clone(&self.facts),
        }
    }

    /// What making it took: told to the request that waited for it.
    pub(crate) fn dial_timings(&self) -> DialTimings {
        let durations = &self.facts;
        DialTimings {
            resolve: durations.resolve,
            connect: durations.connect,
            tls: durations.handshake,
        }
    }

    /// Where to count what befalls it.
    pub(crate) fn tally(&self) -> &Tally {
        &self.home.tally
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.connected)
    }

    /// How many requests it has carried.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    pub(crate) fn remote_addr(&self) -> Option<SocketAddr> {
        self.facts.remote
    }

    pub(crate) fn is_alive(&mut self, probe: Probe) -> bool {
        self.stream.is_alive(probe)
    }
}

impl Reusable for Box<Connection> {
    type Error = ConnectError;

    fn has_ended(&mut self) -> bool {
        !self.stream.is_alive(Probe::Flag)
    }

    /// Whether the client's TLS settings have changed since it was secured.
    fn is_retired(&self) -> bool {
        self.tls_generation
            .is_some_and(|generation| generation != self.home.rotation.generation())
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.idle_limit
    }

    /// TLS says close_notify (RFC 8446 §6.1). Nothing can be done if it fails.
    fn poll_goodbye(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.stream).poll_shutdown(cx).map(drop)
    }
}
