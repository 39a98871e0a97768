//! Where the server listens, and who came in.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::{HandshakeKind, ServerConfig};
use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Answers, Next, Rest, serve};
use crate::Failure;
use crate::load::Road;
use crate::memory;
use crate::scenario::Door;
use crate::tls::Identity;

/// The server's first line of output, as JSON.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Doors {
    pub(crate) plain: SocketAddr,
    /// This port is open on all loopback addresses.
    everywhere: SocketAddr,
    tls: SocketAddr,
    forgetful: SocketAddr,
    certificate: Vec<u8>,
}

impl Doors {
    /// Of a server that has no others.
    pub(crate) fn only_plain(plain: SocketAddr) -> Self {
        Self {
            plain,
            everywhere: plain,
            tls: plain,
            forgetful: plain,
            certificate: Vec::new(),
        }
    }

    pub(crate) fn addr(&self, door: Door) -> SocketAddr {
        match door {
            Door::Plain => self.plain,
            Door::Everywhere => self.everywhere,
            Door::Tls => self.tls,
            Door::Forgetful => self.forgetful,
        }
    }

    pub(crate) fn road(&self, door: Door) -> Road {
        match door {
            Door::Plain | Door::Everywhere => Road::Tcp,
            Door::Tls | Door::Forgetful => Road::Tls {
                certificate: self.certificate.clone(),
            },
        }
    }
}

/// Serves every case of every scenario until standard input ends.
pub(crate) fn run(rest: Rest) -> Result<(), Failure> {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    memory::raise_descriptors()?;
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(open(rest))
}

async fn open(rest: Rest) -> Result<(), Failure> {
    let identity = Identity::new()?;
    let [plain, beside @ ..] = listen_for_crowds()?;
    let everywhere = listen(Ipv4Addr::UNSPECIFIED)?;
    let tls = listen(Ipv4Addr::LOCALHOST)?;
    let forgetful = listen(Ipv4Addr::LOCALHOST)?;
    let doors = Doors {
        plain: plain.local_addr()?,
        everywhere: everywhere.local_addr()?,
        tls: tls.local_addr()?,
        forgetful: forgetful.local_addr()?,
        certificate: identity.certificate.clone(),
    };
    println!("{}", serde_json::to_string(&doors)?);
    std::io::stdout().flush()?;

    tokio::spawn(rest.keep());
    let answers = Arc::new(Answers::new());
    tokio::spawn(keep_tls(tls, identity.remembering()?, Arc::clone(&answers)));
    tokio::spawn(keep_tls(
        forgetful,
        identity.forgetful()?,
        Arc::clone(&answers),
    ));
    tokio::spawn(keep_plain(everywhere, Arc::clone(&answers)));
    for listener in beside {
        tokio::spawn(keep_plain(listener, Arc::clone(&answers)));
    }
    Ok(keep_plain(plain, answers).await?)
}

fn listen(ip: Ipv4Addr) -> Result<TcpListener, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((ip, 0).into())?;
    Ok(socket.listen(BACKLOG)?)
}

/// Several at one port, as a crowd comes faster than it is accepted, and Linux lets no more than
/// 4,096 wait at each: those beyond are refused in the end.
fn listen_for_crowds() -> Result<[TcpListener; 4], Failure> {
    let at = |port| -> Result<TcpListener, Failure> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseport(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, port).into())?;
        Ok(socket.listen(BACKLOG)?)
    };
    let first = at(0)?;
    let port = first.local_addr()?.port();
    Ok([first, at(port)?, at(port)?, at(port)?])
}

async fn accept(listener: &TcpListener, answers: &Answers) -> std::io::Result<TcpStream> {
    loop {
        let (stream, peer) = listener.accept().await?;
        if peer.ip().is_loopback() {
            answers.counts.accepted.fetch_add(1, Ordering::Relaxed);
            stream.set_nodelay(true)?;
            return Ok(stream);
        }
    }
}

async fn keep_plain(listener: TcpListener, answers: Arc<Answers>) -> std::io::Result<()> {
    loop {
        let mut stream = accept(&listener, &answers).await?;
        let answers = Arc::clone(&answers);
        tokio::spawn(async move {
            // A client that goes in the middle of an answer is no matter of the server's.
            if let Ok(Next::Dropped(how)) = serve(&mut stream, &answers).await {
                let _ = answers.drops.serve(stream, how).await;
            }
        });
    }
}

async fn keep_tls(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    answers: Arc<Answers>,
) -> std::io::Result<()> {
    let acceptor = TlsAcceptor::from(config);
    loop {
        let stream = accept(&listener, &answers).await?;
        let (acceptor, answers) = (acceptor.clone(), Arc::clone(&answers));
        tokio::spawn(async move {
            let mut stream = acceptor.accept(stream).await?;
            answers
                .counts
                .handshake(stream.get_ref().1.handshake_kind());
            serve(&mut stream, &answers).await.map(|_| ())
        });
    }
}

/// Who came in.
#[derive(Default)]
pub(super) struct Counts {
    accepted: AtomicU64,
    full: AtomicU64,
    resumed: AtomicU64,
}

/// What of it is told at [`COUNTS_PATH`].
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Arrivals {
    pub(crate) accepted: u64,
    pub(crate) full: u64,
    pub(crate) resumed: u64,
}

pub(crate) const COUNTS_PATH: &str = "/counts";

impl Counts {
    fn handshake(&self, kind: Option<HandshakeKind>) {
        let counter = match kind {
            Some(HandshakeKind::Resumed) => &self.resumed,
            _ => &self.full,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn answer(&self) -> Vec<u8> {
        let arrivals = Arrivals {
            accepted: self.accepted.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
            resumed: self.resumed.load(Ordering::Relaxed),
        };
        let body = serde_json::to_string(&arrivals).unwrap_or_default();
        let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length";
        format!("{head}: {}\r\n\r\n{body}", body.len()).into()
    }
}

impl Arrivals {
    /// What came since then.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            accepted: self.accepted - before.accepted,
            full: self.full - before.full,
            resumed: self.resumed - before.resumed,
        }
    }
}

/// Thousands may come at once; the system takes as many of it as it allows.
const BACKLOG: u32 = 16_384;
