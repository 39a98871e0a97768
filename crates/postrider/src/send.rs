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
use std::task::{Context, Poll, ready};

use pool::{Lease, Retirement, Source, Want};
use protocol::{Event, ResponseHead};
use tokio::time::Instant;

use crate::acquire::{
    Acquired, acquire, admit, encode_again, exchange_lease, is_still_open, poll_lease,
};
use crate::again::{after_failure, is_idle_timeout, is_unexpected, phase, restore};
use crate::call::{Attempt, Call, Place, Underway};
use crate::client::Inner;
use crate::connection::Connection;
use crate::connection_info::ConnectionInfo;
use crate::erased::{Owned, Shared};
use crate::error::{Cause, Error};
use crate::incoming::ResponseBody;
use crate::phase::Phase;
use crate::policy::retry::Seen;
use crate::response::Response;
use crate::route::Key;
use crate::special::Special;
use crate::wire::Transfer;

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
    client: Shared<Inner>,
    stage: Stage,
}

/// How far the request has come.
enum Stage {
    Begin {
        call: Owned<Call>,
        now: Instant,
    },
    /// The call has a place in the line.
    Waiting {
        call: Owned<Call>,
    },
    /// The call's transfer goes on.
    Moving {
        call: Owned<Call>,
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
    pub(crate) fn new(client: Shared<Inner>, call: Result<Owned<Call>, Error>) -> Self {
        let stage = match call {
            Ok(mut call) => {
                let now = Instant::now();
                match call.start(&client, now) {
                    Ok(()) => Stage::Begin { call, now },
                    Err(cause) => Stage::Failed(call.error(cause, Phase::Prepare)),
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
                (Stage::Begin { call, now }, _) => begin(client, call, now),
                (Stage::Waiting { call }, Ready::Leased(lease)) => receive(client, call, lease),
                (Stage::Moving { call, connection }, Ready::Headed(head)) => {
                    conclude(client, call, connection, head)
                }
                (Stage::Failed(error), _) => Step::End(Err(error)),
                // It was polled after it had ended: there is nothing to come.
                _ => return Poll::Pending,
            };
            match step {
                Step::Go(next) => *stage = next,
                Step::End(result) => {
                    if matches!(&result, Err(error) if error.is_timeout()) {
                        client.home.tally.timeouts.add();
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
            Self::Waiting { call } => poll_lease(call, cx).map(Ready::Leased),
            Self::Moving { call, .. } => poll_head(call, cx).map(Ready::Headed),
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if let Stage::Moving { call, .. } = &mut self.stage
            && let Some(transfer) = call.underway.take_transfer()
        {
            transfer.cancel();
        }
    }
}

/// Takes an idle connection or joins the line.
fn begin(client: &Inner, mut call: Owned<Call>, now: Instant) -> Step {
    // Its time may have been over when it was sent, or before it was polled.
    let record = &mut *call;
    if let Some(elapsed) = record.watch.total_elapsed() {
        return Step::End(Err(record.error(Cause::Elapsed(elapsed), Phase::Prepare)));
    }
    match acquire(client, record, now) {
        Ok(Acquired::Lease(lease, attempt)) => {
            let connection = ride(record, lease, attempt, now);
            Step::Go(Stage::Moving { call, connection })
        }
        Ok(Acquired::Place(place)) => line_up(call, place),
        Err(cause) => Step::End(Err(record.error(cause, Phase::Prepare))),
    }
}

/// Receives what the request waited for.
fn receive(
    client: &Inner,
    mut call: Owned<Call>,
    lease: Result<Lease<Key, Box<Connection>>, Error>,
) -> Step {
    let now = Instant::now();
    let (mut lease, attempt) = match (lease, call.underway.take_attempt()) {
        (Ok(lease), Some(attempt)) => (lease, attempt),
        (Err(error), _) => return Step::End(Err(error)),
        // Who waits has an attempt.
        (Ok(_), None) => return Step::End(Err(call.error(Cause::Closed, Phase::Prepare))),
    };
    // It may have come long ago: nobody need have polled this since.
    if let Some(elapsed) = call.watch.total_elapsed() {
        lease.release_unused();
        return Step::End(Err(call.error(Cause::Elapsed(elapsed), Phase::Send)));
    }
    if !is_still_open(&mut lease, &mut call.retries, now) {
        // It has been closed on the way. The request keeps its place in the line.
        return line_up(
            call,
            exchange_lease(client, lease, attempt, Retirement::Stale, Want::Any),
        );
    }
    match admit(lease, &attempt) {
        Ok(lease) => {
            let connection = ride(&mut call, lease, attempt, now);
            Step::Go(Stage::Moving { call, connection })
        }
        Err(cause) => Step::End(Err(call.error(cause, Phase::Prepare))),
    }
}

/// Waits in line.
fn line_up(mut call: Owned<Call>, place: Place) -> Step {
    call.underway = Underway::Waiting(place);
    Step::Go(Stage::Waiting { call })
}

/// Sets out on a connection.
fn ride(
    call: &mut Call,
    mut lease: Lease<Key, Box<Connection>>,
    attempt: Attempt,
    now: Instant,
) -> ConnectionInfo {
    let source = lease.source();
    let dial = matches!(source, Source::Dialled).then(|| lease.dial_timings());
    let connection = lease.begin(source, now);
    call.timings.mark_connected(now, dial);
    let transfer = Transfer::start(lease, attempt.exchange, attempt.upload);
    call.underway = Underway::Moving(transfer);
    connection
}

/// Writes and reads until the head of the final response is here.
fn poll_head(call: &mut Call, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Cause>> {
    let Call {
        underway: Underway::Moving(transfer),
        special,
        watch,
        ..
    } = call
    else {
        return Poll::Ready(Err(Cause::Closed));
    };
    loop {
        match transfer.poll_event(cx) {
            Poll::Ready(Ok(Event::Head(head))) => return Poll::Ready(Ok(head)),
            Poll::Ready(Ok(Event::Informational(head))) => report(special, &head),
            // There is no body before a head.
            Poll::Ready(Ok(_)) => {}
            Poll::Ready(Err(cause)) => return Poll::Ready(Err(cause)),
            Poll::Pending if transfer.is_waiting() && poll_patience(special, cx).is_ready() => {
                transfer.proceed();
            }
            Poll::Pending => {
                return watch
                    .poll_elapsed(cx, phase(transfer), transfer.awaited(), transfer.progress())
                    .map(|elapsed| Err(Cause::Elapsed(elapsed)));
            }
        }
    }
}

/// Informational responses are passed over (RFC 9110 §15.2), unless the caller
/// wants to hear of them.
fn report(special: &mut Option<Box<Special>>, head: &ResponseHead) {
    if let Some(special) = special
        && let Some(report) = &mut special.on_informational
    {
        report(head.status, &head.headers);
    }
}

/// Whether the body has waited for 100 (Continue) for long enough. Without a
/// limit of the caller's own it does not wait.
fn poll_patience(special: &mut Option<Box<Special>>, cx: &mut Context<'_>) -> Poll<()> {
    match special {
        Some(special) => special.expectation.poll_over(cx),
        None => Poll::Ready(()),
    }
}

/// Makes a response of the head, begins again, or fails.
fn conclude(
    client: &Inner,
    mut call: Owned<Call>,
    connection: ConnectionInfo,
    head: Result<ResponseHead, Cause>,
) -> Step {
    let record = &mut *call;
    let (cause, seen) = match (head, record.underway.transfer()) {
        (Ok(head), Some(transfer)) if is_idle_timeout(&head, transfer, &connection) => {
            (Cause::Closed, Seen::Nothing)
        }
        (Ok(head), Some(transfer)) if is_unexpected(&head, record, transfer) => {
            return expect_nothing(client, call);
        }
        (Ok(head), _) => return Step::End(Ok(respond(call, connection, head))),
        (Err(cause), Some(transfer)) if transfer.received() == 0 => (cause, Seen::Nothing),
        (Err(cause), _) => (cause, Seen::Something),
    };
    let Some(transfer) = record.underway.take_transfer() else {
        return Step::End(Err(record.error(Cause::Closed, Phase::Head)));
    };
    match after_failure(client, record, transfer, connection, cause, seen) {
        Ok((lease, want)) => begin_again(client, call, lease, want),
        Err(error) => Step::End(Err(error)),
    }
}

/// Begins again without the expectation that the server has refused.
fn expect_nothing(client: &Inner, mut call: Owned<Call>) -> Step {
    let Some(transfer) = call.underway.take_transfer() else {
        return Step::End(Err(call.error(Cause::Closed, Phase::Head)));
    };
    call.sent = call.sent.max(transfer.sent());
    let (lease, upload) = transfer.into_parts();
    restore(&mut call, upload);
    call.drop_expectation();
    begin_again(client, call, lease, Want::Any)
}

/// Sends the request again on another connection than the one it had, which is
/// closed. It waits where it stood in the line.
fn begin_again(
    client: &Inner,
    mut call: Owned<Call>,
    lease: Lease<Key, Box<Connection>>,
    want: Want,
) -> Step {
    call.begin_again();
    match encode_again(client, &mut call) {
        Ok(attempt) => {
            let place = exchange_lease(client, lease, attempt, Retirement::Dropped, want);
            line_up(call, place)
        }
        Err(cause) => Step::End(Err(call.error(cause, Phase::Prepare))),
    }
}

fn respond(mut call: Owned<Call>, connection: ConnectionInfo, head: ResponseHead) -> Response {
    let now = Instant::now();
    let Call {
        underway, timings, ..
    } = &mut *call;
    if let Some(transfer) = underway.transfer_mut() {
        timings.mark_sent(transfer.sent_at());
        transfer.heed(&head);
    }
    timings.mark_head(now);
    let body = ResponseBody::start(call, connection, now);
    Response::new(head, body)
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
