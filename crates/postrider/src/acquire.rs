//! A connection for a request: an idle one, or a place in the pool's line.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::Version;
use pool::{Lease, Retirement, Source, Want};
use protocol::RequestError;
use tokio::time::Instant;
use transport::Probe;

use crate::authorization::authorize;
use crate::body::{Body, Content};
use crate::call::{Attempt, Call, Place, Retries, Underway};
use crate::client::Inner;
use crate::connection::Connection;
use crate::dial::dial;
use crate::error::{Cause, Error};
use crate::phase::Phase;
use crate::route::{AsRoute, Key, Route, authority};
use crate::timeouts::Awaited;
use crate::turn::Turn;

/// A request made ready, with what the pool had for it.
pub(crate) enum Acquired {
    Lease(Lease<Key, Box<Connection>>, Attempt),
    Place(Place),
}

/// Encodes the request, and takes an idle connection or joins the line.
pub(crate) fn acquire(client: &Inner, call: &mut Call, now: Instant) -> Result<Acquired, Cause> {
    let options = call
        .special
        .as_ref()
        .and_then(|special| special.options.as_ref());
    let (route, user_info) = Route::of(&call.url, options, &client.home.rotation)?;
    if let Some(user_info) = user_info {
        authorize(&mut call.headers, &user_info)?;
    }
    let content = take_content(&mut call.body)?;
    let attempt = Attempt::encode(call, client, &route.authority, content)?;

    let may_retry = client.retry.is_safe_for(call.idempotent) && call.body.is_some();
    let pool = &client.pool;
    let idle = pool.lease::<dyn AsRoute>(&route, now, |connection, idle_for| {
        connection.is_alive(probe(may_retry, idle_for))
    });
    if let Some(lease) = idle {
        return Ok(Acquired::Lease(admit(lease, &attempt)?, attempt));
    }
    let key = route.to_key();
    let (turn, watched) = Turn::before(key.clone(), &client.home);
    let connector = client.connector.clone();
    let wait = pool.wait(key, Want::Any, || dial(connector, watched));
    Ok(Acquired::Place(Place {
        attempt,
        wait,
        turn,
    }))
}

/// Encodes the request once more, for another connection.
pub(crate) fn encode_again(client: &Inner, call: &mut Call) -> Result<Attempt, Cause> {
    let content = take_content(&mut call.body)?;
    let (authority, _) = authority(&call.url)?;
    Attempt::encode(call, client, &authority, content)
}

/// Closes a connection that is of no use to the request, which keeps its place
/// in the line for another.
pub(crate) fn exchange_lease(
    client: &Inner,
    lease: Lease<Key, Box<Connection>>,
    attempt: Attempt,
    reason: Retirement,
    want: Want,
) -> Place {
    let (turn, watched) = Turn::before(lease.key(), &client.home);
    let connector = client.connector.clone();
    let wait = lease.refuse(reason, want, || dial(connector, watched));
    Place {
        attempt,
        wait,
        turn,
    }
}

/// The content of one attempt; what a further one would send is put back.
fn take_content(body: &mut Option<Body>) -> Result<Content, Cause> {
    let attempt = body.take().unwrap_or_default().into_attempt();
    let (content, again) = attempt.map_err(Cause::RequestBody)?;
    *body = again;
    Ok(content)
}

/// Waits for what comes first, a returned connection or a finished dial.
pub(crate) fn poll_lease(
    call: &mut Call,
    cx: &mut Context<'_>,
) -> Poll<Result<Lease<Key, Box<Connection>>, Error>> {
    let Underway::Waiting(Place { wait, turn, .. }) = &mut call.underway else {
        return Poll::Ready(Err(call.error(Cause::Closed, Phase::Acquire)));
    };
    let (cause, phase) = match Pin::new(&mut *wait).poll(cx) {
        Poll::Ready(Ok(lease)) => return Poll::Ready(Ok(lease)),
        Poll::Ready(Err(error)) => Cause::of_wait(error),
        Poll::Pending if !call.watch.limits_waiting() => return Poll::Pending,
        Poll::Pending => {
            let phase = if wait.is_held_back() {
                Phase::Acquire
            } else {
                Phase::Connect
            };
            let elapsed = ready!(call.watch.poll_elapsed(cx, phase, Awaited::Peer, 0));
            turn.cut_short(elapsed)
        }
    };
    Poll::Ready(Err(call.error(cause, phase)))
}

/// Whether the connection that a request has waited for is open, as far as can
/// be told. One straight from its dial is looked at if the request was not
/// polled meanwhile for so long that its server may have given it up: once, so
/// that a server which closes all of them is not asked for ever.
pub(crate) fn is_still_open(
    lease: &mut Lease<Key, Box<Connection>>,
    retries: &mut Retries,
    now: Instant,
) -> bool {
    let is_new = matches!(lease.source(), Source::Dialled);
    if is_new && (lease.age(now) < PROMPT || retries.anew > 0) {
        return true;
    }
    let is_open = lease.is_alive(Probe::Kernel);
    if is_new && !is_open {
        retries.anew += 1;
    }
    is_open
}

/// A new connection that was fetched within this is believed open: no server
/// gives one up so soon.
const PROMPT: Duration = Duration::from_millis(1);

/// Refuses chunks to a server that is known to speak HTTP/1.0 only, which must
/// not be sent any (RFC 9112 §6.1). The connection goes back unharmed.
pub(crate) fn admit(
    lease: Lease<Key, Box<Connection>>,
    attempt: &Attempt,
) -> Result<Lease<Key, Box<Connection>>, Cause> {
    if lease.peer_version == Version::HTTP_10 && attempt.exchange.is_chunking() {
        lease.release_unused();
        return Err(Cause::Request(RequestError::ChunkedToHttp10));
    }
    Ok(lease)
}

/// A connection that was idle for less than this needs no system call to be
/// believed alive, where the retry would hide that it was closed.
///
/// The retry does not hide bytes that nobody asked for: what a server sends
/// behind its answer within this time may be taken for the next one. It is a
/// few system calls long, no longer than the gap that a look at the kernel
/// leaves, and enough for a request that follows on another's heels.
const TRUST: Duration = Duration::from_micros(50);

fn probe(may_retry: bool, idle_for: Duration) -> Probe {
    if may_retry && idle_for < TRUST {
        Probe::Flag
    } else {
        Probe::Kernel
    }
}
