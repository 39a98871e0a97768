use bytes::Bytes;

use crate::scenario::{Case, Scenario};

/// What a client costs when the network and the server cost next to nothing.
pub(crate) fn scenario() -> Scenario {
    Scenario {
        name: "small-get",
        about: "GET of a 100-byte body, connections kept alive",
        cases: vec![Case {
            name: "100-byte",
            path: "/small",
            answer,
            body: BODY,
            in_flight: 64,
            requests: 40_000,
        }],
    }
}

fn answer() -> Bytes {
    let head = "HTTP/1.1 200 OK\r\n\
                Date: Sat, 03 Oct 2026 12:00:00 GMT\r\n\
                Content-Type: text/plain\r\n\
                Content-Length: 100\r\n\r\n";
    [head.as_bytes(), &[b'x'; BODY]].concat().into()
}

const BODY: usize = 100;
