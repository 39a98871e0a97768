//! Whether an idle stream is alive, told without waiting.

use std::future::poll_fn;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;

use super::{Kind, Stream};

/// How carefully to ask whether an idle connection is still alive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// Look at the readiness that tokio has already seen: no system call while it has seen none.
    ///
    /// What arrived since the reactor last ran goes unnoticed, so this suffices only where a
    /// failure would be retried anyway and the connection idled for a moment.
    Flag,
    /// Ask the kernel by a one-byte peek, past tokio's flag and its cooperative budget.
    Kernel,
}

impl Stream {
    /// Whether this idle connection may serve another exchange.
    ///
    /// The end of the stream, an error, and any byte of data make it unfit: data on an idle
    /// connection answers no request of ours. TLS messages that are not data (session tickets,
    /// key updates) are taken in and do not count, unless one has come in part: nobody knows what
    /// it will be. For a stream of the user's own both probes are
    /// a read that must find nothing.
    ///
    /// A stream found dead must be dropped: the probe may have eaten bytes.
    pub fn is_alive(&mut self, care: Probe) -> bool {
        match &mut self.kind {
            Kind::Tcp(tcp) => is_silent(&tcp.io, care),
            Kind::Custom(custom) => finds_nothing(&mut custom.io),
            Kind::Tls(session) => session.is_alive(care),
        }
    }

    /// Whether bytes may be there to read, or the stream has ended, in so far as that can be told
    /// without taking anything.
    pub(super) fn may_be_readable(&self, care: Probe) -> bool {
        match &self.kind {
            Kind::Tcp(tcp) => !is_silent(&tcp.io, care),
            Kind::Custom(_) | Kind::Tls(_) => true,
        }
    }

    /// Lets go of the task that waits to read, if one does.
    pub(super) fn forget_reader(&self) {
        if let Kind::Tcp(tcp) = &self.kind {
            let _ = poll_now(|cx| tcp.io.poll_read_ready(cx));
        }
    }

    /// One read that neither waits nor asks tokio's flag, where the stream is a socket.
    pub(super) fn read_now(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if let Kind::Tcp(tcp) = &self.kind {
            return (&*SockRef::from(&tcp.io)).read(buf);
        }
        let mut buf = ReadBuf::new(buf);
        match poll_now(|cx| Pin::new(&mut *self).poll_read(cx, &mut buf)) {
            Poll::Ready(outcome) => outcome.map(|()| buf.filled().len()),
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// One write that does not wait.
    pub(super) fn write_now(&mut self, buf: &[u8]) -> io::Result<usize> {
        if let Kind::Tcp(tcp) = &mut self.kind {
            // Not by the bare socket, which could raise SIGPIPE in a program that does not ignore
            // it.
            let accepted = tcp.io.try_write(buf)?;
            tcp.written += accepted as u64;
            return Ok(accepted);
        }
        match poll_now(|cx| Pin::new(&mut *self).poll_write(cx, buf)) {
            Poll::Ready(outcome) => {
                let _ = poll_now(|cx| Pin::new(&mut *self).poll_flush(cx));
                outcome
            }
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

/// Whether the socket is open and holds nothing to read.
fn is_silent(socket: &TcpStream, care: Probe) -> bool {
    let peeked = match care {
        // An unset flag answers would-block without the peek. A set one alone proves nothing:
        // peek then, and if there is nothing tokio clears exactly the readiness that it showed.
        Probe::Flag => socket.try_io(Interest::READABLE, || peek(socket)),
        Probe::Kernel => peek(socket),
    };
    matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn peek(socket: &TcpStream) -> io::Result<usize> {
    loop {
        match SockRef::from(socket).peek(&mut [MaybeUninit::uninit(); 1]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            answer => return answer,
        }
    }
}

fn finds_nothing(io: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut room = [MaybeUninit::uninit(); 16];
    let mut buf = ReadBuf::uninit(&mut room);
    poll_now(|cx| Pin::new(&mut *io).poll_read(cx, &mut buf)).is_pending()
}

/// Polls once and for nobody. A task whose budget is used up does so too, when most of what tokio
/// has pretends to be pending.
fn poll_now<T>(poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let polling = pin!(unconstrained(poll_fn(poll)));
    polling.poll(&mut Context::from_waker(Waker::noop()))
}
