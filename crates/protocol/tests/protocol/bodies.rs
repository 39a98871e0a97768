//! How the body of a request is framed.

use http::{HeaderMap, HeaderValue};
use postrider_protocol::{BodyLength, Exchange, RequestError};

use crate::scenario::Scenario;

const CHUNKED: BodyLength = BodyLength::Chunked;
const KNOWN: BodyLength = BodyLength::Known(5);

#[test]
fn pieces_of_a_chunked_body_are_framed_and_empty_ones_are_not() {
    let mut peer = Scenario::post(CHUNKED).start();
    for piece in ["hello", "", "0123456789abcdef"] {
        peer.sends(piece).unwrap();
    }
    peer.finishes().unwrap();
    peer.finishes().unwrap();
    assert_eq!(
        peer.body(),
        "5\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"
    );
}

#[test]
fn a_piece_of_any_size_has_its_size_in_hexadecimal() {
    let mut peer = Scenario::post(CHUNKED).start();
    for len in [1, 15, 16, 0xabc, 0xffff_ffff, usize::MAX] {
        let frame = peer.exchange.frame(len).unwrap();
        assert_eq!(frame.before(), format!("{len:x}\r\n").as_bytes());
        assert_eq!(frame.after(), b"\r\n");
    }
}

#[test]
fn trailers_end_a_chunked_body_only() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", HeaderValue::from_static("9"));
    let finish = |exchange: &mut Exchange, out: &mut Vec<u8>| exchange.finish(Some(&trailers), out);

    let mut peer = Scenario::post(CHUNKED).start();
    finish(&mut peer.exchange, &mut peer.out).unwrap();
    assert_eq!(peer.body(), "0\r\nx-sum: 9\r\n\r\n");

    let mut peer = Scenario::post(KNOWN).start();
    peer.sends("hello").unwrap();
    let error = finish(&mut peer.exchange, &mut peer.out).unwrap_err();
    assert_eq!(error, RequestError::TrailersWithoutChunked);
    assert!(peer.exchange.is_sent());
}

#[test]
fn a_forbidden_trailer_is_refused_and_the_body_can_end_without_it() {
    let mut trailers = HeaderMap::new();
    trailers.insert("content-length", HeaderValue::from_static("9"));
    let mut peer = Scenario::post(CHUNKED).start();
    let error = peer
        .exchange
        .finish(Some(&trailers), &mut peer.out)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the field content-length must not be a trailer"
    );
    assert_eq!(peer.body(), "");
    peer.finishes().unwrap();
    assert_eq!(peer.body(), "0\r\n\r\n");
}
