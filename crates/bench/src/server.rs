//! The server: one thread, fixed answers, as little parsing as can be.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Failure;
use crate::scenario;

/// Every path the server knows, with its answer.
type Answers = Vec<(&'static str, Bytes)>;

/// Serves every case of every scenario until standard input ends; its first line of output is its
/// address.
pub(crate) fn run() -> Result<(), Failure> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(listen())
}

async fn listen() -> Result<(), Failure> {
    let answers: Arc<Answers> = Arc::new(
        scenario::all()
            .iter()
            .flat_map(|scenario| &scenario.cases)
            .map(|case| (case.path, (case.answer)()))
            .collect(),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
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
        let answer = target(&buffer[..filled])
            .and_then(|target| answers.iter().find(|(path, _)| path.as_bytes() == target))
            .map_or(NOT_FOUND, |(_, answer)| answer);
        stream.write_all(answer).await?;
        filled = 0;
    }
}

/// The second word of the first line.
fn target(request: &[u8]) -> Option<&[u8]> {
    request.split(|&byte| byte == b' ').nth(1)
}

const NOT_FOUND: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
