//! Answers that wait until enough have asked for them, so that each asker needs a connection of
//! its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Barrier;

/// Where this many requests are answered together.
pub(crate) fn path(count: usize) -> String {
    format!("{PREFIX}{count}")
}

/// What they are answered.
pub(crate) const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

const PREFIX: &str = "/crowd/";

/// Those who wait, by how many must come.
#[derive(Default)]
pub(super) struct Crowds(Mutex<HashMap<usize, Arc<Barrier>>>);

impl Crowds {
    /// Waits for the others, if the target is a crowd's; gives nothing for other targets.
    pub(super) async fn answer(&self, target: &[u8]) -> Option<&'static [u8]> {
        let count = size(target)?;
        self.of(count).wait().await;
        Some(ANSWER)
    }

    fn of(&self, count: usize) -> Arc<Barrier> {
        let mut crowds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let barrier = crowds
            .entry(count)
            .or_insert_with(|| Arc::new(Barrier::new(count)));
        Arc::clone(barrier)
    }
}

fn size(target: &[u8]) -> Option<usize> {
    let target = str::from_utf8(target).ok()?;
    target.strip_prefix(PREFIX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{path, size};

    #[test]
    fn a_crowds_size_stands_in_its_path() {
        assert_eq!(size(path(10_000).as_bytes()), Some(10_000));
        assert_eq!(size(b"/crowd/many"), None);
        assert_eq!(size(b"/small"), None);
    }
}
