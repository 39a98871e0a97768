//! What follows an attempt that came to nothing.

use http::StatusCode;
use pool::{Lease, Want};
use protocol::ResponseHead;

use crate::body::Body;
use crate::call::{Call, Retries};
use crate::client::Inner;
use crate::connection::Connection;
use crate::connection_info::ConnectionInfo;
use crate::error::{Cause, Error};
use crate::phase::Phase;
use crate::policy::retry::{self, Again, Decision, End, Failure, Past, Seen, Written};
use crate::route::Key;
use crate::wire::{Transfer, Upload};

/// Decides whether the request is sent again. If so, gives the connection that
/// the attempt was on and what it is to be exchanged for; else the failure is
/// the caller's.
pub(crate) fn after_failure(
    client: &Inner,
    call: &mut Call,
    transfer: Transfer,
    connection: ConnectionInfo,
    cause: Cause,
    response: Seen,
) -> Result<(Lease<Key, Box<Connection>>, Want), Error> {
    let sent = transfer.sent();
    let phase = phase(&transfer);
    call.timings.mark_sent(transfer.sent_at());
    let (lease, upload) = transfer.into_parts();
    restore(call, upload);
    let failure = Failure {
        connection: Past::of(&connection),
        written: Written::of(sent),
        response,
        end: End::of(&cause),
    };
    if failure.is_stale() {
        client.home.tally.count_stale(failure.written);
    }
    let again = Again {
        idempotent: call.idempotent,
        replayable: call.body.is_some(),
        used: call.retries.anew,
    };
    let want = match retry::decide(client.retry, failure, again) {
        Decision::Fail => {
            return Err(call.error(cause, phase).on_connection(connection, sent));
        }
        Decision::NextConnection => call
            .retries
            .next_connection(|| client.pool.idle(&lease.key())),
        Decision::FreshConnection => {
            call.retries.anew += 1;
            Want::Fresh
        }
    };
    call.sent = call.sent.max(sent);
    tracing::debug!(error = %cause, "sending again: the kept-alive connection was closed");
    call.timings.count_retry();
    client.home.tally.retries.add();
    Ok((lease, want))
}

impl Past {
    fn of(connection: &ConnectionInfo) -> Self {
        if connection.is_reused() {
            Self::Reused
        } else {
            Self::Fresh
        }
    }
}

impl Retries {
    /// Any connection, as often as idle ones stood there at first (`idle`), then
    /// a fresh one.
    fn next_connection(&mut self, idle: impl FnOnce() -> usize) -> Want {
        match self.idle_left.unwrap_or_else(idle) {
            0 => Want::Fresh,
            left => {
                self.idle_left = Some(left - 1);
                Want::Any
            }
        }
    }
}

/// Whether the server refuses an expectation that the request can do without:
/// it is then sent again without one (RFC 9110 §10.1.1).
pub(crate) fn is_unexpected(head: &ResponseHead, call: &Call, transfer: &Transfer) -> bool {
    head.status == StatusCode::EXPECTATION_FAILED
        && call.expects()
        && (call.body.is_some() || transfer.is_untouched())
}

/// Whether a response is a server's word that the connection had been idle for
/// too long: it came before the request was written, so it can't answer it.
pub(crate) fn is_idle_timeout(
    head: &ResponseHead,
    transfer: &Transfer,
    connection: &ConnectionInfo,
) -> bool {
    head.status == StatusCode::REQUEST_TIMEOUT
        && connection.is_reused()
        && !transfer.is_sent()
        && transfer.is_closing()
}

/// Takes back a streaming body of which nothing was taken.
pub(crate) fn restore(call: &mut Call, upload: Upload) {
    if call.body.is_none() {
        call.body = upload.into_untouched().map(Body::untouched);
    }
}

/// What an attempt is at.
pub(crate) fn phase(transfer: &Transfer) -> Phase {
    if transfer.is_sent() {
        Phase::Head
    } else {
        Phase::Send
    }
}
