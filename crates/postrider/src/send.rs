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
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode, Version};
use percent_encoding::percent_decode_str;
use pool::{Lease, Source, Wait, Want};
use protocol::{Event, RequestError, ResponseHead, UserInfo};
use tokio::time::Instant;
use transport::Probe;

use crate::body::Body;
use crate::call::Call;
use crate::client::Inner;
use crate::connection::{Connection, ConnectionInfo};
use crate::encode::Attempt;
use crate::error::{Cause, Error, Phase, Sent};
use crate::incoming::ResponseBody;
use crate::policy::retry::{self, Again, Decision, End, Failure, Past, Seen, Written};
use crate::request::basic;
use crate::response::Response;
use crate::route::{AsRoute, Key, Route};
use crate::turn::Turn;
use crate::wire::{Transfer, Upload};

/// The future of [`RequestBuilder::send`](crate::RequestBuilder::send) and
/// [`Client::execute`](crate::Client::execute): a request under way.
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
    client: Arc<Inner>,
    stage: Stage,
}

/// How far the request has come.
enum Stage {
    Begin {
        call: Box<Call>,
        want: Want,
        now: Instant,
    },
    Waiting {
        call: Box<Call>,
        attempt: Attempt,
        wait: Wait<Key, Box<Connection>>,
        turn: Turn,
    },
    Moving {
        call: Box<Call>,
        transfer: Transfer,
        connection: ConnectionInfo,
    },
    Failed(Error),
    Done,
}

/// What a stage was waiting for.
enum Ready {
    Now,
    Leased(Result<Lease<Key, Box<Connection>>, Error>),
    Headed(Result<ResponseHead, Cause>),
}

/// What follows a stage.
enum Step {
    Go(Stage),
    End(Result<Response, Error>),
}

impl Pending {
    pub(crate) fn new(client: Arc<Inner>, call: Result<Box<Call>, Error>) -> Self {
        let stage = match call {
            Ok(mut call) => {
                let now = Instant::now();
                call.start(&client, now);
                Stage::Begin {
                    call,
                    want: Want::Any,
                    now,
                }
            }
            Err(error) => Stage::Failed(error),
        };
        Self { client, stage }
    }
}

impl Future for Pending {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { client, stage } = &mut *self;
        loop {
            let ready = ready!(stage.poll_ready(cx));
            let step = match (mem::replace(stage, Stage::Done), ready) {
                (Stage::Begin { call, want, now }, _) => begin(client, call, want, now),
                (Stage::Waiting { call, attempt, .. }, Ready::Leased(lease)) => {
                    receive(client, call, attempt, lease)
                }
                (
                    Stage::Moving {
                        call,
                        transfer,
                        connection,
                    },
                    Ready::Headed(head),
                ) => conclude(client, call, transfer, connection, head),
                (Stage::Failed(error), _) => Step::End(Err(error)),
                // It was polled after it had ended: there is nothing to come.
                _ => return Poll::Pending,
            };
            match step {
                Step::Go(next) => *stage = next,
                Step::End(result) => {
                    if matches!(&result, Err(error) if error.is_timeout()) {
                        client.tally.timeouts.add();
                    }
                    return Poll::Ready(result);
                }
            }
        }
    }
}

impl Stage {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Ready> {
        match self {
            Self::Begin { .. } | Self::Failed(_) | Self::Done => Poll::Ready(Ready::Now),
            Self::Waiting {
                call, wait, turn, ..
            } => poll_lease(call, wait, turn, cx).map(Ready::Leased),
            Self::Moving { call, transfer, .. } => poll_head(call, transfer, cx).map(Ready::Headed),
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

/// Encodes the request, and takes an idle connection or joins the line.
fn begin(client: &Inner, mut call: Box<Call>, want: Want, now: Instant) -> Step {
    match take_or_wait(client, &mut call, want, now) {
        Ok(Taken::Lease(lease, attempt)) => Step::Go(ride(call, lease, attempt, now)),
        Ok(Taken::Wait(wait, turn, attempt)) => Step::Go(Stage::Waiting {
            call,
            attempt,
            wait,
            turn,
        }),
        Err(cause) => Step::End(Err(call.error(cause, Phase::Prepare))),
    }
}

enum Taken {
    Lease(Lease<Key, Box<Connection>>, Attempt),
    Wait(Wait<Key, Box<Connection>>, Turn, Attempt),
}

fn take_or_wait(client: &Inner, call: &mut Call, want: Want, now: Instant) -> Result<Taken, Cause> {
    let (route, user_info) = Route::of(&call.url)?;
    if let Some(user_info) = user_info {
        authorize(&mut call.headers, &user_info)?;
    }
    let (content, again) = call.body.take().unwrap_or_default().into_attempt();
    call.body = again;
    let attempt = Attempt::encode(call, client, &route.authority, content)?;

    let may_retry = call.idempotent && call.body.is_some();
    let pool = &client.pool;
    if want == Want::Any {
        let idle = pool.lease::<dyn AsRoute>(&route, now, |connection, idle_for| {
            connection.is_alive(probe(may_retry, idle_for))
        });
        if let Some(lease) = idle {
            return Ok(Taken::Lease(admit(lease, &attempt)?, attempt));
        }
    }
    let (turn, dial) = Turn::before(client.dial(&route));
    let wait = pool.wait(route.to_key(), want, dial);
    Ok(Taken::Wait(wait, turn, attempt))
}

fn poll_lease(
    call: &mut Call,
    wait: &mut Wait<Key, Box<Connection>>,
    turn: &Turn,
    cx: &mut Context<'_>,
) -> Poll<Result<Lease<Key, Box<Connection>>, Error>> {
    match Pin::new(wait).poll(cx) {
        Poll::Ready(Ok(lease)) => Poll::Ready(Ok(lease)),
        Poll::Ready(Err(error)) => {
            let (cause, phase) = Cause::of_wait(error);
            Poll::Ready(Err(call.error(cause, phase)))
        }
        Poll::Pending => {
            let phase = turn.phase();
            let elapsed = call.watch.poll_elapsed(cx, phase, 0);
            elapsed.map(|elapsed| Err(call.error(Cause::Elapsed(elapsed), phase)))
        }
    }
}

/// Receives what the request waited for.
fn receive(
    client: &Inner,
    mut call: Box<Call>,
    attempt: Attempt,
    lease: Result<Lease<Key, Box<Connection>>, Error>,
) -> Step {
    let now = Instant::now();
    match lease {
        Ok(mut lease) => {
            if matches!(lease.source(), Source::Dialled) || lease.is_alive(Probe::Kernel) {
                return match admit(lease, &attempt) {
                    Ok(lease) => Step::Go(ride(call, lease, attempt, now)),
                    Err(cause) => Step::End(Err(call.error(cause, Phase::Prepare))),
                };
            }
            // It was handed on, and has been closed on the way.
            client.tally.stale_handed_on.add();
            drop(lease);
            restore(&mut call, attempt.upload);
            Step::Go(Stage::Begin {
                call,
                want: Want::Any,
                now,
            })
        }
        Err(error) => Step::End(Err(error)),
    }
}

/// Refuses chunks to a server that is known to speak HTTP/1.0 only, which must
/// not be sent any (RFC 9112 §6.1). The connection goes back unharmed.
fn admit(
    lease: Lease<Key, Box<Connection>>,
    attempt: &Attempt,
) -> Result<Lease<Key, Box<Connection>>, Cause> {
    if lease.peer == Version::HTTP_10 && attempt.exchange.is_chunking() {
        lease.release();
        return Err(Cause::Request(RequestError::ChunkedToHttp10));
    }
    Ok(lease)
}

/// Sets out on a connection.
fn ride(
    mut call: Box<Call>,
    mut lease: Lease<Key, Box<Connection>>,
    attempt: Attempt,
    now: Instant,
) -> Stage {
    let source = lease.source();
    let dial = matches!(source, Source::Dialled).then(|| lease.dial_timings());
    let connection = lease.begin(source, now);
    call.timings.mark_connected(now, dial);
    let transfer = Transfer::start(lease, attempt.exchange, attempt.upload);
    Stage::Moving {
        call,
        transfer,
        connection,
    }
}

/// Writes and reads until the head of the final response is here.
fn poll_head(
    call: &mut Call,
    transfer: &mut Transfer,
    cx: &mut Context<'_>,
) -> Poll<Result<ResponseHead, Cause>> {
    loop {
        match transfer.poll_event(cx) {
            Poll::Ready(Ok(Event::Head(head))) => return Poll::Ready(Ok(head)),
            Poll::Ready(Ok(Event::Informational(head))) => report(call, &head),
            // There is no body before a head.
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
            Poll::Pending if transfer.is_waiting() && poll_patience(call, cx).is_ready() => {
                transfer.proceed();
            }
            Poll::Pending => {
                if transfer.is_sent() {
                    call.timings.mark_sent(Instant::now);
                }
                let watch = &mut call.watch;
                return watch
                    .poll_elapsed(cx, phase(transfer), transfer.progress())
                    .map(|elapsed| Err(Cause::Elapsed(elapsed)));
            }
        }
    }
}

/// Informational responses are passed over (RFC 9110 §15.2), unless the caller
/// wants to hear of them.
fn report(call: &mut Call, head: &ResponseHead) {
    if let Some(special) = &mut call.special
        && let Some(report) = &mut special.on_informational
    {
        report(head.status, &head.headers);
    }
}

/// Whether the body has waited for 100 (Continue) for long enough. Without a
/// limit of the caller's own it does not wait.
fn poll_patience(call: &mut Call, cx: &mut Context<'_>) -> Poll<()> {
    match &mut call.special {
        Some(special) => special.expectation.poll_over(cx),
        None => Poll::Ready(()),
    }
}

/// Makes a response of the head, or decides what follows a failure.
fn conclude(
    client: &Inner,
    call: Box<Call>,
    transfer: Transfer,
    connection: ConnectionInfo,
    head: Result<ResponseHead, Cause>,
) -> Step {
    match head {
        Ok(head) if is_idle_timeout(&head, &transfer, &connection) => fail(
            client,
            call,
            transfer,
            connection,
            Cause::Closed,
            Seen::Nothing,
        ),
        Ok(head) if head.status == StatusCode::EXPECTATION_FAILED && call.expects() => {
            unexpect(call, transfer, connection, head)
        }
        Ok(head) => Step::End(Ok(respond(call, transfer, connection, head))),
        Err(cause) => {
            let seen = if transfer.received() == 0 {
                Seen::Nothing
            } else {
                Seen::Something
            };
            fail(client, call, transfer, connection, cause, seen)
        }
    }
}

fn respond(
    mut call: Box<Call>,
    mut transfer: Transfer,
    connection: ConnectionInfo,
    head: ResponseHead,
) -> Response {
    let now = Instant::now();
    if transfer.is_sent() {
        call.timings.mark_sent(|| now);
    }
    call.timings.mark_head(now);
    transfer.heed(&head);
    let body = ResponseBody::start(call, transfer, connection, now);
    Response::new(head, body)
}

/// The server knows no expectations: the request is sent again without one, if
/// its body can be (RFC 9110 §10.1.1).
fn unexpect(
    mut call: Box<Call>,
    transfer: Transfer,
    connection: ConnectionInfo,
    head: ResponseHead,
) -> Step {
    if call.body.is_none() && !transfer.is_untouched() {
        return Step::End(Ok(respond(call, transfer, connection, head)));
    }
    restore(&mut call, transfer.into_upload());
    call.drop_expectation();
    Step::Go(Stage::Begin {
        call,
        want: Want::Any,
        now: Instant::now(),
    })
}

/// Begins again where that is safe; else the failure is the caller's.
fn fail(
    client: &Inner,
    mut call: Box<Call>,
    transfer: Transfer,
    connection: ConnectionInfo,
    cause: Cause,
    response: Seen,
) -> Step {
    let sent = transfer.sent();
    let phase = phase(&transfer);
    restore(&mut call, transfer.into_upload());
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
    if failure.is_stale() {
        client.tally.count_stale(failure.written);
    }
    let again = Again {
        idempotent: call.idempotent,
        replayable: call.body.is_some(),
        used: call.used.written,
    };
    let want = match retry::decide(client.retry, failure, again) {
        Decision::Fail => {
            return Step::End(Err(call
                .error(cause, phase)
                .on_connection(connection, sent)));
        }
        Decision::NextConnection if call.used.unwritten < MOST_STALE => {
            call.used.unwritten += 1;
            Want::Any
        }
        Decision::NextConnection => Want::Fresh,
        Decision::FreshConnection => {
            call.used.written += 1;
            Want::Fresh
        }
    };
    tracing::debug!(error = %cause, "sending again: the kept-alive connection was closed");
    call.watch.begin_again();
    call.timings.count_retry();
    client.tally.retries.add();
    Step::Go(Stage::Begin {
        call,
        want,
        now: Instant::now(),
    })
}

/// Takes back a streaming body of which nothing was taken.
fn restore(call: &mut Call, upload: Upload) {
    if call.body.is_none() {
        call.body = upload.into_untouched().map(Body::untouched);
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
