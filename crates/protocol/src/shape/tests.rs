use bytes::BytesMut;
use http::HeaderMap;

use super::{
    MOST_FIELDS, PATIENCE, SHAPES, Span, are_value_bytes, is_value_byte, recognise, value_len,
};
use crate::limits::Limits;
use crate::response::{HeadReader, ResponseHead};

const HEAD: &str = "HTTP/1.1 200 OK\r\nDate: now\r\nx-a: b c\r\nContent-Length: 0\r\n\r\n";

/// Reads a head, which has it remembered.
fn read(text: &str) -> ResponseHead {
    let mut input = BytesMut::from(text.as_bytes());
    let head = HeadReader::default().read(&mut input, &Limits::default());
    head.unwrap().unwrap().response
}

fn names(text: &str) -> Option<HeaderMap> {
    let mut spans = [Span::EMPTY; 10];
    recognise(text.as_bytes(), &mut spans).map(|(_, names)| names)
}

#[test]
fn a_head_is_recognised_by_its_names_alone() {
    read(HEAD);
    for text in [
        HEAD,
        "HTTP/1.1 404 Not Found\r\nDate: then\r\nx-a: \r\nContent-Length: 12\r\n\r\nmore",
        "HTTP/1.1 200 \r\nDate: \u{e9}\r\nx-a: b\tc\r\nContent-Length: x\r\n\r\n",
    ] {
        let names = names(text).unwrap();
        assert!(names.keys().eq(["date", "x-a", "content-length"]));
        assert!(names.values().all(|value| value.is_empty()));
    }
}

#[test]
fn what_is_loose_or_different_or_incomplete_is_not_recognised() {
    read(HEAD);
    let changes = [
        ("HTTP/1.1", "HTTP/1.0"),
        ("200 OK", "200"),
        ("200 OK", "099 OK"),
        ("200 OK", "2000 OK"),
        ("200 OK", "200 \u{e9}"),
        ("OK\r\n", "OK\n"),
        ("Date", "date"),
        ("Date: now\r\n", ""),
        ("Date: now", "Date: now\r\nDate: now"),
        ("Date: now\r\nx-a: b c", "x-a: b c\r\nDate: now"),
        ("Date: ", "Date:"),
        ("Date: ", "Date:  "),
        ("Date: ", "Date: \t"),
        ("Date: now", "Date: now "),
        ("Date: now", "Date: now\r\n and then"),
        ("now\r\n", "now\n"),
        ("now", "no\0w"),
        ("now", "no\rw"),
        ("now", "no\u{7f}w"),
        ("0\r\n\r\n", "0\r\nx-b: c\r\n\r\n"),
        ("0\r\n\r\n", "0\r\n\n"),
        ("0\r\n\r\n", "0\r\n"),
    ];
    for (from, to) in changes {
        let text = HEAD.replacen(from, to, 1);
        assert_ne!(text, HEAD);
        assert!(names(&text).is_none(), "{text:?}");
    }
    for end in 0..HEAD.len() {
        assert!(names(&HEAD[..end]).is_none(), "{:?}", &HEAD[..end]);
    }
}

#[test]
fn a_recognised_head_is_read_as_an_unknown_one() {
    let first = read(HEAD);
    assert!(names(HEAD).is_some());
    assert_eq!(read(HEAD), first);
    let other = HEAD.replace("b c", "d").replace("200 OK", "503 Not now");
    let recognised = read(&other);
    let unknown = std::thread::spawn(move || read(&other)).join().unwrap();
    assert_eq!(recognised, unknown);
}

#[test]
fn the_shape_that_was_not_met_for_longest_is_forgotten() {
    let head = |name: usize| format!("HTTP/1.1 200 OK\r\nx-{name}: a\r\n\r\n");
    for name in 0..SHAPES {
        read(&head(name));
    }
    read(&head(0));
    for _ in 0..PATIENCE {
        assert!(names(&head(1)).is_some());
        read(&head(0));
        for name in 2..SHAPES {
            read(&head(name));
        }
        read(&head(SHAPES));
    }
    assert!(names(&head(SHAPES)).is_some());
    assert!(names(&head(0)).is_some());
    assert!(names(&head(1)).is_none());
}

#[test]
fn most_heads_are_recognised_where_more_shapes_than_places_take_turns() {
    let head = |name: usize| format!("HTTP/1.1 200 OK\r\nx-{name}: a\r\n\r\n");
    let mut recognised = 0;
    for turn in 0..1000 {
        let head = head(turn % (SHAPES + 2));
        recognised += usize::from(names(&head).is_some());
        read(&head);
    }
    assert!(recognised > 400, "{recognised}");
}

#[test]
fn lines_of_one_name_keep_their_order_when_recognised() {
    let head = |values: [&str; 3]| {
        let [a, b, c] = values;
        format!("HTTP/1.1 200 OK\r\nx-s: {a}\r\nX-S: {b}\r\nx-s: {c}\r\nx-u: d\r\n\r\n")
    };
    read(&head(["1", "2", "3"]));
    assert!(names(&head(["4", "5", "6"])).is_some());
    let response = read(&head(["4", "5", "6"]));
    assert!(response.headers.get_all("x-s").iter().eq(["4", "5", "6"]));
    assert_eq!(response.headers["x-u"], "d");
}

#[test]
fn names_that_come_again_after_others_or_are_long_are_not_remembered() {
    let apart = "HTTP/1.1 200 OK\r\nx-t: a\r\nx-u: b\r\nx-t: c\r\n\r\n";
    let long = format!("HTTP/1.1 200 OK\r\nx-{}: a\r\n\r\n", "l".repeat(600));
    for text in [apart, &long] {
        read(text);
        assert!(names(text).is_none());
    }
}

#[test]
fn more_fields_than_allowed_are_not_recognised() {
    read(HEAD);
    let mut spans = [Span::EMPTY; 2];
    assert!(recognise(HEAD.as_bytes(), &mut spans).is_none());
}

#[test]
fn eight_bytes_at_a_time_are_judged_as_one_by_one() {
    for byte in 0..=u8::MAX {
        for place in 0..8 {
            let mut word = *b"aaaaaaaa";
            word[place] = byte;
            let is_value = is_value_byte(byte) && byte != b'\t';
            assert_eq!(are_value_bytes(word), is_value, "{byte} at {place}");
        }
    }
}

#[test]
fn a_value_ends_at_the_first_byte_that_is_none() {
    for len in 0..30 {
        let text = "v".repeat(len) + "\r\n";
        assert_eq!(value_len(text.as_bytes()), Some(len));
        assert_eq!(value_len(&text.as_bytes()[..len]), None);
        let text = "\t\u{e9}".repeat(len) + "\u{7f}";
        assert_eq!(value_len(text.as_bytes()), Some(3 * len));
    }
}

#[test]
fn a_head_of_many_fields_is_read_and_not_remembered() {
    for (fields, is_remembered) in [(MOST_FIELDS, true), (MOST_FIELDS + 1, false)] {
        let lines: String = (0..fields)
            .map(|field| format!("f{field}: v\r\n"))
            .collect();
        let text = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        for _ in 0..2 {
            assert_eq!(read(&text).headers.len(), fields);
            let mut spans = [Span::EMPTY; 2 * MOST_FIELDS];
            let recognised = recognise(text.as_bytes(), &mut spans);
            assert_eq!(recognised.is_some(), is_remembered, "{fields}");
        }
    }
}
