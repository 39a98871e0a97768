//! A name server that answers as it is told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hickory_resolver::proto::op::{Message, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::CNAME;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

/// What the server has to say, and after how long.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) after: Duration,
    pub(crate) says: Says,
}

#[derive(Clone)]
pub(crate) enum Says {
    Addresses(Vec<IpAddr>),
    /// That it is another name for this one, and what is known of that.
    Alias(&'static str, Vec<IpAddr>),
    Code(ResponseCode),
    /// By UDP only that the answer is too long.
    TooLong(Vec<IpAddr>),
    /// The same, and by TCP this.
    TooLongAnd(Reception),
    Nothing,
}

/// What becomes of a question by TCP that is not answered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reception {
    Closed,
    Reset,
    Ignored,
}

impl Answer {
    pub(crate) fn addresses<const N: usize>(addrs: [&str; N]) -> Self {
        Says::Addresses(addrs.map(|addr| addr.parse().unwrap()).into()).into()
    }

    pub(crate) fn after(mut self, ms: u64) -> Self {
        self.after = Duration::from_millis(ms);
        self
    }
}

impl From<Says> for Answer {
    fn from(says: Says) -> Self {
        let after = Duration::ZERO;
        Self { after, says }
    }
}

impl From<ResponseCode> for Answer {
    fn from(code: ResponseCode) -> Self {
        Says::Code(code).into()
    }
}

/// A server on a port of its own, by UDP and TCP. Dropping it ends it with the runtime.
pub(crate) struct Server {
    pub(crate) addr: SocketAddr,
    zone: Arc<Zone>,
}

type Lookup = dyn Fn(&str, RecordType) -> Answer + Send + Sync;

struct Zone {
    lookup: Box<Lookup>,
    ttl: u32,
    asked: Mutex<Vec<(String, RecordType)>>,
}

impl Server {
    pub(crate) async fn start(
        lookup: impl Fn(&str, RecordType) -> Answer + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), 60, lookup).await
    }

    pub(crate) async fn start_at(
        addr: SocketAddr,
        ttl: u32,
        lookup: impl Fn(&str, RecordType) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let zone = Arc::new(Zone {
            lookup: Box::new(lookup),
            ttl,
            asked: Mutex::default(),
        });
        let (udp, tcp) = bind(addr).await;
        let addr = udp.local_addr().unwrap();
        tokio::spawn(serve_udp(udp, Arc::clone(&zone)));
        tokio::spawn(serve_tcp(tcp, Arc::clone(&zone)));
        Self { addr, zone }
    }

    /// The names that were asked for, without their dots at the end, by record type.
    pub(crate) fn asked(&self, family: RecordType) -> Vec<String> {
        let asked = self.zone.asked.lock().unwrap();
        let of_family = asked.iter().filter(|(_, asked)| *asked == family);
        of_family.map(|(name, _)| name.clone()).collect()
    }
}

/// Both sockets on one port. A port that is free for one may be taken for the other.
async fn bind(addr: SocketAddr) -> (UdpSocket, TcpListener) {
    for _ in 0..20 {
        let udp = UdpSocket::bind(addr).await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
    panic!("no port is free");
}

async fn serve_udp(socket: UdpSocket, zone: Arc<Zone>) {
    let socket = Arc::new(socket);
    let mut room = [0; 4096];
    while let Ok((len, client)) = socket.recv_from(&mut room).await {
        let question = Message::from_vec(&room[..len]).unwrap();
        let (socket, zone) = (Arc::clone(&socket), Arc::clone(&zone));
        tokio::spawn(async move {
            if let Reply::Message(answer) = zone.answer(&question, Road::Udp).await {
                socket.send_to(&answer, client).await.unwrap();
            }
        });
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Zone>) {
    while let Ok((socket, _)) = listener.accept().await {
        tokio::spawn(serve_connection(socket, Arc::clone(&zone)));
    }
}

async fn serve_connection(mut socket: TcpStream, zone: Arc<Zone>) -> io::Result<()> {
    loop {
        let mut question = vec![0; socket.read_u16().await?.into()];
        socket.read_exact(&mut question).await?;
        let question = Message::from_vec(&question).unwrap();
        match zone.answer(&question, Road::Tcp).await {
            Reply::Message(answer) => {
                socket.write_u16(answer.len().try_into().unwrap()).await?;
                socket.write_all(&answer).await?;
            }
            Reply::None(Reception::Closed) => return Ok(()),
            Reply::None(Reception::Reset) => return socket.set_zero_linger(),
            Reply::None(Reception::Ignored) => {}
        }
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Road {
    Udp,
    Tcp,
}

enum Reply {
    Message(Vec<u8>),
    None(Reception),
}

impl Zone {
    async fn answer(&self, question: &Message, road: Road) -> Reply {
        let query = &question.queries[0];
        let name = query.name().to_ascii().trim_end_matches('.').to_lowercase();
        let family = query.query_type();
        let told = (self.lookup)(&name, family);
        self.asked.lock().unwrap().push((name, family));
        tokio::time::sleep(told.after).await;

        let mut answer = Message::response(question.metadata.id, OpCode::Query);
        answer.metadata.recursion_available = true;
        answer.add_query(query.clone());
        match told.says {
            Says::Nothing => return Reply::None(Reception::Ignored),
            Says::Code(code) => answer.metadata.response_code = code,
            Says::TooLong(_) | Says::TooLongAnd(_) if road == Road::Udp => {
                answer.metadata.truncation = true;
            }
            Says::TooLongAnd(reception) => return Reply::None(reception),
            Says::Alias(target, addrs) => {
                let target = Name::from_ascii(target).unwrap();
                let alias = RData::CNAME(CNAME(target.clone()));
                answer.add_answer(Record::from_rdata(query.name().clone(), self.ttl, alias));
                answer.add_answers(addrs.into_iter().map(|addr| self.record(&target, addr)));
            }
            Says::Addresses(addrs) | Says::TooLong(addrs) => {
                let record = |addr| self.record(query.name(), addr);
                answer.add_answers(addrs.into_iter().map(record));
            }
        }
        Reply::Message(answer.to_vec().unwrap())
    }

    fn record(&self, name: &Name, addr: IpAddr) -> Record {
        Record::from_rdata(name.clone(), self.ttl, RData::from(addr))
    }
}
