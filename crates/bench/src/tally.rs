//! What comes of a body that is read piece by piece, and of the tokens in it.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

use crate::histogram::Histogram;

/// The bytes so far; where they are tokens, also how long each was on its way.
pub(crate) struct Tally<'a> {
    bytes: u64,
    tokens: Option<Tokens<'a>>,
}

struct Tokens<'a> {
    latencies: &'a Histogram,
    /// The digits of a stamp, as far as they were read.
    stamp: u64,
}

impl<'a> Tally<'a> {
    pub(crate) fn new() -> Self {
        Self {
            bytes: 0,
            tokens: None,
        }
    }

    pub(crate) fn of_tokens(latencies: &'a Histogram) -> Self {
        let stamp = 0;
        Self {
            bytes: 0,
            tokens: Some(Tokens { latencies, stamp }),
        }
    }

    pub(crate) fn take(&mut self, piece: &[u8]) {
        self.bytes += piece.len() as u64;
        if let Some(tokens) = &mut self.tokens {
            tokens.take(piece);
        }
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Tokens<'_> {
    fn take(&mut self, piece: &[u8]) {
        for &byte in piece {
            match byte {
                b'0'..=b'9' => self.stamp = self.stamp * 10 + u64::from(byte - b'0'),
                b'\n' if self.stamp > 0 => {
                    let late = now().saturating_sub(self.stamp);
                    self.latencies.record(Duration::from_nanos(late));
                    self.stamp = 0;
                }
                _ => {}
            }
        }
    }
}

/// A server-sent event that tells when it was sent; always of the same length.
pub(crate) fn token() -> String {
    format!("data: {:019}\n\n", now())
}

pub(crate) const TOKEN_BYTES: usize = 27;

/// Nanoseconds on the clock that all processes of a machine share.
fn now() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(0, |time| {
        let nanoseconds = time.tv_sec() * 1_000_000_000 + time.tv_nsec();
        u64::try_from(nanoseconds).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::{TOKEN_BYTES, Tally, token};
    use crate::histogram::Histogram;

    #[test]
    fn a_tokens_way_is_timed_however_it_is_cut() {
        let sent = token();
        assert_eq!(sent.len(), TOKEN_BYTES);
        for cut in [1, 10, TOKEN_BYTES] {
            let latencies = Histogram::new();
            let mut tally = Tally::of_tokens(&latencies);
            for piece in sent.as_bytes().chunks(cut) {
                tally.take(piece);
            }
            assert_eq!(tally.bytes(), TOKEN_BYTES as u64);
            let told = latencies.tell().unwrap();
            assert!(told.p50_ns < 60_000_000_000, "{told:?}");
        }
    }
}
