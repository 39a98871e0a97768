use bytes::Bytes;

use crate::scenario::{Case, Scenario};

/// What decoding the chunked coding costs when the chunks are small.
pub(crate) fn scenario() -> Scenario {
    let case = |name, path, answer| Case {
        name,
        path,
        answer,
        body: BODY,
        in_flight: 1,
        requests: 60,
    };
    Scenario {
        name: "chunked-small",
        about: "GET of a 1 MiB body in small chunks, collected",
        cases: vec![
            case("64-byte chunks", "/chunked/64", || answer(64)),
            case("16-byte chunks", "/chunked/16", || answer(16)),
            case("1 KiB chunks", "/chunked/1024", || answer(1024)),
        ],
    }
}

fn answer(chunk: usize) -> Bytes {
    let head = "HTTP/1.1 200 OK\r\n\
                Date: Sat, 03 Oct 2026 12:00:00 GMT\r\n\
                Content-Type: text/plain\r\n\
                Transfer-Encoding: chunked\r\n\r\n";
    let one = [
        format!("{chunk:x}\r\n").as_bytes(),
        &vec![b'x'; chunk],
        b"\r\n",
    ]
    .concat();
    [head.as_bytes(), &one.repeat(BODY / chunk), b"0\r\n\r\n"]
        .concat()
        .into()
}

const BODY: usize = 1024 * 1024;
