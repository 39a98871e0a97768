//! Playing a script on a connection.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::yield_now;
use tokio::time::sleep;

use crate::framing::{BodyFraming, body_framing, chunk_size, head_end};
use crate::journal::{Ending, Pen};
use crate::script::{Script, Step};
use crate::wire::Wire;

/// Plays a script on a connection to its end, then keeps the connection until the peer goes,
/// unless the script has ended it.
pub(crate) async fn play(script: &Script, wire: Wire, pen: Pen) {
    let mut player = Player {
        wire,
        unread: BytesMut::new(),
        pen,
    };
    match player.steps(script).await {
        Ok(()) => {
            player.pen.ended(Ending::Complete);
            player.hold().await;
        }
        Err(Stop::Close) => player.close().await,
        Err(Stop::Reset) => player.reset(),
        Err(Stop::Early(ending)) => player.pen.ended(ending),
    }
}

/// Why no further step is played.
enum Stop {
    Close,
    Reset,
    Early(Ending),
}

/// Why a step could not be done.
enum Obstacle {
    PeerLeft,
    Error(io::Error),
}

struct Player {
    // Before the pen: the socket is closed by the time the journal says so.
    wire: Wire,
    /// Read from the wire and recorded, but not yet taken by a step.
    unread: BytesMut,
    pen: Pen,
}

impl Player {
    async fn steps(&mut self, script: &Script) -> Result<(), Stop> {
        for step in &script.steps {
            match step {
                Step::Close => return Err(Stop::Close),
                Step::Reset => return Err(Stop::Reset),
                Step::Repeat { times, script } => {
                    for _ in 0..*times {
                        Box::pin(self.steps(script)).await?;
                    }
                }
                step => self
                    .step(step)
                    .await
                    .map_err(|obstacle| Stop::Early(obstacle.ending(step)))?,
            }
        }
        Ok(())
    }

    async fn step(&mut self, step: &Step) -> Result<(), Obstacle> {
        match step {
            Step::ReadHead => drop(self.read_head().await?),
            Step::ReadRequest => self.read_request().await?,
            Step::Read(count) => self.skip(*count).await?,
            Step::ReadSome => {
                if self.unread.is_empty() {
                    self.fill().await?;
                }
                self.unread.clear();
            }
            Step::ReadToEnd => self.read_to_end().await?,
            Step::Write(bytes) => self.write(bytes).await?,
            Step::Drip { bytes, every } => self.drip(bytes, *every).await?,
            Step::Pause(time) => sleep(*time).await,
            Step::Stall => {
                self.wire.gone().await;
                return Err(Obstacle::PeerLeft);
            }
            Step::Notify(signal) => signal.notify(),
            Step::Wait(signal) => signal.wait().await,
            Step::HalfClose => self.wire.half_close().await?,
            // These three steer the playing itself.
            Step::Close | Step::Reset | Step::Repeat { .. } => {}
        }
        Ok(())
    }

    async fn read_head(&mut self) -> Result<BytesMut, Obstacle> {
        let mut seen = 0;
        loop {
            if let Some(end) = head_end(&self.unread, seen) {
                return Ok(self.unread.split_to(end));
            }
            seen = self.unread.len();
            self.fill().await?;
        }
    }

    async fn read_request(&mut self) -> Result<(), Obstacle> {
        let head = self.read_head().await?;
        match body_framing(&head) {
            BodyFraming::Length(length) => self.skip(length).await,
            BodyFraming::Chunked => self.read_chunked().await,
            BodyFraming::Malformed => Err(malformed("the request's Content-Length is no number")),
        }
    }

    async fn read_chunked(&mut self) -> Result<(), Obstacle> {
        loop {
            let line = self.read_line().await?;
            let size =
                chunk_size(&line).ok_or_else(|| malformed("the chunk's size is no number"))?;
            if size == 0 {
                break;
            }
            self.skip(size).await?;
            if !self.read_line().await?.is_empty() {
                return Err(malformed("the chunk is longer than its size"));
            }
        }
        while !self.read_line().await?.is_empty() {}
        Ok(())
    }

    /// The next line without its end.
    async fn read_line(&mut self) -> Result<BytesMut, Obstacle> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let mut line = self.unread.split_to(end + 2);
                line.truncate(end);
                return Ok(line);
            }
            self.fill().await?;
        }
    }

    async fn skip(&mut self, mut count: usize) -> Result<(), Obstacle> {
        loop {
            let here = count.min(self.unread.len());
            drop(self.unread.split_to(here));
            count -= here;
            if count == 0 {
                return Ok(());
            }
            self.fill().await?;
        }
    }

    async fn read_to_end(&mut self) -> Result<(), Obstacle> {
        loop {
            self.unread.clear();
            if self.receive().await? == 0 {
                return Ok(());
            }
        }
    }

    /// Reads at least one byte more.
    async fn fill(&mut self) -> Result<(), Obstacle> {
        if self.receive().await? == 0 {
            return Err(Obstacle::PeerLeft);
        }
        Ok(())
    }

    /// One read; 0 is the peer's end.
    async fn receive(&mut self) -> io::Result<usize> {
        let before = self.unread.len();
        self.unread.reserve(READ_SIZE);
        let count = self.wire.read_buf(&mut self.unread).await?;
        if count > 0 {
            self.pen
                .received(self.unread.get(before..).unwrap_or_default());
        }
        Ok(count)
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.wire.write_all(bytes).await?;
        self.wire.flush().await?;
        // The peer's turn: two writes in a row are then two reads, where both sit on one thread.
        yield_now().await;
        Ok(())
    }

    async fn drip(&mut self, bytes: &Bytes, every: Duration) -> io::Result<()> {
        for (index, byte) in bytes.iter().enumerate() {
            if index > 0 {
                sleep(every).await;
            }
            self.write(&[*byte]).await?;
        }
        Ok(())
    }

    /// Records until the peer goes.
    async fn hold(&mut self) {
        self.unread.clear();
        while let Ok(1..) = self.receive().await {
            self.unread.clear();
        }
    }

    async fn close(mut self) {
        // A peer that has gone already needs no goodbye.
        let _ = self.wire.half_close().await;
        let mut late = BytesMut::new();
        self.wire.drain(&mut late);
        self.pen.received(&late);
        drop(self.wire);
        self.pen.ended(Ending::Complete);
    }

    fn reset(self) {
        self.wire.reset();
        self.pen.ended(Ending::Complete);
    }
}

impl Obstacle {
    fn ending(self, step: &Step) -> Ending {
        let step = step.name();
        match self {
            Self::PeerLeft => Ending::PeerLeft { step },
            Self::Error(error) if is_departure(&error) => Ending::PeerLeft { step },
            Self::Error(error) => Ending::Failed {
                step,
                kind: error.kind(),
                message: error.to_string(),
            },
        }
    }
}

impl From<io::Error> for Obstacle {
    fn from(error: io::Error) -> Self {
        Self::Error(error)
    }
}

/// The ways in which a socket, or TLS above it, says that the peer is no longer there.
fn is_departure(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::NotConnected
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::WriteZero
    )
}

fn malformed(message: &'static str) -> Obstacle {
    Obstacle::Error(io::Error::new(io::ErrorKind::InvalidData, message))
}

const READ_SIZE: usize = 8 * 1024;
