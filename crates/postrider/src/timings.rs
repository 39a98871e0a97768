//! How long each phase of a request took.

use std::time::Duration;

use tokio::time::Instant;

/// How long each phase of a request took, up to now.
///
/// Every figure counts from the call of `send`, so that they lie on one line:
/// `connected <= sent`, `sent <= head` unless the server answered early,
/// `head <= body`. A phase that has not ended yet has no figure.
///
/// They are on every response ([`Response::timings`](crate::Response::timings))
/// and, as far as it came, on every error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    started: Option<Instant>,
    dial: Option<DialTimings>,
    connected: Option<Instant>,
    sent: Option<Instant>,
    head: Option<Instant>,
    body: Option<Instant>,
    retries: u32,
}

/// What making the connection took, where this request waited for a new one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct DialTimings {
    /// Looking up the name; `None` where the host was an address.
    pub resolve: Option<Duration>,
    /// Connecting, over all addresses that were tried. Where an address was
    /// connected to whose TLS handshake then failed, and the search went on, that
    /// handshake's time is in it.
    pub connect: Option<Duration>,
    /// The TLS handshake that succeeded; `None` in the clear.
    pub tls: Option<Duration>,
}

impl Timings {
    pub(crate) fn start(started: Instant) -> Self {
        Self {
            started: Some(started),
            ..Self::default()
        }
    }

    /// When a connection was in hand, whether it was idle, handed on or dialled.
    #[must_use]
    pub fn connected(&self) -> Option<Duration> {
        self.since_start(self.connected)
    }

    /// When the last byte of the request had been written.
    #[must_use]
    pub fn sent(&self) -> Option<Duration> {
        self.since_start(self.sent)
    }

    /// When the head of the final response had arrived.
    #[must_use]
    pub fn head(&self) -> Option<Duration> {
        self.since_start(self.head)
    }

    /// When the last byte of the response's body had been read.
    #[must_use]
    pub fn body(&self) -> Option<Duration> {
        self.since_start(self.body)
    }

    /// What making the connection took, where the request rode a new one.
    #[must_use]
    pub fn dial(&self) -> Option<&DialTimings> {
        self.dial.as_ref()
    }

    /// How often the request was sent again because a kept-alive connection
    /// turned out to be closed. The figures above are of the last attempt.
    #[must_use]
    pub fn retries(&self) -> u32 {
        self.retries
    }

    pub(crate) fn mark_connected(&mut self, now: Instant, dial: Option<DialTimings>) {
        self.connected = Some(now);
        self.dial = dial;
    }

    pub(crate) fn mark_sent(&mut self, at: Option<Instant>) {
        self.sent = at;
    }

    pub(crate) fn mark_head(&mut self, now: Instant) {
        self.head = Some(now);
    }

    pub(crate) fn mark_body(&mut self, now: Instant) {
        self.body = Some(now);
    }

    /// Forgets the attempt that came to nothing.
    pub(crate) fn begin_again(&mut self) {
        self.connected = None;
        self.dial = None;
        self.sent = None;
    }

    pub(crate) fn count_retry(&mut self) {
        self.retries = self.retries.saturating_add(1);
    }

    fn since_start(&self, at: Option<Instant>) -> Option<Duration> {
        Some(at?.saturating_duration_since(self.started?))
    }
}
