//! The decoder agrees with one that was written straight from the grammar.

use postrider_protocol::Outcome;

use super::drive::{HELD, Then, exchange, read};
use super::splits::cuts;
use super::strict;

/// The first byte chooses the cuts, the rest is a chunked body.
pub fn check(data: &[u8]) {
    let Some((seed, body)) = data.split_first() else {
        return;
    };
    // The one that takes the least.
    const STRICT: u8 = 4;
    let head: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let pieces = std::iter::once(head).chain(cuts(body, *seed));
    let reading = read(exchange(STRICT), HELD, pieces, Then::Close);
    match (strict::chunked(body), reading.end) {
        (Some(expected), Some(Ok(()))) => {
            let is_reusable = reading.outcome == Outcome::Reusable;
            assert_eq!(is_reusable, expected.rest.is_empty());
            assert_eq!(reading.body, expected.data);
            assert_eq!(reading.leftover, expected.rest);
        }
        (Some(expected), Some(Err(error))) => {
            assert!(error.is_limit(), "{error}");
            assert!(expected.data.starts_with(&reading.body));
        }
        (None, Some(Ok(_))) => panic!("what breaks the grammar was taken"),
        (None, Some(Err(_))) => {}
        (_, None) => panic!("the response did not end"),
    }
}
