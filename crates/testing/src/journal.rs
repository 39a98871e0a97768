//! What a server remembers of its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::peer::{Peer, PeerTls};

/// How the script of one connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ending {
    /// Every step was done, or the script closed or reset the connection itself.
    Complete,
    /// The peer ended the connection in the middle of this step.
    PeerLeft {
        /// The step's name, as its method is called on [`Script`](crate::Script).
        step: &'static str,
    },
    /// This step could not be done.
    Failed {
        /// The step's name, as its method is called on [`Script`](crate::Script), or
        /// `"handshake"` for TLS below it.
        step: &'static str,
        /// What kind of error stopped it.
        kind: io::ErrorKind,
        /// The error's own words.
        message: String,
    },
    /// All scripts were used up, and the server was told to serve each [`once`](crate::Server::once).
    Refused,
}

/// What happened on every connection of a server so far; all handles see the same.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    entries: Arc<watch::Sender<Vec<Entry>>>,
}

#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) peer: Peer,
    pub(crate) received: Vec<u8>,
    pub(crate) ending: Option<Ending>,
    pub(crate) open: bool,
}

/// The right to write one connection's entry. Dropping it is the end of that connection.
#[derive(Debug)]
pub(crate) struct Pen {
    journal: Journal,
    index: usize,
}

impl Journal {
    pub(crate) fn new() -> Self {
        Self {
            entries: Arc::new(watch::Sender::new(Vec::new())),
        }
    }

    /// Begins the entry of the next connection, which comes from this address.
    pub(crate) fn begin(&self, addr: Option<SocketAddr>) -> Pen {
        let mut index = 0;
        self.entries.send_modify(|entries| {
            index = entries.len();
            entries.push(Entry {
                peer: Peer { addr, tls: None },
                received: Vec::new(),
                ending: None,
                open: true,
            });
        });
        Pen {
            journal: self.clone(),
            index,
        }
    }

    pub(crate) fn read<T>(&self, question: impl FnOnce(&[Entry]) -> T) -> T {
        question(&self.entries.borrow())
    }

    pub(crate) async fn until(&self, mut condition: impl FnMut(&[Entry]) -> bool) {
        // `self` holds the sender, so the channel cannot be closed under the wait.
        let _ = self
            .entries
            .subscribe()
            .wait_for(|entries| condition(entries))
            .await;
    }
}

impl Pen {
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    pub(crate) fn secured(&self, tls: PeerTls) {
        self.write(|entry| entry.peer.tls = Some(tls));
    }

    pub(crate) fn received(&self, bytes: &[u8]) {
        self.write(|entry| entry.received.extend_from_slice(bytes));
    }

    pub(crate) fn ended(&self, ending: Ending) {
        self.write(|entry| entry.ending = Some(ending));
    }

    fn write(&self, change: impl FnOnce(&mut Entry)) {
        self.journal.entries.send_modify(|entries| {
            if let Some(entry) = entries.get_mut(self.index) {
                change(entry);
            }
        });
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        self.write(|entry| entry.open = false);
    }
}
