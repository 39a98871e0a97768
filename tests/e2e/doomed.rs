//! A connection that dies unnoticed: the race between a server that closes an
//! idle connection and a client that uses it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use postrider::{Client, ClientBuilder};
use testing::{MemoryStream, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Dooms the connections that are open, all at once.
#[derive(Clone, Default)]
pub(crate) struct Doom(Arc<Mutex<Vec<Arc<Mutex<Fate>>>>>);

impl Doom {
    /// A client of `server` whose connections can be doomed.
    pub(crate) fn client(&self, server: &Arc<Server>, builder: ClientBuilder) -> Client {
        let (doom, server) = (self.clone(), Arc::clone(server));
        builder
            .connect_with(move |_| {
                let stream = doom.over(server.connect());
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    }

    /// A stream that can be doomed.
    pub(crate) fn over(&self, stream: MemoryStream) -> Doomed {
        let fate = Arc::new(Mutex::new(Fate::Alive));
        self.0.lock().unwrap().push(Arc::clone(&fate));
        Doomed {
            stream,
            fate,
            is_noticed: false,
        }
    }

    /// From now on the connections so far are dead. They seem alive until
    /// they are written to.
    pub(crate) fn strike(&self) {
        for fate in self.0.lock().unwrap().drain(..) {
            *fate.lock().unwrap() = Fate::Dead;
        }
    }

    /// From now on they are TLS of somebody else's, as of a tunnel, which has
    /// broken when they are written to.
    pub(crate) fn break_tls(&self) {
        for fate in self.0.lock().unwrap().drain(..) {
            *fate.lock().unwrap() = Fate::BrokenTls;
        }
    }

    /// From now on what comes on the connections so far is noise, as soon as
    /// they are written to.
    pub(crate) fn garble(&self) {
        for fate in self.0.lock().unwrap().drain(..) {
            *fate.lock().unwrap() = Fate::Garbled;
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Alive,
    Dead,
    BrokenTls,
    Garbled,
}

pub(crate) struct Doomed {
    stream: MemoryStream,
    fate: Arc<Mutex<Fate>>,
    is_noticed: bool,
}

impl Doomed {
    fn fate(&self) -> Fate {
        *self.fate.lock().unwrap()
    }
}

impl AsyncRead for Doomed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.fate() {
            Fate::Alive => Pin::new(&mut self.stream).poll_read(cx, buf),
            _ if !self.is_noticed => Poll::Pending,
            Fate::Dead | Fate::BrokenTls => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Fate::Garbled => {
                let noise = [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28];
                buf.put_slice(&noise[..noise.len().min(buf.remaining())]);
                Poll::Ready(Ok(()))
            }
        }
    }
}

impl AsyncWrite for Doomed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.fate() {
            Fate::Alive => Pin::new(&mut self.stream).poll_write(cx, buf),
            Fate::Dead => {
                self.is_noticed = true;
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            Fate::BrokenTls => {
                self.is_noticed = true;
                let broken = rustls::Error::DecryptError;
                Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, broken)))
            }
            Fate::Garbled => {
                self.is_noticed = true;
                Poll::Ready(Ok(buf.len()))
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
