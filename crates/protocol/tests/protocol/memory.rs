//! What the engine holds and allocates, whatever comes.

use bytes::BytesMut;
use postrider_protocol::{Event, Limits};

use crate::scenario::Scenario;

#[test]
fn what_is_held_back_stays_under_the_limits() {
    let limits = Limits::default().head_bytes(1_000).trailer_bytes(500);
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let endless = [
        "HTTP/1.1 200 OK\r\n".to_owned() + &"x: y\r\n".repeat(10_000),
        "HTTP/1.1 200 ".to_owned() + &"y".repeat(100_000),
        "\r\n".repeat(100_000),
        "HTTP/1.1 103 H\r\n\r\n".repeat(10_000),
        chunked.to_owned() + &"0".repeat(100_000),
        chunked.to_owned() + "1;" + &"a".repeat(100_000),
        chunked.to_owned() + &"1;a\r\nx\r\n".repeat(10_000),
        chunked.to_owned() + "0\r\n" + &"x: y\r\n".repeat(10_000),
        chunked.to_owned() + "0\r\n" + &"y".repeat(100_000),
    ];
    for text in endless {
        let mut peer = Scenario::get().limits(limits).start();
        let failed = text.as_bytes().chunks(7).any(|piece| {
            peer.input.extend_from_slice(piece);
            loop {
                match peer.exchange.receive(&mut peer.input) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => return true,
                }
            }
            assert!(peer.input.len() <= 1_000);
            false
        });
        assert!(failed, "{:?} has no end", &text[..30]);
    }
}

#[test]
fn a_declared_length_allocates_nothing() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\nx",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
    ] {
        let mut peer = Scenario::get().start();
        assert_eq!(peer.receives(head), "200 data(x)");
        assert!(peer.input.capacity() < 1_000);
    }
}

#[test]
fn values_and_data_are_slices_of_what_was_read() {
    let text = b"HTTP/1.1 200 OK\r\nx-a: value\r\ncontent-length: 4\r\n\r\nbody";
    let mut input = BytesMut::from(&text[..]);
    let read = input.as_ptr_range();
    let mut exchange = Scenario::get().start().exchange;
    let Some(Event::Head(head)) = exchange.receive(&mut input).unwrap() else {
        panic!("the head is there");
    };
    let Some(Event::Data(data)) = exchange.receive(&mut input).unwrap() else {
        panic!("the body is there");
    };
    assert!(read.contains(&head.headers["x-a"].as_bytes().as_ptr()));
    assert!(read.contains(&head.reason.as_ptr()));
    assert!(read.contains(&data.as_ptr()));
}

#[test]
fn small_chunks_of_one_read_come_as_one_piece() {
    let chunk = format!("40\r\n{}\r\n", "x".repeat(64));
    let body = chunk.repeat(200) + "0\r\n\r\n";
    let mut peer = Scenario::get().start();
    let events = peer.receives(&format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{body}"
    ));
    assert_eq!(events, format!("200 data({}) end", "x".repeat(64 * 200)));
}

/// Read again from its start with each byte, each of these would take billions
/// of steps: the test would not end in reasonable time.
#[test]
fn a_dripping_response_is_not_read_again_with_each_byte() {
    let long = "y".repeat(60_000);
    drip(
        &format!("HTTP/1.1 204 None\r\nx: {long}\r\ny: z\r\n\r\n"),
        "204 end",
    );
    drip(
        &("\r\n".repeat(60_000) + "HTTP/1.1 204 None\r\n\r\n"),
        "204 end",
    );
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let trailer = "y".repeat(16_000);
    drip(
        &format!("{chunked}0\r\nx: {trailer}\r\n\r\n"),
        "200trailers(1) end",
    );
}

fn drip(text: &str, expected: &str) {
    let mut peer = Scenario::get().start();
    let bytes = text.split_inclusive(|_: char| true);
    let events: String = bytes.map(|byte| peer.receives(byte)).collect();
    assert_eq!(events, expected);
}

#[test]
fn nothing_is_held_of_a_buffer_that_was_read_to_its_end() {
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for text in [
        "HTTP/1.1 204 None\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbody".to_owned(),
        chunked.to_owned() + "4\r\nbody\r\n0\r\n\r\n",
        chunked.to_owned() + "4\r\nbody\r\n0\r\nx: y\r\n\r\n",
    ] {
        let mut exchange = Scenario::get().start().exchange;
        let mut input = BytesMut::from(text.as_bytes());
        while exchange.receive(&mut input).unwrap().is_some() {}
        assert_eq!((input.len(), input.capacity()), (0, 0), "after {text:?}");
    }
}

#[test]
fn a_long_body_is_read_into_one_buffer_over_and_over() {
    const PIECE: usize = 64 * 1024;
    let mut peer = Scenario::get().start();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 10 * PIECE);
    assert_eq!(peer.receives(&head), "200");
    peer.input = BytesMut::with_capacity(PIECE);
    let place = peer.input.as_ptr();
    for _ in 0..9 {
        // As reads do that fill the room they have.
        peer.input.reserve(PIECE);
        peer.input.resize(PIECE, b'x');
        assert_eq!(peer.input.as_ptr(), place);
        let Some(Event::Data(data)) = peer.exchange.receive(&mut peer.input).unwrap() else {
            panic!("data is there");
        };
        assert_eq!(data.len(), PIECE);
    }
}
