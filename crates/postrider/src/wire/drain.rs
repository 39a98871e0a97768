//! What becomes of a connection behind its response: it is made ready for the
//! next one, also if a small rest of the response has to be read first.

use std::future::poll_fn;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::BytesMut;
use pool::Lease;
use protocol::{Event, Exchange, Outcome, Remaining};

use super::fill::{expected, poll_fill};
use crate::connection::Connection;
use crate::route::Key;

/// A rest up to this size is read so that the connection can be used again;
/// beyond it a new connection is cheaper.
const SMALL_REST: u64 = 64 * 1024;

/// How long a small rest may take to come.
const PATIENCE: Duration = Duration::from_millis(50);

/// Gives the connection back if the rest of the response is here, or small
/// and soon here; closes it otherwise.
pub(super) fn discard(mut lease: Lease<Key, Box<Connection>>, mut exchange: Exchange) {
    let mut cx = Context::from_waker(Waker::noop());
    match poll_rest(&mut lease, &mut exchange, &mut cx) {
        Poll::Ready(Rest::Over) => lease.release(),
        Poll::Ready(Rest::Lost) => drop(lease),
        Poll::Pending => match exchange.body_remaining() {
            Remaining::Known(rest) if rest <= SMALL_REST => {
                lease.settle(PATIENCE, |mut connection| async move {
                    let rest = poll_fn(|cx| poll_rest(&mut connection, &mut exchange, cx)).await;
                    (rest == Rest::Over).then_some(connection)
                });
            }
            _ => drop(lease),
        },
    }
}

#[derive(Eq, PartialEq)]
enum Rest {
    /// The response is over, and the connection ready for another.
    Over,
    Lost,
}

/// Reads the rest and drops it.
fn poll_rest(
    connection: &mut Connection,
    exchange: &mut Exchange,
    cx: &mut Context<'_>,
) -> Poll<Rest> {
    let mut budget = SMALL_REST;
    loop {
        match exchange.receive(&mut connection.buffer) {
            Ok(Some(Event::End)) if make_ready(connection, exchange) => {
                return Poll::Ready(Rest::Over);
            }
            Ok(Some(Event::End)) | Err(_) => return Poll::Ready(Rest::Lost),
            Ok(Some(_)) => continue,
            Ok(None) => {}
        }
        if budget == 0 {
            return Poll::Ready(Rest::Lost);
        }
        let expected = expected(exchange, &connection.buffer, 0, 0);
        match ready!(poll_fill(
            &mut connection.stream,
            &mut connection.buffer,
            expected,
            0,
            cx
        )) {
            Ok(length) if length > 0 => budget = budget.saturating_sub(length as u64),
            _ => return Poll::Ready(Rest::Lost),
        }
    }
}

/// Whether the connection can carry another request; makes it ready to idle.
pub(super) fn make_ready(connection: &mut Connection, exchange: &Exchange) -> bool {
    if exchange.outcome(&connection.buffer) != Outcome::Reusable
        || connection.stream.has_unsent()
        || !connection.stream.is_quiet()
    {
        return false;
    }
    connection.buffer = BytesMut::new();
    connection.idle_limit = exchange.keep_alive().timeout.map(with_margin);
    true
}

/// How long the server keeps the connection by its own word, less what the way
/// there may take.
fn with_margin(timeout: Duration) -> Duration {
    timeout.saturating_sub((timeout / 2).min(Duration::from_secs(2)))
}
