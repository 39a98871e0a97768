//! Connections that are dropped: one in ten answers is a connection's last, but its first request
//! is always answered.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::yield_now;

/// How the server drops a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Departure {
    /// It ends the connection right behind an answer.
    Fin,
    /// It resets the connection right behind an answer.
    Reset,
    /// It ends the connection up to 200 microseconds after an answer.
    LateFin,
    /// It reads the next request and ends the connection without an answer.
    Silence,
}

impl Departure {
    pub(crate) const ALL: [Self; 4] = [Self::Fin, Self::Reset, Self::LateFin, Self::Silence];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Reset => "reset",
            Self::LateFin => "late-fin",
            Self::Silence => "silence",
        }
    }

    /// Where connections are dropped so.
    pub(crate) fn path(self) -> String {
        format!("{PREFIX}{}", self.name())
    }

    pub(super) fn of(target: &[u8]) -> Option<Self> {
        let name = target.strip_prefix(PREFIX.as_bytes())?;
        let mut all = Self::ALL.into_iter();
        all.find(|known| known.name().as_bytes() == name)
    }
}

/// Bytes in the body of every answer here.
pub(crate) const BODY: u64 = 2;

/// Numbers the connections; the number is the seed of a connection's chance.
#[derive(Default)]
pub(super) struct Drops(AtomicU64);

impl Drops {
    /// Serves a connection whose first request was read, until it is dropped or the client goes.
    pub(super) async fn serve(&self, mut stream: TcpStream, how: Departure) -> std::io::Result<()> {
        let mut chance = Chance(self.0.fetch_add(1, Ordering::Relaxed));
        let mut buffer = vec![0; 4096];
        loop {
            stream.write_all(ANSWER).await?;
            let is_doomed = chance.below(10) == 0;
            if is_doomed && how != Departure::Silence {
                return depart(&stream, how, &mut chance).await;
            }
            if !read_request(&mut stream, &mut buffer).await? || is_doomed {
                return Ok(());
            }
        }
    }
}

async fn depart(stream: &TcpStream, how: Departure, chance: &mut Chance) -> std::io::Result<()> {
    match how {
        Departure::Reset => stream.set_zero_linger()?,
        Departure::LateFin => spin(Duration::from_micros(chance.below(201))).await,
        Departure::Fin | Departure::Silence => {}
    }
    Ok(())
}

/// Whether there was one more.
async fn read_request(stream: &mut TcpStream, buffer: &mut [u8]) -> std::io::Result<bool> {
    let mut filled = 0;
    while !buffer[..filled].ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Ok(false),
            count => filled += count,
        }
    }
    Ok(true)
}

/// Shorter than tokio's timer can measure.
async fn spin(time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        yield_now().await;
    }
}

/// Chance that is the same in every run: splitmix64.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

const PREFIX: &str = "/drops/";

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::thread;

    use tokio::net::TcpListener;
    use tokio::runtime::Builder;

    use super::{ANSWER, Chance, Departure, Drops};

    #[test]
    fn the_way_of_dropping_stands_in_the_path() {
        for how in Departure::ALL {
            assert_eq!(Departure::of(how.path().as_bytes()), Some(how));
        }
        assert_eq!(Departure::of(b"/drops/never"), None);
        assert_eq!(Departure::of(b"/small"), None);
    }

    #[test]
    fn one_in_ten_is_dropped_whatever_the_connections_number() {
        let doomed = |draw: u64| Chance(draw).below(10) == 0;
        let first = (0..10_000).filter(|&seed| doomed(seed)).count();
        assert!((900..1100).contains(&first), "{first}");

        let mut chance = Chance(0);
        let later = (0..10_000).filter(|_| chance.below(10) == 0).count();
        assert!((900..1100).contains(&later), "{later}");
    }

    #[test]
    fn every_connection_is_dropped_in_the_end_but_its_first_request_answered() {
        let runtime = Builder::new_current_thread().enable_io().build().unwrap();
        for how in Departure::ALL {
            let answers = runtime.block_on(answers_before_the_drop(how));
            assert!((1..500).contains(&answers), "{how:?}: {answers}");
        }
    }

    async fn answers_before_the_drop(how: Departure) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = thread::spawn(move || ask_until_dropped(&mut TcpStream::connect(addr)?));
        let (stream, _) = listener.accept().await.unwrap();
        Drops::default().serve(stream, how).await.unwrap();
        client.join().unwrap().unwrap()
    }

    /// Gives the number of whole answers. The first comes unasked: whoever calls `serve` has read
    /// its request.
    fn ask_until_dropped(stream: &mut TcpStream) -> std::io::Result<usize> {
        let mut answer = [0; ANSWER.len()];
        for answers in 0.. {
            if stream.read_exact(&mut answer).is_err() {
                return Ok(answers);
            }
            // Where it was dropped already, the next read tells.
            let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n");
        }
        unreachable!("the range has no end")
    }
}
