//! Whatever comes, only our error type comes out, in bounded memory.

use postrider_protocol::{CloseReason, Error, Outcome};

use super::drive::{HEAD_BYTES, HELD, Then, exchange, read};

/// The first byte chooses the request, the rest is what the peer sends.
pub fn check(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let reading = read(exchange(*choice), HELD, [text], Then::Close);
    let heads = reading.heads.iter();
    let held: usize = heads
        .flat_map(|head| head.headers.iter())
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    // The informational heads together, and the final one.
    assert!(held <= 2 * HEAD_BYTES);
    assert!(reading.heads.len() <= 4);
    assert!(held + reading.body.len() + reading.leftover.len() <= text.len());
    match reading.end {
        None => panic!("the response did not end"),
        Some(Ok(())) => assert!(!reading.heads.is_empty()),
        Some(Err(error)) => {
            assert_eq!(reading.outcome, Outcome::Close(CloseReason::Error));
            check_message(&error);
        }
    }
}

/// An error's text shows nothing of the peer's but a field name.
fn check_message(error: &Error) {
    let message = error.to_string();
    assert!(message.len() < 1024);
    assert!(message.bytes().all(|byte| matches!(byte, b' '..=b'~')));
}
