//! Ordering a script's steps with a test's own.

use tokio::sync::watch;

/// A gate between a [`Script`](crate::Script) and a test: one side waits, the other opens it.
///
/// A signal stays open once it was notified, whoever comes later passes at once; the order of the
/// two calls never matters. Clones are handles to the same gate.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use postrider_testing::Signal;
///
/// let gate = Signal::new();
/// let waiting = tokio::spawn({
///     let gate = gate.clone();
///     async move { gate.wait().await }
/// });
/// gate.notify();
/// waiting.await.unwrap();
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Signal {
    open: watch::Sender<bool>,
}

impl Signal {
    /// A closed gate.
    pub fn new() -> Self {
        Self {
            open: watch::Sender::new(false),
        }
    }

    /// Opens the gate, for everyone who waits and everyone who will.
    pub fn notify(&self) {
        self.open.send_replace(true);
    }

    /// Waits until the gate is open.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait(&self) {
        // `self` holds a sender, so the channel cannot be closed under the wait.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    /// Whether the gate is open.
    pub fn is_notified(&self) -> bool {
        *self.open.borrow()
    }
}

impl Default for Signal {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::Signal;

    #[tokio::test(start_paused = true)]
    async fn wait_blocks_until_notified_and_never_again() {
        let signal = Signal::new();
        assert!(
            timeout(Duration::from_secs(1), signal.wait())
                .await
                .is_err()
        );
        assert!(!signal.is_notified());

        signal.clone().notify();
        signal.wait().await;
        signal.wait().await;
        assert!(signal.is_notified());
    }

    #[tokio::test]
    async fn one_notify_releases_every_waiter() {
        let signal = Signal::new();
        let waiters: Vec<_> = (0..3)
            .map(|_| {
                let signal = signal.clone();
                tokio::spawn(async move { signal.wait().await })
            })
            .collect();
        tokio::task::yield_now().await;
        signal.notify();
        for waiter in waiters {
            waiter.await.unwrap();
        }
    }
}
