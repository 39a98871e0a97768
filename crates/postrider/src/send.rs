//! The whole life of a request, on one page.
//!
//! It begins with its head encoded and an idle connection asked for. If there
//! is none it stands in the pool's line, where a returned connection or a
//! finished dial serves it, whichever comes first. With a connection it moves:
//! this very future writes the request and reads the response. When a
//! kept-alive connection turns out to be closed, the retry policy says whether
//! it begins again.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, StatusCode, Uri};
use percent_encoding::percent_decode_str;
use pool::{Lease, Source, Wait, WaitError, Want};
use protocol::{Event, ResponseHead, UserInfo};
use tokio::time::Instant;
use transport::{ConnectError, Probe};

use crate::body::Body;
use crate::client::{Client, Inner};
use crate::connection::{Connection, ConnectionInfo};
use crate::encode::Attempt;
use crate::error::{Cause, Error, Phase, Sent, describe};
use crate::incoming::{ResponseBody, Subject};
use crate::policy::retry::{self, Again, Decision, End, Failure, Past, Seen, Written};
use crate::request::basic;
use crate::response::Response;
use crate::route::{AsRoute, Key, Route};
use crate::timeouts::{Timeouts, Watch};
use crate::timings::Timings;
use crate::wire::{Transfer, Upload};

/// The future of [`RequestBuilder::send`](crate::RequestBuilder::send) and
/// [`Client::execute`]: a request under way.
///
/// It does nothing until it is polled, and is then driven by whoever polls it:
/// there is no task behind it.
///
/// # Cancel safety
///
/// Dropping it gives the request up. Its connection closes, unless not one
/// byte was handed to it: then it goes back to the pool. A connection that was
/// being made for it goes on for a short while, for whoever wants it next.
#[must_use = "a request is not sent before it is awaited"]
pub struct Pending {
    stage: Stage,
    call: Call,
}

/// What a caller orders: a request, and the limits of its own.
pub(crate) struct Order {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body,
    pub(crate) timeouts: Timeouts,
    pub(crate) idempotent: bool,
}

/// What stays the same over all attempts, and what they have used up.
struct Call {
    client: Arc<Inner>,
    method: Method,
    url: Uri,
    headers: HeaderMap,
    /// What the next attempt would send; `None` where it can't be sent again.
    body: Option<Body>,
    idempotent: bool,
    used: Retries,
    watch: Watch,
    timings: Timings,
}

/// What retries have been made.
#[derive(Clone, Copy, Default)]
struct Retries {
    /// After nothing had been written.
    unwritten: u8,
    /// After something had.
    written: u8,
}

/// How far an attempt has come.
enum Stage {
    Begin {
        want: Want,
        now: Instant,
    },
    Waiting {
        attempt: Attempt,
        wait: Wait<Key, Box<Connection>>,
    },
    Moving {
        transfer: Transfer,
        connection: ConnectionInfo,
    },
    Failed(Error),
    Done,
}

/// What follows a stage: each is taken by value, and gives the next.
enum Step {
    Go(Stage),
    Wait(Stage),
    End(Result<Response, Error>),
}

impl Pending {
    pub(crate) fn new(client: Client, order: Result<Order, Error>) -> Self {
        let now = Instant::now();
        let (order, stage) = match order {
            Ok(order) => (
                order,
                Stage::Begin {
                    want: Want::Any,
                    now,
                },
            ),
            Err(error) => (
                Order::new(Method::GET, Uri::default()),
                Stage::Failed(error),
            ),
        };
        Self {
            stage,
            call: Call::new(client.into_inner(), order, now),
        }
    }
}

impl Future for Pending {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { stage, call } = &mut *self;
        loop {
            let step = match mem::replace(stage, Stage::Done) {
                Stage::Begin { want, now } => call.begin(want, now),
                Stage::Waiting { attempt, wait } => call.wait(attempt, wait, cx),
                Stage::Moving {
                    transfer,
                    connection,
                } => call.advance(transfer, connection, cx),
                Stage::Failed(error) => Step::End(Err(error)),
                // Polled after it was ready: there is nothing to wait for.
                Stage::Done => return Poll::Pending,
            };
            match step {
                Step::Go(next) => *stage = next,
                Step::Wait(same) => {
                    *stage = same;
                    return Poll::Pending;
                }
                Step::End(result) => return Poll::Ready(result),
            }
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Stage::Moving { transfer, .. } = mem::replace(&mut self.stage, Stage::Done) {
            transfer.cancel();
        }
    }
}

impl Call {
    fn new(client: Arc<Inner>, order: Order, now: Instant) -> Self {
        let Order {
            method,
            url,
            mut headers,
            body,
            timeouts,
            idempotent,
        } = order;
        client.complete(&mut headers);
        Self {
            idempotent: idempotent || retry::is_idempotent(&method, &headers),
            watch: Watch::start(timeouts.or(&client.timeouts), now),
            timings: Timings::start(now),
            used: Retries::default(),
            body: Some(body),
            client,
            method,
            url,
            headers,
        }
    }

    /// Encodes the request, and takes an idle connection or joins the line.
    fn begin(&mut self, want: Want, now: Instant) -> Step {
        match self.try_begin(want, now) {
            Ok(stage) => Step::Go(stage),
            Err(cause) => Step::End(Err(self.error(cause, Phase::Prepare))),
        }
    }

    fn try_begin(&mut self, want: Want, now: Instant) -> Result<Stage, Cause> {
        let (route, user_info) = Route::of(&self.url)?;
        if let Some(user_info) = user_info {
            authorize(&mut self.headers, &user_info)?;
        }
        let body = self.body.take().unwrap_or_default();
        let (attempt, again) = Attempt::encode(
            &self.method,
            &self.url,
            &route.authority,
            &self.headers,
            body,
            &self.client.limits,
        )?;
        self.body = again;

        let may_retry = self.idempotent && self.body.is_some();
        let idle = match want {
            Want::Any => {
                self.client
                    .pool
                    .lease::<dyn AsRoute>(&route, now, |connection, idle_for| {
                        connection.is_alive(probe(may_retry, idle_for))
                    })
            }
            _ => None,
        };
        let Some(lease) = idle else {
            let wait = self
                .client
                .pool
                .wait(route.to_key(), want, self.client.dial(&route));
            return Ok(Stage::Waiting { attempt, wait });
        };
        Ok(self.ride(lease, attempt, now))
    }

    fn wait(
        &mut self,
        attempt: Attempt,
        mut wait: Wait<Key, Box<Connection>>,
        cx: &mut Context<'_>,
    ) -> Step {
        match Pin::new(&mut wait).poll(cx) {
            Poll::Ready(Ok(mut lease)) => {
                let now = Instant::now();
                if matches!(lease.source(), Source::Dialled) || lease.is_alive(Probe::Kernel) {
                    return Step::Go(self.ride(lease, attempt, now));
                }
                // It was handed on, and has been closed on the way.
                drop(lease);
                self.restore(attempt.upload);
                Step::Go(Stage::Begin {
                    want: Want::Any,
                    now,
                })
            }
            Poll::Ready(Err(error)) => Step::End(Err(self.wait_failed(error))),
            Poll::Pending => match self.watch.poll_elapsed(cx, Phase::Connect, 0) {
                Poll::Ready(elapsed) => {
                    Step::End(Err(self.error(Cause::Elapsed(elapsed), Phase::Connect)))
                }
                Poll::Pending => Step::Wait(Stage::Waiting { attempt, wait }),
            },
        }
    }

    /// Sets out on a connection.
    fn ride(
        &mut self,
        mut lease: Lease<Key, Box<Connection>>,
        attempt: Attempt,
        now: Instant,
    ) -> Stage {
        let source = lease.source();
        let dial = matches!(source, Source::Dialled).then(|| lease.dial_timings());
        let connection = lease.begin(source, now);
        self.timings.mark_connected(now, dial);
        let transfer = Transfer::start(lease, attempt.exchange, attempt.upload);
        Stage::Moving {
            transfer,
            connection,
        }
    }

    /// Writes and reads until the head of the final response is here.
    fn advance(
        &mut self,
        mut transfer: Transfer,
        connection: ConnectionInfo,
        cx: &mut Context<'_>,
    ) -> Step {
        let result = loop {
            match transfer.poll_event(cx) {
                Poll::Ready(Ok(Event::Head(head))) => break Ok(head),
                // Informational responses are passed over (RFC 9110 §15.2).
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(cause)) => break Err(cause),
                Poll::Pending => {
                    if transfer.is_sent() {
                        self.timings.mark_sent(Instant::now);
                    }
                    match self
                        .watch
                        .poll_elapsed(cx, phase(&transfer), transfer.progress())
                    {
                        Poll::Ready(elapsed) => break Err(Cause::Elapsed(elapsed)),
                        Poll::Pending => {
                            return Step::Wait(Stage::Moving {
                                transfer,
                                connection,
                            });
                        }
                    }
                }
            }
        };
        match result {
            Ok(head) if is_idle_timeout(&head, &transfer, &connection) => {
                self.fail(Cause::Closed, Seen::Nothing, transfer, connection)
            }
            Ok(head) => Step::End(self.respond(head, transfer, connection)),
            Err(cause) => {
                let seen = if transfer.received() == 0 {
                    Seen::Nothing
                } else {
                    Seen::Something
                };
                self.fail(cause, seen, transfer, connection)
            }
        }
    }

    fn respond(
        &mut self,
        head: ResponseHead,
        mut transfer: Transfer,
        connection: ConnectionInfo,
    ) -> Result<Response, Error> {
        let now = Instant::now();
        if transfer.is_sent() {
            self.timings.mark_sent(|| now);
        }
        self.timings.mark_head(now);
        transfer.heed(head.status);
        let subject = Subject {
            method: mem::take(&mut self.method),
            url: mem::take(&mut self.url),
            idempotent: self.idempotent,
            connection,
        };
        let watch = self.watch.take();
        let body = ResponseBody::start(transfer, watch, self.timings, now, subject)?;
        Ok(Response::new(head, self.client.max_collected, body))
    }

    /// Begins again where that is safe; else the failure is the caller's.
    fn fail(
        &mut self,
        cause: Cause,
        response: Seen,
        transfer: Transfer,
        connection: ConnectionInfo,
    ) -> Step {
        let sent = transfer.sent();
        let phase = phase(&transfer);
        self.restore(transfer.into_upload());
        let failure = Failure {
            connection: if connection.is_reused() {
                Past::Reused
            } else {
                Past::Fresh
            },
            written: if sent == Sent::Nothing {
                Written::Nothing
            } else {
                Written::Something
            },
            response,
            end: End::of(&cause),
        };
        let again = Again {
            idempotent: self.idempotent,
            replayable: self.body.is_some(),
            used: self.used.written,
        };
        let want = match retry::decide(self.client.retry, failure, again) {
            Decision::Fail => {
                let error = self.error(cause, phase).on_connection(connection, sent);
                return Step::End(Err(error));
            }
            Decision::NextConnection if self.used.unwritten < MOST_STALE => {
                self.used.unwritten += 1;
                Want::Any
            }
            Decision::NextConnection => Want::Fresh,
            Decision::FreshConnection => {
                self.used.written += 1;
                Want::Fresh
            }
        };
        tracing::debug!(connection = connection.id(), error = %cause, "sending again");
        self.timings.count_retry();
        self.client.retries.fetch_add(1, Ordering::Relaxed);
        Step::Go(Stage::Begin {
            want,
            now: Instant::now(),
        })
    }

    /// Takes back a streaming body of which nothing was taken.
    fn restore(&mut self, upload: Upload) {
        if self.body.is_none() {
            self.body = upload.into_untouched().map(Body::untouched);
        }
    }

    fn wait_failed(&self, error: WaitError<ConnectError>) -> Error {
        match error {
            WaitError::Dial(error) => {
                let phase = Phase::of_dial(error.phase());
                self.error(Cause::Connect(error), phase)
            }
            WaitError::DialPanicked => self.error(Cause::ConnectPanicked, Phase::Connect),
            WaitError::LineFull { .. } => self.error(Cause::LineFull, Phase::Acquire),
            WaitError::NoRuntime => self.error(Cause::NoRuntime, Phase::Prepare),
            _ => self.error(Cause::ShutDown, Phase::Acquire),
        }
    }

    fn error(&self, cause: Cause, phase: Phase) -> Error {
        Error::new(cause, phase)
            .of_request(&self.method, &self.url, self.idempotent)
            .with_timings(self.timings)
    }
}

/// After so many connections that turned out closed, a fresh one is made.
const MOST_STALE: u8 = 16;

/// A connection that was idle for less than this needs no system call to be
/// believed alive, where the retry would hide the error of that belief.
const TRUST: Duration = Duration::from_millis(1);

fn probe(may_retry: bool, idle_for: Duration) -> Probe {
    if may_retry && idle_for < TRUST {
        Probe::Flag
    } else {
        Probe::Kernel
    }
}

fn phase(transfer: &Transfer) -> Phase {
    if transfer.is_sent() {
        Phase::Head
    } else {
        Phase::Send
    }
}

/// Whether a response is a server's word that the connection had been idle for
/// too long: it came before the request was written, so it can't answer it.
fn is_idle_timeout(head: &ResponseHead, transfer: &Transfer, connection: &ConnectionInfo) -> bool {
    head.status == StatusCode::REQUEST_TIMEOUT
        && connection.is_reused()
        && !transfer.is_sent()
        && transfer.is_closing()
}

/// User-info in a URL becomes Basic authorization, unless there is some already.
fn authorize(headers: &mut HeaderMap, user_info: &UserInfo<'_>) -> Result<(), Cause> {
    if headers.contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let decode = |text| percent_decode_str(text).decode_utf8_lossy();
    let user = decode(user_info.user);
    let password = user_info.password.map(decode).unwrap_or_default();
    headers.insert(AUTHORIZATION, basic(&user, &password)?);
    Ok(())
}

impl Order {
    pub(crate) fn new(method: Method, url: Uri) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::empty(),
            timeouts: Timeouts::default(),
            idempotent: false,
        }
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            url,
            headers,
            body,
            ..
        } = self;
        f.debug_struct("Request")
            .field("request", &describe(method, url))
            .field("headers", headers)
            .field("body", body)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Begin { .. } => "begin",
            Stage::Waiting { .. } => "waiting",
            Stage::Moving { .. } => "moving",
            Stage::Failed(_) => "failed",
            Stage::Done => "done",
        };
        f.debug_struct("Pending")
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}
