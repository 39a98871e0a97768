//! What a server's tasks share: its scripts, its listener, its journal.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;

use crate::journal::{Ending, Journal, Pen};
use crate::play::play;
use crate::script::Script;
use crate::tls::{CloseNotify, Tls};
use crate::wire::{Transport, Wire};

/// Where a server's scripts are played: what its tasks share with it.
#[derive(Debug)]
pub(crate) struct Stage {
    scripts: Vec<Script>,
    refuses_further: AtomicBool,
    security: Security,
    journal: Journal,
    runtime: Handle,
    /// The listener's task and one for each connection; `None` once the server has stopped.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// What lies between the transport and the script.
pub(crate) enum Security {
    Plain,
    Tls(TlsAcceptor, CloseNotify),
}

impl Stage {
    pub(crate) fn new(security: Security, scripts: impl IntoIterator<Item = Script>) -> Arc<Self> {
        Arc::new(Self {
            scripts: scripts.into_iter().collect(),
            refuses_further: AtomicBool::new(false),
            security,
            journal: Journal::new(),
            runtime: Handle::current(),
            tasks: Mutex::new(Some(JoinSet::new())),
        })
    }

    /// Accepts connections on this address from now on; tells the one that it got.
    pub(crate) fn listen(self: &Arc<Self>, addr: SocketAddr) -> SocketAddr {
        let (listener, addr) = bind(addr);
        if let Some(tasks) = self.tasks().as_mut() {
            let stage = Arc::clone(self);
            tasks.spawn(async move { stage.accept(listener).await });
        }
        addr
    }

    /// Plays the next script on this connection.
    pub(crate) fn admit(self: &Arc<Self>, transport: Transport) {
        let mut tasks = self.tasks();
        let Some(tasks) = tasks.as_mut() else { return };
        while tasks.try_join_next().is_some() {}

        let pen = self.journal.begin(transport.peer_addr());
        let stage = Arc::clone(self);
        tasks.spawn_on(
            async move { stage.serve(transport, pen).await },
            &self.runtime,
        );
    }

    /// Resets the connections that come when every script was played once.
    pub(crate) fn refuse_further(&self) {
        self.refuses_further.store(true, Ordering::Release);
    }

    /// Admits nothing any more, and gives what is still running away: dropping it ends it.
    pub(crate) fn close(&self) -> Option<JoinSet<()>> {
        self.tasks().take()
    }

    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    pub(crate) fn scheme(&self) -> &'static str {
        self.security.scheme()
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            match listener.accept().await {
                Ok((tcp, _)) => {
                    // Without it Nagle's algorithm would join what a script writes apart.
                    let _ = tcp.set_nodelay(true);
                    self.admit(Transport::Tcp(tcp));
                }
                // Such as too many open files: worth another try, not a busy loop.
                Err(_) => sleep(Duration::from_millis(10)).await,
            }
        }
    }

    async fn serve(&self, transport: Transport, pen: Pen) {
        let empty = Script::new();
        let script = match self.scripts.get(pen.index()) {
            Some(script) => script,
            None if self.refuses_further.load(Ordering::Acquire) => {
                Wire::Plain(transport).reset();
                pen.ended(Ending::Refused);
                return;
            }
            None => self.scripts.last().unwrap_or(&empty),
        };
        match self.security.secure(transport).await {
            Ok(wire) => {
                if let Some(tls) = wire.peer_tls() {
                    pen.secured(tls);
                }
                play(script, wire, pen).await;
            }
            Err(error) => pen.ended(Ending::Failed {
                step: "handshake",
                kind: error.kind(),
                message: error.to_string(),
            }),
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Security {
    #[expect(
        clippy::expect_used,
        reason = "only the test's own input can make it fail, and then the test should"
    )]
    pub(crate) fn tls(tls: &Tls) -> Self {
        let acceptor = tls.acceptor().expect("a usable TLS identity");
        Self::Tls(acceptor, tls.ending())
    }

    fn scheme(&self) -> &'static str {
        match self {
            Self::Plain => "http",
            Self::Tls(..) => "https",
        }
    }

    async fn secure(&self, transport: Transport) -> io::Result<Wire> {
        match self {
            Self::Plain => Ok(Wire::Plain(transport)),
            Self::Tls(acceptor, close_notify) => {
                Wire::accept_tls(transport, acceptor, *close_notify).await
            }
        }
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.scheme())
    }
}

#[expect(
    clippy::expect_used,
    reason = "a test whose server cannot start has failed"
)]
fn bind(addr: SocketAddr) -> (TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind(addr).expect("an address to listen on");
    listener
        .set_nonblocking(true)
        .expect("a listener that does not block");
    let addr = listener.local_addr().expect("the address of a listener");
    let listener = TcpListener::from_std(listener).expect("a runtime with I/O");
    (listener, addr)
}
