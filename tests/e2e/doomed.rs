//! A connection that dies unnoticed: the race between a server that closes an
//! idle connection and a client that uses it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use postrider::{Client, ClientBuilder};
use testing::{MemoryStream, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Dooms the connections that are open, all at once.
#[derive(Clone, Default)]
pub(crate) struct Doom(Arc<std::sync::Mutex<Vec<Arc<AtomicBool>>>>);

impl Doom {
    /// A client of `server` whose connections can be doomed.
    pub(crate) fn client(&self, server: &Arc<Server>, builder: ClientBuilder) -> Client {
        let (doom, server) = (self.clone(), Arc::clone(server));
        builder
            .connect_with(move |_| {
                let doomed = Arc::new(AtomicBool::new(false));
                doom.0.lock().unwrap().push(Arc::clone(&doomed));
                let stream = Doomed {
                    stream: server.connect(),
                    doomed,
                    is_noticed: false,
                };
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    }

    /// From now on the connections so far are dead. They seem alive until
    /// they are written to.
    pub(crate) fn strike(&self) {
        for doomed in self.0.lock().unwrap().drain(..) {
            doomed.store(true, Ordering::SeqCst);
        }
    }
}

struct Doomed {
    stream: MemoryStream,
    doomed: Arc<AtomicBool>,
    is_noticed: bool,
}

impl AsyncRead for Doomed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_noticed {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if self.doomed.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Doomed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.doomed.load(Ordering::SeqCst) {
            self.is_noticed = true;
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
