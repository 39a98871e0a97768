use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Client;
use crate::Failure;
use crate::load::{Load, Worker};
use crate::probe::Sample;

/// No client at all: the limit.
pub(super) const CLIENT: Client = Client {
    name: "bare",
    settings: "tokio TcpStream, one a worker; fixed request bytes, the least scan that finds the \
               response's end, body into a buffer that is used again; TCP_NODELAY",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let mut workers = Vec::new();
        for _ in 0..load.in_flight {
            workers.push(Bare::connect(load).await?);
        }
        load.drive(workers).await
    })
}

struct Bare {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
    body: Vec<u8>,
}

impl Bare {
    async fn connect(load: &Load) -> Result<Self, Failure> {
        let stream = TcpStream::connect(load.addr).await?;
        stream.set_nodelay(true)?;
        let (path, addr) = (&load.path, load.addr);
        Ok(Self {
            stream,
            request: format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\naccept: */*\r\n\r\n").into(),
            buffer: vec![0; 64 * 1024],
            body: Vec::new(),
        })
    }

    async fn read(&mut self) -> Result<&[u8], Failure> {
        match self.stream.read(&mut self.buffer).await? {
            0 => Err("the server closed the connection".into()),
            count => Ok(&self.buffer[..count]),
        }
    }
}

impl Worker for Bare {
    async fn get(&mut self) -> Result<usize, Failure> {
        self.stream.write_all(&self.request).await?;
        self.body.clear();
        let mut body = std::mem::take(&mut self.body);
        let read = self.read().await?;
        // Our server's heads are shorter than any first read.
        let end = head_end(read).ok_or("a head in more than one read")?;
        let (head, rest) = read.split_at(end);
        let mut rest_of = match content_length(head) {
            Some(length) => Rest::Bytes(length),
            None => Rest::Size(0),
        };
        rest_of.take(rest, &mut body);
        while !rest_of.is_over() {
            let read = self.read().await?;
            rest_of.take(read, &mut body);
        }
        self.body = body;
        Ok(self.body.len())
    }
}

/// What of the body is still to come, in any framing.
enum Rest {
    /// So many bytes, then nothing.
    Bytes(usize),
    /// A chunk's size, as far as it was read.
    Size(usize),
    /// So many bytes of a chunk.
    Chunk(usize),
    /// So many bytes of a line's end, behind a chunk's data.
    ChunkEnd(usize),
    /// So many bytes of the line's end behind the last chunk.
    LastEnd(usize),
}

impl Rest {
    fn is_over(&self) -> bool {
        matches!(self, Self::Bytes(0) | Self::LastEnd(0))
    }

    fn take(&mut self, mut read: &[u8], body: &mut Vec<u8>) {
        while !read.is_empty() && !self.is_over() {
            match self {
                Self::Bytes(left) => {
                    let (data, rest) = read.split_at(read.len().min(*left));
                    body.extend_from_slice(data);
                    *left -= data.len();
                    read = rest;
                }
                Self::Chunk(left) => {
                    let (data, rest) = read.split_at(read.len().min(*left));
                    body.extend_from_slice(data);
                    *left -= data.len();
                    if *left == 0 {
                        *self = Self::ChunkEnd(2);
                    }
                    read = rest;
                }
                Self::Size(size) => {
                    match (read[0], *size) {
                        (b'\r', _) => {}
                        (b'\n', 0) => *self = Self::LastEnd(2),
                        (b'\n', size) => *self = Self::Chunk(size),
                        (digit, _) => *size = *size << 4 | hex(digit),
                    }
                    read = &read[1..];
                }
                Self::ChunkEnd(left) | Self::LastEnd(left) => {
                    let (end, rest) = read.split_at(read.len().min(*left));
                    *left -= end.len();
                    if matches!(self, Self::ChunkEnd(0)) {
                        *self = Self::Size(0);
                    }
                    read = rest;
                }
            }
        }
    }
}

fn hex(digit: u8) -> usize {
    usize::from(match digit {
        b'0'..=b'9' => digit - b'0',
        digit => (digit | 0x20) - b'a' + 10,
    })
}

fn head_end(read: &[u8]) -> Option<usize> {
    find(read, b"\r\n\r\n").map(|at| at + 4)
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\r\nContent-Length: ";
    let digits = &head[find(head, NAME)? + NAME.len()..];
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit());
    Some(digits.fold(0, |length, &digit| length * 10 + usize::from(digit - b'0')))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|at| at == needle)
}

#[cfg(test)]
mod tests {
    use super::{Rest, content_length, head_end};
    use crate::scenario;

    #[test]
    fn every_answer_is_read_to_its_end_at_any_split() {
        let scenarios = scenario::all();
        for case in scenarios.iter().flat_map(|scenario| &scenario.cases) {
            let answer = (case.answer)();
            let (head, framed) = answer.split_at(head_end(&answer).unwrap());
            for piece in [1, 7, 4096, framed.len()] {
                let mut body = Vec::new();
                let mut rest = content_length(head).map_or(Rest::Size(0), Rest::Bytes);
                for read in framed.chunks(piece) {
                    assert!(!rest.is_over(), "{}: over too early", case.name);
                    rest.take(read, &mut body);
                }
                assert!(rest.is_over(), "{}: not over", case.name);
                assert_eq!(body, vec![b'x'; case.body], "{}", case.name);
            }
        }
    }
}
