//! A server that drops one in ten of its kept-alive connections, and never a
//! connection's first request.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::task::yield_now;

use crate::chance::Chance;

/// How the server drops a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Departure {
    /// It ends the connection right behind a response.
    Fin,
    /// It resets the connection right behind a response.
    Reset,
    /// It ends the connection up to 200 microseconds after a response.
    LateFin,
    /// It reads the next request and ends the connection without an answer.
    Silence,
}

/// The server, on a thread and a runtime of its own, so that it races the
/// client in earnest. It ends with the value.
pub(crate) struct Flaky {
    pub(crate) addr: SocketAddr,
    journal: Arc<Journal>,
    _end: oneshot::Sender<()>,
}

/// What the server has seen.
#[derive(Default)]
struct Journal {
    /// How often each request came here whole, by its path.
    processed: Mutex<HashMap<String, usize>>,
    drops: Mutex<usize>,
}

impl Flaky {
    pub(crate) fn start(how: Departure) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let journal = Arc::new(Journal::default());
        let (end, ended) = oneshot::channel();
        let seen = Arc::clone(&journal);
        thread::spawn(move || {
            let runtime = runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = serve(listener, how, seen) => {}
                    _ = ended => {}
                }
            });
        });
        Self {
            addr,
            journal,
            _end: end,
        }
    }

    /// How often each request was processed, by its path.
    pub(crate) fn processed(&self) -> HashMap<String, usize> {
        self.journal.processed.lock().unwrap().clone()
    }

    /// How many connections were dropped.
    pub(crate) fn drops(&self) -> usize {
        *self.journal.drops.lock().unwrap()
    }
}

async fn serve(listener: TcpListener, how: Departure, journal: Arc<Journal>) {
    for seed in 1.. {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let journal = Arc::clone(&journal);
        tokio::spawn(async move {
            let mut chance = Chance(seed);
            // A client that goes away is none of this server's business.
            let _ = serve_one(stream, how, &mut chance, &journal).await;
        });
    }
}

async fn serve_one(
    mut stream: TcpStream,
    how: Departure,
    chance: &mut Chance,
    journal: &Journal,
) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    let mut is_first = true;
    while let Some(path) = read_request(&mut stream, &mut buffer).await? {
        *journal.processed.lock().unwrap().entry(path).or_default() += 1;
        let is_doomed = chance.below(10) == 0;
        if is_doomed && !is_first && matches!(how, Departure::Silence) {
            *journal.drops.lock().unwrap() += 1;
            return Ok(());
        }
        is_first = false;
        stream.write_all(ANSWER).await?;
        if is_doomed && !matches!(how, Departure::Silence) {
            *journal.drops.lock().unwrap() += 1;
            match how {
                Departure::Reset => stream.set_zero_linger()?,
                Departure::LateFin => spin(Duration::from_micros(chance.below(201))).await,
                Departure::Fin | Departure::Silence => {}
            }
            return Ok(());
        }
    }
    Ok(())
}

/// Reads one whole request and gives its path; `None` at the end.
async fn read_request(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> std::io::Result<Option<String>> {
    loop {
        if let Some((path, length)) = parse(buffer) {
            buffer.drain(..length);
            return Ok(Some(path));
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// The path and the length of a request, once all of it is here.
fn parse(buffer: &[u8]) -> Option<(String, usize)> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&buffer[..end]).unwrap();
    let body = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |value| value.parse::<usize>().unwrap());
    let path = head.split(' ').nth(1).unwrap();
    (buffer.len() >= end + body).then(|| (path.to_owned(), end + body))
}

/// Shorter than tokio's timer can measure.
async fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        yield_now().await;
    }
}

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
