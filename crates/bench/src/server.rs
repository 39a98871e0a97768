//! The server: one thread, fixed answers, as little parsing as can be.

pub(crate) mod crowd;
pub(crate) mod drops;

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::Failure;
use crate::memory;
use crate::scenario;
use crate::server::crowd::Crowds;
use crate::server::drops::{Departure, Drops};

/// What the server answers.
struct Answers {
    /// By path.
    fixed: Vec<(&'static str, Bytes)>,
    crowds: Crowds,
    drops: Drops,
}

impl Answers {
    async fn to(&self, target: &[u8]) -> &[u8] {
        let mut fixed = self.fixed.iter();
        match fixed.find(|(path, _)| path.as_bytes() == target) {
            Some((_, answer)) => answer,
            None => self.crowds.answer(target).await.unwrap_or(NOT_FOUND),
        }
    }
}

/// Serves every case of every scenario until standard input ends; its first line of output is its
/// address.
pub(crate) fn run() -> Result<(), Failure> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    memory::raise_descriptors()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(listen())
}

async fn listen() -> Result<(), Failure> {
    let fixed = scenario::all()
        .iter()
        .flat_map(|scenario| &scenario.cases)
        .map(|case| (case.path, (case.answer)()))
        .collect();
    let answers = Arc::new(Answers {
        fixed,
        crowds: Crowds::default(),
        drops: Drops::default(),
    });
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // A client that goes in the middle of an answer is no matter of the server's.
            let _ = serve(stream, &answers).await;
        });
    }
}

async fn serve(mut stream: TcpStream, answers: &Answers) -> std::io::Result<()> {
    let mut buffer = vec![0; 4096];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        // No client here sends a request behind another that is not answered yet.
        if !buffer[..filled].ends_with(b"\r\n\r\n") {
            continue;
        }
        let target = target(&buffer[..filled]).unwrap_or_default();
        if let Some(how) = Departure::of(target) {
            return answers.drops.serve(stream, how).await;
        }
        stream.write_all(answers.to(target).await).await?;
        filled = 0;
    }
}

/// The second word of the first line.
fn target(request: &[u8]) -> Option<&[u8]> {
    request.split(|&byte| byte == b' ').nth(1)
}

/// Thousands may come at once; the system takes as many of it as it allows.
const BACKLOG: u32 = 16_384;

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
