use std::io::IoSlice;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Client;
use super::connect::{Connect, Tcp, Tls};
use super::framing::{Rest, head_end};
use super::outgoing::{JSON, PIECE, method, piece};
use crate::Failure;
use crate::drive::{Turn, Worker};
use crate::load::{Action, Keeping, Load, Road};
use crate::probe::Sample;

/// No client at all: the limit.
pub(super) const CLIENT: Client = Client {
    name: "bare",
    settings: "tokio TcpStream, TLS: tokio-rustls over it; a connection for each worker and \
               origin, TCP_NODELAY; fixed request bytes, uploads by writev of 16 pieces of 64 KiB; \
               reads of 64 KiB to the beginning of a page, of 256 KiB where a large body is read in \
               pieces (64 MiB took it 14.1 ms of CPU with 64 KiB, 13.3 with 128, 12.3 with 256); \
               the least scan that finds the response's end; body into a buffer that is used \
               again, where the scenario collects large bodies into a new Vec of the announced \
               length",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    match &load.road {
        Road::Tcp => run_over(&Tcp, load),
        Road::Tls { certificate } => run_over(&Tls::new(certificate)?, load),
    }
}

fn run_over<C: Connect>(connector: &C, load: &Load) -> Result<Sample, Failure> {
    let requests: Arc<[_]> = (0..load.origins).map(|at| request(load, at)).collect();
    let worker = || Bare {
        connector: connector.clone(),
        load: load.clone(),
        requests: Arc::clone(&requests),
        streams: (0..load.origins).map(|_| None).collect(),
        io: Io {
            buffer: vec![0; read_size(load.action) + PAGE],
            body: Vec::new(),
        },
    };
    let workers = (0..load.in_flight).map(|_| worker()).collect();
    load.runtime()?.block_on(load.drive(workers))
}

/// Where large bodies are streamed, that of 64, 128 and 256 KiB with the least CPU.
fn read_size(action: Action) -> usize {
    match action {
        Action::Stream => 256 * 1024,
        _ => 64 * 1024,
    }
}

fn request(load: &Load, origin: usize) -> Vec<u8> {
    let (method, path, host) = (method(load.action), &load.path, load.origin(origin));
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\naccept: */*\r\n");
    match load.action {
        Action::Post => {
            let about = "content-type: application/json\r\ncontent-length";
            let head = format!("{head}{about}: {}\r\n\r\n", JSON.len());
            [head.as_bytes(), JSON].concat()
        }
        Action::Upload { bytes } => format!("{head}content-length: {bytes}\r\n\r\n").into(),
        _ => format!("{head}\r\n").into(),
    }
}

struct Bare<C: Connect> {
    connector: C,
    load: Load,
    /// By origin, ...
    requests: Arc<[Vec<u8>]>,
    /// ... these too.
    streams: Vec<Option<C::Stream>>,
    io: Io,
}

/// The memory that is used again.
struct Io {
    buffer: Vec<u8>,
    body: Vec<u8>,
}

impl<C: Connect> Worker for Bare<C> {
    async fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let mut stream = match self.streams[turn.origin].take() {
            Some(stream) => stream,
            None => {
                let addr = self.load.origin(turn.origin);
                self.connector.connect(addr).await?
            }
        };
        stream.write_all(&self.requests[turn.origin]).await?;
        // TLS may have kept it: a task that has read much may not write at once.
        stream.flush().await?;
        if let Action::Upload { bytes } = self.load.action {
            upload(&mut stream, bytes).await?;
        }
        let read = self.io.read(&mut stream, self.load.action, turn).await?;
        match self.load.keeping {
            Keeping::Kept => self.streams[turn.origin] = Some(stream),
            Keeping::Fresh => C::close(stream).await?,
        }
        Ok(read)
    }
}

async fn upload(stream: &mut (impl AsyncWriteExt + Unpin), bytes: u64) -> Result<(), Failure> {
    // All pieces are the same, so that what a write has left of one need not be looked for.
    let pieces = [IoSlice::new(PIECE); PIECES];
    let mut left = bytes;
    while left > 0 {
        let written = match usize::try_from(left)? / PIECE.len() {
            0 => stream.write(piece(left)).await?,
            whole => stream.write_vectored(&pieces[..whole.min(PIECES)]).await?,
        };
        if written == 0 {
            return Err(CLOSED.into());
        }
        left -= written as u64;
    }
    Ok(stream.flush().await?)
}

impl Io {
    async fn read(
        &mut self,
        stream: &mut (impl AsyncReadExt + Unpin),
        action: Action,
        turn: Turn<'_>,
    ) -> Result<u64, Failure> {
        let Self { buffer, body } = self;
        // Where else it may lie by chance, the kernel's copy can take twice as long: its addresses
        // are then a few bytes apart modulo a page.
        let page = buffer.as_ptr().align_offset(PAGE);
        let end = page + buffer.len() - PAGE;
        let buffer = &mut buffer[page..end];
        let count = fill(stream, buffer).await?;
        // Our server's heads are shorter than any first read.
        let end = head_end(&buffer[..count]).ok_or("a head in more than one read")?;
        let (head, first) = buffer[..count].split_at(end);
        let mut rest = Rest::of(head);
        if let (Action::Collect, Rest::Bytes(length)) = (action, rest) {
            return collect(stream, first, length).await;
        }
        let mut tally = turn.tally();
        body.clear();
        let mut take = |data: &[u8]| match action.is_piecewise() {
            true => tally.take(data),
            false => body.extend_from_slice(data),
        };
        rest.take(first, &mut take);
        while !rest.is_over() {
            let count = fill(stream, buffer).await?;
            rest.take(&buffer[..count], &mut take);
        }
        Ok(tally.bytes() + body.len() as u64)
    }
}

async fn collect(
    stream: &mut (impl AsyncReadExt + Unpin),
    first: &[u8],
    length: usize,
) -> Result<u64, Failure> {
    let mut body = Vec::with_capacity(length);
    body.extend_from_slice(first);
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Err(CLOSED.into());
        }
    }
    Ok(body.len() as u64)
}

async fn fill(
    stream: &mut (impl AsyncReadExt + Unpin),
    buffer: &mut [u8],
) -> Result<usize, Failure> {
    match stream.read(buffer).await? {
        0 => Err(CLOSED.into()),
        count => Ok(count),
    }
}

const PAGE: usize = 4096;
/// In one write, at most.
const PIECES: usize = 16;

const CLOSED: &str = "the server closed the connection";
