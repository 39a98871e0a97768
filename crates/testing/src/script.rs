//! The steps of a script.

use std::time::Duration;

use bytes::Bytes;

use crate::signal::Signal;

/// What a [`Server`](crate::Server) does on one connection, step by step.
///
/// A script works below HTTP: it writes exactly the bytes it is given, however wrong they are.
/// When its last step is done, the connection **stays open**: what the peer sends is still
/// recorded, until the peer goes. A script that wants an end says so with [`close`](Self::close)
/// or [`reset`](Self::reset). A peer that goes in the middle ends the script; how it ended is told
/// by [`Server::finished`](crate::Server::finished).
///
/// ```
/// use std::time::Duration;
/// use postrider_testing::{Script, Signal};
///
/// let answer_now = Signal::new();
/// let script = Script::new()
///     .read_request()
///     .wait(&answer_now)
///     .write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
///     .write_split("hello", &[1, 3])
///     .pause(Duration::from_millis(20))
///     .reset();
/// ```
#[derive(Clone, Debug, Default)]
pub struct Script {
    pub(crate) steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    ReadHead,
    ReadRequest,
    Read(usize),
    ReadSome,
    ReadToEnd,
    Write(Bytes),
    Drip { bytes: Bytes, every: Duration },
    Pause(Duration),
    Stall,
    Notify(Signal),
    Wait(Signal),
    HalfClose,
    Close,
    Reset,
    Repeat { times: usize, script: Script },
}

impl Script {
    /// A script without a step: it accepts, records, and never says a word.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads one request, then writes these bytes: `new().read_request().write(response)`.
    pub fn respond(response: impl Into<Bytes>) -> Self {
        Self::new().read_request().write(response)
    }

    /// Answers every request on the connection with these bytes, for as long as the peer asks.
    pub fn respond_always(response: impl Into<Bytes>) -> Self {
        Self::new().repeat(usize::MAX, Self::respond(response))
    }

    /// Reads up to and with the next empty line (`\r\n\r\n`). What follows it stays for the next
    /// step.
    #[must_use]
    pub fn read_head(self) -> Self {
        self.step(Step::ReadHead)
    }

    /// Reads one whole request: its head, then a body as long as Content-Length says or as the
    /// chunked coding goes, trailers and all.
    #[must_use]
    pub fn read_request(self) -> Self {
        self.step(Step::ReadRequest)
    }

    /// Reads exactly `count` bytes.
    #[must_use]
    pub fn read(self, count: usize) -> Self {
        self.step(Step::Read(count))
    }

    /// Reads whatever is there, waiting for at least one byte.
    #[must_use]
    pub fn read_some(self) -> Self {
        self.step(Step::ReadSome)
    }

    /// Reads until the peer ends its side.
    #[must_use]
    pub fn read_to_end(self) -> Self {
        self.step(Step::ReadToEnd)
    }

    /// Writes these bytes and flushes.
    #[must_use]
    pub fn write(self, bytes: impl Into<Bytes>) -> Self {
        self.step(Step::Write(bytes.into()))
    }

    /// Writes the bytes in pieces of these sizes, the rest as the last piece, with a flush and a
    /// turn of the scheduler after each.
    ///
    /// The peer may still read two pieces at once; where the split itself must be exact, give it a
    /// [`Faulty`](crate::Faulty) stream, or [`drip`](Self::drip) slowly.
    #[must_use]
    pub fn write_split(self, bytes: impl Into<Bytes>, sizes: &[usize]) -> Self {
        let mut rest = bytes.into();
        let mut script = self;
        for &size in sizes {
            let piece = rest.split_to(size.min(rest.len()));
            script = script.write(piece);
        }
        script.write(rest)
    }

    /// Writes the bytes one at a time, with this much time between two.
    #[must_use]
    pub fn drip(self, bytes: impl Into<Bytes>, every: Duration) -> Self {
        let bytes = bytes.into();
        self.step(Step::Drip { bytes, every })
    }

    /// Waits, neither reading nor writing.
    #[must_use]
    pub fn pause(self, time: Duration) -> Self {
        self.step(Step::Pause(time))
    }

    /// Never does anything again, neither reads nor writes, until the peer has gone: a peer that
    /// uploads meets full buffers. Steps behind it are never reached.
    #[must_use]
    pub fn stall(self) -> Self {
        self.step(Step::Stall)
    }

    /// Opens this gate.
    #[must_use]
    pub fn notify(self, signal: &Signal) -> Self {
        self.step(Step::Notify(signal.clone()))
    }

    /// Waits for this gate, neither reading nor writing.
    #[must_use]
    pub fn wait(self, signal: &Signal) -> Self {
        self.step(Step::Wait(signal.clone()))
    }

    /// Ends the server's side of the stream (FIN, over TLS after close_notify), and goes on
    /// reading.
    #[must_use]
    pub fn half_close(self) -> Self {
        self.step(Step::HalfClose)
    }

    /// Ends the connection in good order (FIN). Bytes that have already come are taken in first,
    /// because a socket closed over unread bytes sends a reset instead; bytes that come later are
    /// answered by the system with a reset, as by any server that has gone.
    #[must_use]
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    /// Breaks the connection (RST). An in-memory peer reads `ConnectionReset`.
    #[must_use]
    pub fn reset(self) -> Self {
        self.step(Step::Reset)
    }

    /// Plays another script `times` times over; `usize::MAX` is for ever.
    #[must_use]
    pub fn repeat(self, times: usize, script: Self) -> Self {
        self.step(Step::Repeat { times, script })
    }

    /// Plays another script once, behind this one.
    #[must_use]
    pub fn then(mut self, script: Self) -> Self {
        self.steps.extend(script.steps);
        self
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

impl Step {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::ReadHead => "read_head",
            Self::ReadRequest => "read_request",
            Self::Read(_) => "read",
            Self::ReadSome => "read_some",
            Self::ReadToEnd => "read_to_end",
            Self::Write(_) => "write",
            Self::Drip { .. } => "drip",
            Self::Pause(_) => "pause",
            Self::Stall => "stall",
            Self::Notify(_) => "notify",
            Self::Wait(_) => "wait",
            Self::HalfClose => "half_close",
            Self::Close => "close",
            Self::Reset => "reset",
            Self::Repeat { .. } => "repeat",
        }
    }
}
