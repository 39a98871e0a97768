//! The server: one thread, fixed answers, as little parsing as can be.

pub(crate) mod crowd;
pub(crate) mod doors;
pub(crate) mod drops;
mod request;

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::sleep;

use crate::answer::{Answer, LAST_CHUNK, long_head, token_chunk, tokens_head};
use crate::page::AtPage;
use crate::scenario;
use crate::server::crowd::Crowds;
use crate::server::doors::{COUNTS_PATH, Counts};
use crate::server::drops::{Departure, Drops};
use crate::server::request::Requests;
use crate::tally;

/// What the server does while nobody asks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rest {
    Asleep,
    /// A client that writes to a thread which sleeps on another core has to wake it, at the expense
    /// of its own CPU: the more often, the longer it leaves the server without work. So the server
    /// looks for work all the time, and no client is charged for what it did not do.
    Awake,
}

impl Rest {
    /// Awake only on a core that it has to itself.
    pub(crate) fn on(core: Option<usize>) -> Self {
        match core {
            Some(_) => Self::Awake,
            None => Self::Asleep,
        }
    }

    async fn keep(self) {
        match self {
            Self::Asleep => {}
            Self::Awake => loop {
                tokio::task::yield_now().await;
            },
        }
    }
}

/// What the server knows.
struct Answers {
    /// By path.
    fixed: HashMap<&'static str, Answer>,
    crowds: Crowds,
    drops: Drops,
    counts: Counts,
}

/// How a connection goes on.
enum Next {
    Closed,
    /// It is one of those that are dropped, from now on.
    Dropped(Departure),
}

impl Answers {
    fn new() -> Self {
        let scenarios = scenario::all();
        let cases = scenarios.iter().flat_map(|scenario| &scenario.cases);
        Self {
            fixed: cases.map(|case| (case.path, (case.answer)())).collect(),
            crowds: Crowds::default(),
            drops: Drops::default(),
            counts: Counts::default(),
        }
    }
}

async fn serve<S>(stream: &mut S, answers: &Answers) -> io::Result<Next>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut requests = Requests::default();
    while let Some(target) = requests.next(stream).await? {
        match answers.fixed.get(target) {
            Some(Answer::Whole(answer)) => stream.write_all(answer).await?,
            Some(Answer::Last(answer)) => {
                stream.write_all(answer).await?;
                return close(stream).await;
            }
            Some(Answer::Long(length)) => write_long(stream, *length).await?,
            Some(Answer::Tokens { count, pause }) => write_tokens(stream, *count, *pause).await?,
            None if target == COUNTS_PATH => {
                stream.write_all(&answers.counts.answer()).await?;
            }
            None => match Departure::of(target.as_bytes()) {
                Some(departure) => return Ok(Next::Dropped(departure)),
                None => {
                    let answer = answers.crowds.answer(target.as_bytes()).await;
                    stream.write_all(answer.unwrap_or(NOT_FOUND)).await?;
                }
            },
        }
        stream.flush().await?;
    }
    Ok(Next::Closed)
}

/// Says that there is no more, and waits until the client has gone.
async fn close<S>(stream: &mut S) -> io::Result<Next>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    stream.shutdown().await?;
    while stream.read(&mut [0; 256]).await? > 0 {}
    Ok(Next::Closed)
}

async fn write_long(stream: &mut (impl AsyncWrite + Unpin), length: u64) -> io::Result<()> {
    stream.write_all(long_head(length).as_bytes()).await?;
    let mut left = length;
    while left > 0 {
        let piece = &PIECE.0[..PIECE
            .0
            .len()
            .min(usize::try_from(left).unwrap_or(usize::MAX))];
        stream.write_all(piece).await?;
        left -= piece.len() as u64;
    }
    Ok(())
}

async fn write_tokens(
    stream: &mut (impl AsyncWrite + Unpin),
    count: usize,
    pause: Duration,
) -> io::Result<()> {
    stream.write_all(tokens_head().as_bytes()).await?;
    for _ in 0..count {
        stream.flush().await?;
        sleep(pause).await;
        stream
            .write_all(token_chunk(&tally::token()).as_bytes())
            .await?;
    }
    stream.write_all(LAST_CHUNK).await
}

/// Large bodies are written in such pieces.
static PIECE: AtPage<{ 256 * 1024 }> = AtPage([b'x'; 256 * 1024]);

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
