//! The record of one request, from the builder to the response's last byte.

use std::fmt;
use std::mem;
use std::sync::Arc;

use http::header::EXPECT;
use http::{HeaderMap, Method, Uri};
use pool::Wait;
use protocol::Exchange;
use tokio::time::Instant;
use transport::ConnectOptions;

use crate::body::Body;
use crate::client::Inner;
use crate::connection::Connection;
use crate::erased::Owned;
use crate::error::{Cause, Error, Sent, describe};
use crate::fields::Shown;
use crate::phase::Phase;
use crate::policy::retry;
use crate::route::Key;
use crate::special::{Expectation, Special};
use crate::timeouts::Watch;
use crate::timings::Timings;
use crate::turn::Turn;
use crate::wire::{Transfer, Upload};

/// What a request is and what became of it so far. It is made once, on the
/// heap, and passed on as one pointer: builder, future, response. It holds no
/// client, so that a response does not keep one's idle connections open.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    /// What the next attempt would send; `None` where it can't be sent again.
    pub(crate) body: Option<Body>,
    /// Whether sending it twice is the same as sending it once.
    pub(crate) idempotent: bool,
    /// The largest body of a response that is read into one piece, in bytes.
    pub(crate) max_collected: usize,
    pub(crate) special: Option<Box<Special>>,
    pub(crate) retries: Retries,
    /// How much of it the server may have seen of earlier attempts.
    pub(crate) sent: Sent,
    pub(crate) watch: Watch,
    pub(crate) timings: Timings,
    pub(crate) underway: Underway,
}

/// The attempt under way. It has its place in the record from the beginning, so
/// that future, response and body pass it on without moving it, and that who
/// waits holds nothing besides: a burst of new connections leaves the holes of
/// all that was held meanwhile.
#[derive(Default)]
pub(crate) enum Underway {
    #[default]
    Nothing,
    Waiting(Place),
    Moving(Transfer),
}

/// A place in the pool's line, and what is to be sent when its turn comes.
pub(crate) struct Place {
    pub(crate) attempt: Attempt,
    pub(crate) wait: Wait<Key, Box<Connection>>,
    pub(crate) turn: Turn,
}

/// A request made ready to be written: its head, checked and encoded, with as
/// much of the body as fits behind it.
pub(crate) struct Attempt {
    pub(crate) exchange: Exchange,
    pub(crate) upload: Upload,
}

impl Underway {
    pub(crate) fn transfer(&self) -> Option<&Transfer> {
        match self {
            Self::Moving(transfer) => Some(transfer),
            Self::Nothing | Self::Waiting(_) => None,
        }
    }

    pub(crate) fn transfer_mut(&mut self) -> Option<&mut Transfer> {
        match self {
            Self::Moving(transfer) => Some(transfer),
            Self::Nothing | Self::Waiting(_) => None,
        }
    }

    /// Nothing is left here, whatever was.
    pub(crate) fn take_transfer(&mut self) -> Option<Transfer> {
        match mem::take(self) {
            Self::Moving(transfer) => Some(transfer),
            Self::Nothing | Self::Waiting(_) => None,
        }
    }

    /// Nothing is left here, whatever was.
    pub(crate) fn take_attempt(&mut self) -> Option<Attempt> {
        match mem::take(self) {
            Self::Waiting(place) => Some(place.attempt),
            Self::Nothing | Self::Moving(_) => None,
        }
    }
}

/// What retries have been made, and may be.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retries {
    /// How many idle connections may still be tried after nothing was written;
    /// `None` before the first had failed.
    pub(crate) idle_left: Option<usize>,
    /// On a connection made anew: after something had been written, or as the
    /// one made before was closed while the request was not polled.
    pub(crate) anew: u8,
}

impl Call {
    pub(crate) fn new(method: Method, url: Uri) -> Owned<Self> {
        // Made in its place: a value passed to `Box::new` would be copied there.
        let mut call = Box::<Self>::default();
        call.method = method;
        call.url = url;
        call.into()
    }

    /// Completes the request by what the client says of all of them.
    ///
    /// # Errors
    ///
    /// If it has more header fields than there can be.
    pub(crate) fn start(&mut self, client: &Inner, now: Instant) -> Result<(), Cause> {
        self.watch.start(&client.timeouts, now);
        self.timings = Timings::start(now);
        self.max_collected = client.max_collected;
        client.complete(&mut self.headers, &self.url)?;
        self.idempotent |= retry::is_idempotent(&self.method, &self.headers);
        Ok(())
    }

    /// Whether the body is to wait for 100 (Continue) by the caller's wish.
    pub(crate) fn expects(&self) -> bool {
        self.special
            .as_ref()
            .is_some_and(|special| special.expectation.is_some())
    }

    pub(crate) fn drop_expectation(&mut self) {
        self.headers.remove(EXPECT);
        if let Some(special) = &mut self.special {
            special.expectation = Expectation::None;
        }
    }

    /// Prepares for another attempt: of its limits on time only the total one
    /// goes on.
    pub(crate) fn begin_again(&mut self) {
        self.watch.begin_again();
        self.timings.begin_again();
        if let Some(special) = &mut self.special {
            special.expectation.begin_again();
        }
    }

    /// What this request asks for that most don't.
    pub(crate) fn special(&mut self) -> &mut Special {
        self.special.get_or_insert_default()
    }

    /// How its connection is to differ from the client's others.
    pub(crate) fn options(&mut self) -> &mut ConnectOptions {
        Arc::make_mut(self.special().options.get_or_insert_default())
    }

    /// An error that befell this request.
    pub(crate) fn error(&self, cause: Cause, phase: Phase) -> Error {
        Error::new(cause, phase)
            .of_request(&self.method, &self.url, self.idempotent)
            .after(self.sent)
            .with_timings(self.timings)
    }
}

impl Default for Call {
    fn default() -> Self {
        Self {
            method: Method::default(),
            url: Uri::default(),
            headers: HeaderMap::new(),
            body: Some(Body::empty()),
            idempotent: false,
            max_collected: 0,
            special: None,
            retries: Retries::default(),
            sent: Sent::Nothing,
            watch: Watch::default(),
            timings: Timings::default(),
            underway: Underway::Nothing,
        }
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("request", &describe(&self.method, &self.url))
            .field("headers", &Shown(&self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}
