//! Each limit and each leniency, on both sides of the line.

use postrider_protocol::{Leniency, Limits};

use crate::scenario::Scenario;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn receives(limits: Limits, text: &str) -> String {
    Scenario::get().limits(limits).start().receives(text)
}

#[test]
fn a_head_may_have_as_many_bytes_as_allowed() {
    let limits = Limits::default().head_bytes(50);
    let head = |padding: usize| {
        format!(
            "\r\nHTTP/1.1 204 None\r\nx: {}\r\n\r\n",
            "y".repeat(padding)
        )
    };
    let (fits, exceeds) = (head(22), head(23));
    assert_eq!((fits.len(), exceeds.len()), (50, 51));
    assert_eq!(receives(limits, &fits), "204 end");
    assert_eq!(
        receives(limits, &exceeds),
        "! the response head exceeds 50 bytes"
    );
}

#[test]
fn an_incomplete_head_is_given_up_at_the_limit() {
    let limits = Limits::default().head_bytes(50);
    let mut peer = Scenario::get().limits(limits).start();
    assert_eq!(peer.receives("HTTP/1.1 204 None\r\nx: "), "");
    assert_eq!(peer.receives(&"y".repeat(27)), "");
    assert_eq!(peer.receives("y"), "! the response head exceeds 50 bytes");
}

#[test]
fn empty_lines_before_a_response_count_as_its_head() {
    let lines = "\r\n".repeat(70_000);
    assert_eq!(
        receives(Limits::default(), &lines),
        "! the response head exceeds 131072 bytes"
    );
}

#[test]
fn a_head_may_have_as_many_fields_as_allowed() {
    for allowed in [3, 128, 129, 5_000] {
        let limits = Limits::default().fields(allowed);
        let head = |fields| format!("HTTP/1.1 204 None\r\n{}\r\n", "x: y\r\n".repeat(fields));
        assert_eq!(receives(limits, &head(allowed)), "204 end");
        assert_eq!(
            receives(limits, &head(allowed + 1)),
            format!("! the response head has more than {allowed} fields")
        );
    }
}

#[test]
fn no_limit_of_fields_is_more_than_a_map_holds() {
    let limits = Limits::default().fields(usize::MAX).head_bytes(1 << 20);
    let head = format!("HTTP/1.1 204 None\r\n{}\r\n", "x: y\r\n".repeat(40_000));
    assert!(receives(limits, &head).starts_with("! the response head has more than"));
}

#[test]
fn a_field_may_have_as_many_bytes_as_allowed() {
    let limits = Limits::default().line_bytes(5);
    assert_eq!(
        receives(limits, "HTTP/1.1 204 N\r\nab: cde\r\n\r\n"),
        "204 end"
    );
    assert_eq!(
        receives(limits, "HTTP/1.1 204 N\r\nabc: def\r\n\r\n"),
        "! a field of the response head exceeds 5 bytes"
    );
}

#[test]
fn so_many_informational_responses_may_come_as_allowed() {
    let limits = Limits::default().informational(2);
    let early = "HTTP/1.1 103 Hints\r\n\r\n";
    let end = "HTTP/1.1 204 None\r\n\r\n";
    assert_eq!(
        receives(limits, &format!("{early}{early}{end}")),
        "103 103 204 end"
    );
    assert_eq!(
        receives(limits, &early.repeat(3)),
        "103 103 ! there are more than 2 informational responses"
    );
}

#[test]
fn informational_responses_together_have_the_bytes_of_one_head() {
    let limits = Limits::default().head_bytes(40);
    let early = "HTTP/1.1 103 Hints\r\n\r\n";
    assert_eq!(
        receives(limits, &early.repeat(2)),
        "103 ! the informational responses exceed 40 bytes"
    );
}

#[test]
fn a_chunk_line_may_have_as_many_bytes_as_allowed() {
    let limits = Limits::default().chunk_line_bytes(8);
    for line in ["0000001", "1;abcde", "1      "] {
        let body = format!("{CHUNKED}{line}\r\na\r\n");
        assert_eq!(receives(limits, &body), "200 data(a)");
    }
    for line in ["00000001", "1;abcdef", "1       "] {
        let body = format!("{CHUNKED}{line}\r\na\r\n");
        assert_eq!(
            receives(limits, &body),
            "200 ! a chunk's size line exceeds 8 bytes"
        );
    }
}

#[test]
fn all_chunk_extensions_together_are_bounded() {
    let limits = Limits::default().chunk_extension_bytes(9);
    let chunk = "1;ab\r\nx\r\n";
    assert_eq!(
        receives(limits, &format!("{CHUNKED}{}", chunk.repeat(3))),
        "200 data(xxx)"
    );
    assert_eq!(
        receives(limits, &format!("{CHUNKED}{}", chunk.repeat(4))),
        "200 data(xxx) ! the chunk extensions of the body exceed 9 bytes"
    );
}

#[test]
fn trailers_may_have_as_many_bytes_and_fields_as_allowed() {
    let limits = Limits::default().trailer_bytes(14).trailer_fields(2);
    let trailers = |lines: &str| receives(limits, &format!("{CHUNKED}0\r\n{lines}\r\n"));
    assert_eq!(trailers("a: b\r\nc:\r\n"), "200 trailers(2) end");
    assert_eq!(
        trailers("a: b\r\nc: def\r\n"),
        "200 ! the trailer section exceeds 14 bytes"
    );
    assert_eq!(
        trailers("a:\r\nb:\r\nc:\r\n"),
        "200 ! there are more than 2 trailer fields"
    );
}

#[test]
fn what_is_put_up_with_can_be_refused() {
    let chunked = |body: &str| format!("{CHUNKED}{body}");
    let table = [
        (
            Leniency::EmptyLines,
            "\r\nHTTP/1.1 204 None\r\n\r\n".to_owned(),
            "204 end",
            "! the response begins with an empty line",
        ),
        (
            Leniency::Folding,
            "HTTP/1.1 204 None\r\nx: a\r\n b\r\n\r\n".to_owned(),
            "204 end",
            "! the field x is folded over several lines",
        ),
        (
            Leniency::LengthBesideChunked,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
            "200 end",
            "! the response has both content-length and transfer-encoding",
        ),
        (
            Leniency::LineFeed,
            "HTTP/1.1 204 None\r\nx: a\n\r\n".to_owned(),
            "204 end",
            "! a line of the response head ends without a carriage return",
        ),
        (
            Leniency::NoReason,
            "HTTP/1.1 204\r\n\r\n".to_owned(),
            "204 end",
            "! the status line is malformed",
        ),
        (
            Leniency::RepeatedLength,
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na".to_owned(),
            "200 data(a) end",
            "! the content-lengths contradict each other",
        ),
        (
            Leniency::SpaceAfterSize,
            chunked("1 \r\na\r\n0\t\r\n\r\n"),
            "200 data(a) end",
            "200 ! a chunk of the body has no valid size",
        ),
    ];
    for (leniency, text, lenient, strict) in table {
        assert_eq!(receives(Limits::default(), &text), lenient, "{leniency:?}");
        let limits = Limits::default().refuse(leniency);
        assert_eq!(receives(limits, &text), strict, "{leniency:?}");
    }
}

#[test]
fn a_usual_response_passes_with_everything_refused() {
    let all = [
        Leniency::EmptyLines,
        Leniency::Folding,
        Leniency::LengthBesideChunked,
        Leniency::LineFeed,
        Leniency::NoReason,
        Leniency::RepeatedLength,
        Leniency::SpaceAfterSize,
    ];
    let limits = all.into_iter().fold(Limits::default(), Limits::refuse);
    let text = format!("{CHUNKED}3;a=\"b\"\r\nabc\r\n0\r\nx: 1\r\n\r\n");
    assert_eq!(receives(limits, &text), "200 data(abc) trailers(1) end");
}

#[test]
fn a_folded_framing_field_is_always_refused() {
    for field in [
        "content-length: 1\r\n 2",
        "content-length:\r\n 2",
        "content-length: 2\r\n\t",
    ] {
        let head = format!("HTTP/1.1 200 OK\r\n{field}\r\n\r\nab");
        assert_eq!(
            receives(Limits::default(), &head),
            "! the field content-length is folded over several lines",
            "{field:?}"
        );
    }
}
