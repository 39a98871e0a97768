//! The states of both halves, as tables: what is done in a state, and where it
//! leads. Each row begins with a new exchange.

use http::Method;
use postrider_protocol::CloseReason::*;
use postrider_protocol::{BodyLength, Exchange, Outcome, Remaining, RequestError};

use crate::scenario::{Peer, Scenario};

const CHUNKED: BodyLength = BodyLength::Chunked;
const KNOWN: BodyLength = BodyLength::Known(5);
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The states of the sending half as a caller tells them apart.
#[derive(Debug, PartialEq)]
enum Sending {
    Waiting,
    Body,
    Done,
    Failed,
}

fn sending(peer: &mut Peer) -> Sending {
    if peer.exchange.is_sent() {
        Sending::Done
    } else if peer.exchange.is_waiting() {
        Sending::Waiting
    } else if peer.exchange.frame(0).is_ok() && peer.exchange.frame(1).is_ok() {
        Sending::Body
    } else {
        Sending::Failed
    }
}

fn expecting(body: BodyLength) -> Scenario {
    Scenario::post(body).header("expect", "100-continue")
}

type Action = fn(&mut Peer);

#[test]
fn the_sending_half_goes_through_its_states() {
    let finish: Action = |peer| peer.finishes().unwrap_or_default();
    let short: Action = |peer| {
        let missing = RequestError::BodyTooShort { missing: 5 };
        assert_eq!(peer.finishes(), Err(missing));
    };
    let all: Action = |peer| peer.sends("hello").unwrap();
    let some: Action = |peer| peer.sends("hel").unwrap();
    let long: Action = |peer| {
        let surplus = RequestError::BodyTooLong { surplus: 1 };
        assert_eq!(peer.sends("hello!"), Err(surplus));
    };
    let one_more: Action = |peer| {
        let surplus = RequestError::BodyTooLong { surplus: 1 };
        assert_eq!(peer.sends("!"), Err(surplus));
    };
    let nothing: Action = |peer| peer.sends("").unwrap();
    let abandon: Action = |peer| peer.exchange.abandon();
    let proceed: Action = |peer| peer.exchange.proceed();
    let continued: Action =
        |peer| assert_eq!(peer.receives("HTTP/1.1 100 Continue\r\n\r\n"), "100");
    let hint: Action = |peer| assert_eq!(peer.receives("HTTP/1.1 103 Hints\r\n\r\n"), "103");
    let answered: Action = |peer| {
        assert_eq!(
            peer.receives("HTTP/1.1 417 No\r\ncontent-length: 0\r\n\r\n"),
            "417 end"
        )
    };
    let none: Action = |_| {};

    let table: &[(Scenario, &[Action], Sending)] = &[
        (Scenario::get(), &[none], Sending::Done),
        (Scenario::get(), &[finish], Sending::Done),
        (Scenario::get(), &[abandon], Sending::Done),
        (Scenario::get(), &[nothing], Sending::Done),
        (Scenario::get(), &[one_more], Sending::Failed),
        (Scenario::post(BodyLength::None), &[none], Sending::Done),
        (Scenario::post(BodyLength::Known(0)), &[none], Sending::Done),
        (Scenario::post(KNOWN), &[none], Sending::Body),
        (Scenario::post(KNOWN), &[nothing], Sending::Body),
        (Scenario::post(KNOWN), &[some], Sending::Body),
        (Scenario::post(KNOWN), &[all], Sending::Done),
        (Scenario::post(KNOWN), &[all, finish], Sending::Done),
        (Scenario::post(KNOWN), &[all, one_more], Sending::Failed),
        (Scenario::post(KNOWN), &[short], Sending::Failed),
        (Scenario::post(KNOWN), &[long], Sending::Failed),
        (Scenario::post(KNOWN), &[some, abandon], Sending::Failed),
        (Scenario::post(KNOWN), &[answered], Sending::Body),
        (Scenario::post(CHUNKED), &[none], Sending::Body),
        (Scenario::post(CHUNKED), &[some, all], Sending::Body),
        (Scenario::post(CHUNKED), &[finish], Sending::Done),
        (Scenario::post(CHUNKED), &[some, finish], Sending::Done),
        (
            Scenario::post(CHUNKED),
            &[finish, one_more],
            Sending::Failed,
        ),
        (Scenario::post(CHUNKED), &[abandon, finish], Sending::Failed),
        (expecting(KNOWN), &[none], Sending::Waiting),
        (expecting(KNOWN), &[nothing], Sending::Waiting),
        (expecting(KNOWN), &[hint], Sending::Waiting),
        (expecting(KNOWN), &[answered], Sending::Waiting),
        (expecting(KNOWN), &[continued], Sending::Body),
        (expecting(KNOWN), &[proceed], Sending::Body),
        (expecting(KNOWN), &[proceed, all], Sending::Done),
        (expecting(KNOWN), &[all], Sending::Done),
        (expecting(KNOWN), &[abandon], Sending::Failed),
        (expecting(KNOWN), &[short], Sending::Failed),
        (expecting(CHUNKED), &[continued, continued], Sending::Body),
        (expecting(CHUNKED), &[finish], Sending::Done),
    ];
    for (row, (scenario, actions, expected)) in table.iter().enumerate() {
        let mut peer = scenario.clone().start();
        actions.iter().for_each(|action| action(&mut peer));
        assert_eq!(sending(&mut peer), *expected, "row {row}");
    }
}

#[test]
fn the_receiving_half_goes_through_its_states() {
    use Remaining::{Known, Nothing, Unknown};
    let get = Scenario::get;
    let table: &[(Scenario, &str, &str, Remaining)] = &[
        (get(), "", "", Unknown),
        (get(), "HTTP/1.1 2", "", Unknown),
        (get(), "HTTP/1.1 103 Hints\r\n\r\n", "103", Unknown),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            "200",
            Known(2),
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
            "200 data(o)",
            Known(1),
        ),
        (get(), OK, "200 data(ok) end", Nothing),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            "200 end",
            Nothing,
        ),
        (get(), "HTTP/1.1 204 None\r\n\r\n", "204 end", Nothing),
        (
            get().method(Method::HEAD),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n",
            "200 end",
            Nothing,
        ),
        (get(), "HTTP/1.1 200 OK\r\n\r\n", "200", Unknown),
        (get(), "HTTP/1.1 200 OK\r\n\r\nx", "200 data(x)", Unknown),
        (
            get(),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "200",
            Unknown,
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nx: 1\r\n\r\n",
            "200 data(abc) trailers(1) end",
            Nothing,
        ),
        (
            get(),
            "HTTP/1.1 2xx\r\n\r\n",
            "! the status line is malformed",
            Nothing,
        ),
        (
            get().method(Method::CONNECT),
            "HTTP/1.1 200 OK\r\n\r\nraw",
            "200 end",
            Nothing,
        ),
    ];
    for (row, (scenario, text, events, remaining)) in table.iter().enumerate() {
        let mut peer = scenario.clone().start();
        assert_eq!(peer.receives(text), *events, "row {row}");
        assert_eq!(peer.exchange.body_remaining(), *remaining, "row {row}");
    }
}

#[test]
fn the_end_of_the_connection_ends_a_response_or_breaks_it() {
    let table = [
        ("", "! the connection ended before a response began"),
        ("\r\n", "! the connection ended inside the response head"),
        (
            "HTTP/1.1 100 C\r\n\r\n",
            "! the connection ended before a response began",
        ),
        (
            "HTTP/1.1 200 OK\r\n",
            "! the connection ended inside the response head",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "end"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc",
            "! the connection ended 2 bytes before the end of the body",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "! the connection ended before the end of the body",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: 1\r\n",
            "! the connection ended before the end of the body",
        ),
        (OK, ""),
    ];
    for (text, expected) in table {
        let mut peer = Scenario::get().start();
        peer.receives(text);
        assert_eq!(peer.closes(), expected, "after {text:?}");
    }
}

#[test]
fn the_connection_is_used_again_only_on_proof() {
    let get = Scenario::get;
    let closing = || get().header("connection", "foo, Close");
    let table: &[(Scenario, &str, Outcome)] = &[
        (get(), "", Outcome::NotYet),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no",
            Outcome::NotYet,
        ),
        (get(), OK, Outcome::Reusable),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nok",
            Outcome::Close(Leftover),
        ),
        (get(), "HTTP/2 200\r\n\r\n", Outcome::Close(Error)),
        (closing(), OK, Outcome::Close(RequestClose)),
        (
            get(),
            "HTTP/1.1 200 OK\r\nconnection: x\r\nconnection: y ,CLOSE\r\ncontent-length: 0\r\n\r\n",
            Outcome::Close(ResponseClose),
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\nconnection: closed, not-close\r\ncontent-length: 0\r\n\r\n",
            Outcome::Reusable,
        ),
        (
            get(),
            "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
            Outcome::Close(Http10),
        ),
        (
            get(),
            "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
            Outcome::Reusable,
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            Outcome::Close(LengthBesideChunked),
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 0\r\n\r\n",
            Outcome::Close(KeepAliveSpent),
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\nkeep-alive: timeout=2, max=1\r\ncontent-length: 0\r\n\r\n",
            Outcome::Reusable,
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\nkeep-alive: timeout=1, timeout=5\r\ncontent-length: 0\r\n\r\n",
            Outcome::Close(KeepAliveSpent),
        ),
        (
            get(),
            "HTTP/1.1 200 OK\r\nkeep-alive: max=0\r\nkeep-alive: max=5\r\n\
             content-length: 0\r\n\r\n",
            Outcome::Close(KeepAliveSpent),
        ),
        (
            get(),
            "HTTP/1.1 103 H\r\nconnection: close\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            Outcome::Close(ResponseClose),
        ),
        (
            get().method(Method::CONNECT),
            "HTTP/1.1 200 OK\r\n\r\n",
            Outcome::Close(Upgraded),
        ),
        (Scenario::post(KNOWN), OK, Outcome::Close(RequestUnfinished)),
        (expecting(KNOWN), OK, Outcome::Close(RequestUnfinished)),
    ];
    for (row, (scenario, text, expected)) in table.iter().enumerate() {
        let mut peer = scenario.clone().start();
        peer.receives(text);
        assert_eq!(peer.outcome(), *expected, "row {row}");
    }
}

#[test]
fn a_response_until_close_is_never_reusable() {
    let mut peer = Scenario::get().start();
    peer.receives("HTTP/1.1 200 OK\r\n\r\nabc");
    assert_eq!(peer.closes(), "end");
    assert_eq!(peer.outcome(), Outcome::Close(UntilClose));
}

#[test]
fn a_request_that_ends_after_its_early_response_leaves_the_connection_good() {
    let mut peer = Scenario::post(KNOWN).start();
    assert_eq!(peer.receives(OK), "200 data(ok) end");
    peer.sends("hello").unwrap();
    assert_eq!(peer.outcome(), Outcome::Reusable);
}

#[test]
fn a_body_that_was_too_long_spoils_the_connection() {
    let mut peer = Scenario::post(KNOWN).start();
    peer.sends("hello").unwrap();
    assert!(peer.sends("!").is_err());
    peer.receives(OK);
    assert_eq!(peer.outcome(), Outcome::Close(RequestUnfinished));
}

#[test]
fn nothing_is_received_after_an_error() {
    let mut peer = Scenario::get().start();
    peer.receives("nonsense");
    let after = "! the response was given up after an earlier error";
    assert_eq!(peer.receives(OK), after);
    assert_eq!(peer.closes(), after);
}

#[test]
fn data_before_an_error_is_handed_out() {
    let mut peer = Scenario::get().start();
    let events = peer.receives(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\nnonsense",
    );
    assert_eq!(
        events,
        "200 data(abcde) ! a chunk of the body has no valid size"
    );
}

#[test]
fn the_keep_alive_field_is_handed_out() {
    let mut peer = Scenario::get().start();
    peer.receives(
        "HTTP/1.1 200 OK\r\nKeep-Alive: Timeout = 5,, max=100, x=+7, timeout\r\ncontent-length: 0\r\n\r\n",
    );
    let keep_alive = peer.exchange.keep_alive();
    assert_eq!(keep_alive.timeout.unwrap().as_secs(), 5);
    assert_eq!(keep_alive.max, Some(100));
}

#[test]
fn an_exchange_is_small_and_may_move_between_threads() {
    fn may_move<T: Send + Sync + 'static>() {}
    may_move::<Exchange>();
    assert!(size_of::<Exchange>() <= 152, "{}", size_of::<Exchange>());
}

#[test]
fn a_reason_to_close_is_known_before_the_end() {
    let mut peer = Scenario::get().start();
    assert_eq!(peer.exchange.close_reason(), None);
    peer.receives("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 9\r\n\r\n");
    assert_eq!(peer.exchange.close_reason(), Some(ResponseClose));
    assert_eq!(peer.outcome(), Outcome::NotYet);
}
