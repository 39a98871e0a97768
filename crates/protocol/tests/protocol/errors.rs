//! What a user reads when a response is wrong. Those of limits and leniencies
//! are read in `limits.rs`, those of truncation in `states.rs`.

use postrider_protocol::{CloseReason, Error, Leniency, Limits};

use crate::scenario::Scenario;

#[test]
fn an_error_says_what_is_wrong_and_where() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let table = [
        (
            "SSH-2.0-OpenSSH_9.6\r\n".to_owned(),
            "! the answer is not an http/1 response",
        ),
        (
            "HTTP/1.1 20 OK\r\n\r\n".to_owned(),
            "! the status line is malformed",
        ),
        (
            "HTTP/1.1 099 OK\r\n\r\n".to_owned(),
            "! the status line is malformed",
        ),
        (
            format!("{ok}a: b\r\nc : d\r\ne: f\r\n\r\n"),
            "! line 3 of the response head is malformed",
        ),
        (
            format!("{ok}a: b\0c\r\n\r\n"),
            "! line 2 of the response head is malformed",
        ),
        (
            format!("{ok}a: b\r\n c\r\nd\r\n\r\n"),
            "! line 4 of the response head is malformed",
        ),
        (
            format!("{ok}content-length: +1\r\n\r\n"),
            "! the content-length is not a valid number",
        ),
        (
            format!("{ok}content-length: 9223372036854775808\r\n\r\n"),
            "! the content-length is not a valid number",
        ),
        (
            format!("{ok}content-length: 1\r\ncontent-length: 01\r\n\r\n"),
            "! the content-lengths contradict each other",
        ),
        (
            format!("{ok}transfer-encoding: gzip, chunked\r\n\r\n"),
            "! the transfer-encoding is not chunked alone",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned(),
            "! an http/1.0 response has a transfer-encoding",
        ),
        (
            format!("{chunked}+1\r\n"),
            "200 ! a chunk of the body has no valid size",
        ),
        (
            format!("{chunked}8000000000000000\r\n"),
            "200 ! a chunk of the body has no valid size",
        ),
        (
            format!("{chunked}1\n"),
            "200 ! a chunk of the body has no valid size",
        ),
        (
            format!("{chunked}1;a=\"b\nc\"\r\n"),
            "200 ! a chunk extension of the body is malformed",
        ),
        (
            format!("{chunked}1\r\nab\r\n"),
            "200 data(a) ! a chunk of the body is not followed by a line end",
        ),
        (
            format!("{chunked}0\r\nno colon\r\n\r\n"),
            "200 ! the trailer section is malformed",
        ),
        (
            format!("{chunked}0\r\na: b\n\r\n"),
            "200 ! the trailer section is malformed",
        ),
    ];
    for (text, expected) in table {
        assert_eq!(
            Scenario::get().start().receives(&text),
            expected,
            "{text:?}"
        );
    }
}

#[test]
fn the_faulty_line_is_found_among_many() {
    let before = "x: y\r\n".repeat(100);
    let text = format!("HTTP/1.1 200 OK\r\n{before}bad line\r\n{before}\r\n");
    assert_eq!(
        Scenario::get().start().receives(&text),
        "! line 102 of the response head is malformed"
    );
}

#[test]
fn an_error_is_short_however_long_what_the_peer_sent() {
    let limits = Limits::default().refuse(Leniency::Folding);
    let text = format!("HTTP/1.1 200 OK\r\n{}: a\r\n b\r\n\r\n", "x".repeat(9_000));
    let said = Scenario::get().limits(limits).start().receives(&text);
    assert!(
        said.starts_with("! the field xxx") && said.len() < 200,
        "{said}"
    );
}

#[test]
fn each_close_reason_is_a_sentence() {
    let table = [
        (CloseReason::Error, "the response could not be read"),
        (
            CloseReason::Http10,
            "an HTTP/1.0 server did not ask to keep the connection",
        ),
        (
            CloseReason::KeepAliveSpent,
            "the server's Keep-Alive field leaves no time or no request",
        ),
        (
            CloseReason::Leftover,
            "the server sent bytes after its response",
        ),
        (
            CloseReason::LengthBesideChunked,
            "the response had both a length and a transfer coding",
        ),
        (
            CloseReason::RequestClose,
            "the request asked to close the connection",
        ),
        (
            CloseReason::RequestUnfinished,
            "the response ended before the request was sent",
        ),
        (
            CloseReason::ResponseClose,
            "the server asked to close the connection",
        ),
        (
            CloseReason::UntilClose,
            "the response ends with the connection",
        ),
        (
            CloseReason::Upgraded,
            "the connection was handed over to another protocol",
        ),
    ];
    for (reason, sentence) in table {
        assert_eq!(reason.to_string(), sentence);
    }
}

#[test]
fn what_ended_too_early_is_told_from_what_was_wrong_or_too_large() {
    for error in [
        Error::Closed,
        Error::HeadTruncated,
        Error::BodyTruncated { missing: Some(1) },
    ] {
        assert!(error.is_truncation() && !error.is_limit(), "{error}");
    }
    let too_large = Error::HeadTooLarge { limit: 1 };
    assert!(too_large.is_limit() && !too_large.is_truncation());
    assert!(!Error::StatusLine.is_limit() && !Error::StatusLine.is_truncation());
}
