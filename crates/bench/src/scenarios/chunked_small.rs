use crate::answer::Answer;
use crate::scenario::{Case, Scenario};

/// What decoding the chunked coding costs when the chunks are small.
pub(crate) fn scenario() -> Scenario {
    let case = |name, path, answer| Case {
        requests: 30,
        ..Case::get(name, path, answer, BODY as u64)
    };
    Scenario::new(
        "chunked-small",
        "GET of a 1 MiB body in small chunks, collected",
        vec![
            case("64-byte chunks", "/chunked/64", || {
                Answer::chunked(BODY, 64)
            })
            .judged(),
            case("16-byte chunks", "/chunked/16", || {
                Answer::chunked(BODY, 16)
            }),
            case("1 KiB chunks", "/chunked/1024", || {
                Answer::chunked(BODY, 1024)
            }),
        ],
    )
}

const BODY: usize = 1024 * 1024;
