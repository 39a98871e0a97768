//! Where HTTP/1 ends on a connection.

use http::Method;
use postrider_protocol::{CloseReason, Outcome};

use crate::scenario::Scenario;

fn offer(protocols: &'static str) -> Scenario {
    Scenario::get().header("upgrade", protocols)
}

#[test]
fn a_tunnel_gets_the_bytes_behind_the_head() {
    let mut peer = Scenario::get().method(Method::CONNECT).start();
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(peer.receives(head), "200 end");
    assert_eq!(peer.receives("raw"), "");
    assert!(peer.exchange.is_upgraded());
    assert_eq!(peer.outcome(), Outcome::Close(CloseReason::Upgraded));
    assert_eq!(&peer.input[..], b"raw");
}

#[test]
fn a_refused_tunnel_is_a_usual_response() {
    let mut peer = Scenario::get().method(Method::CONNECT).start();
    let refusal = "HTTP/1.1 407 Auth\r\ncontent-length: 2\r\n\r\nno";
    assert_eq!(peer.receives(refusal), "407 data(no) end");
    assert!(!peer.exchange.is_upgraded());
    assert_eq!(peer.outcome(), Outcome::Reusable);
}

#[test]
fn an_offered_protocol_takes_over() {
    let mut peer = offer("h2c, WebSocket").start();
    let head = "HTTP/1.1 101 Switching\r\nupgrade: websocket\r\n\r\n";
    assert_eq!(peer.receives(head), "101 end");
    assert_eq!(peer.receives("frames"), "");
    assert!(peer.exchange.is_upgraded());
    assert_eq!(&peer.input[..], b"frames");
}

#[test]
fn a_server_may_answer_an_offer_in_http() {
    let mut peer = offer("websocket").start();
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(peer.receives(answer), "200 end");
    assert!(!peer.exchange.is_upgraded());
    assert_eq!(peer.outcome(), Outcome::Reusable);
}

#[test]
fn a_protocol_that_was_not_offered_is_refused() {
    let refused = "! the server switched to a protocol that was not offered";
    for (scenario, head) in [
        (
            Scenario::get(),
            "HTTP/1.1 101 S\r\nupgrade: websocket\r\n\r\n",
        ),
        (offer("websocket"), "HTTP/1.1 101 S\r\nupgrade: h2c\r\n\r\n"),
        (
            offer("websocket"),
            "HTTP/1.1 101 S\r\nupgrade: websocket, h2c\r\n\r\n",
        ),
        (offer("websocket"), "HTTP/1.1 101 S\r\nupgrade: web\r\n\r\n"),
        (offer("websocket"), "HTTP/1.1 101 S\r\n\r\n"),
    ] {
        assert_eq!(scenario.start().receives(head), refused, "{head:?}");
    }
}
