//! Connections to name servers that come to nothing.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::proto::op::{Message, OpCode};
use hickory_resolver::proto::rr::{RData, Record};
use postrider_hickory::HickoryResolver;
use transport::{Families, Resolve};

use crate::server::{Reception, Says, Server};
use crate::support::{Piece, SOON, addresses, all, asking, both_families};

/// hickory does not tell one from another.
#[tokio::test]
async fn connections_that_fail_before_the_answer_are_told() {
    let closed = Server::start(|_, _| Says::TooLongAnd(Reception::Closed).into()).await;
    let reset = Server::start(|_, _| Says::TooLongAnd(Reception::Reset).into()).await;
    let nobody = listen().local_addr().unwrap();
    for addr in [closed.addr, reset.addr, nobody] {
        for piece in all(&asking_by_tcp(addr), "a.test").await {
            let error = piece.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Other);
            let text = "every connection to a name server failed";
            assert_eq!(error.to_string(), text);
        }
    }
}

/// hickory tells of this by words alone, so they have to be those that we look for.
#[tokio::test]
async fn a_connection_that_is_found_closed_with_a_question_waiting_is_told() {
    let listener = listen();
    let resolver = asking_by_tcp(listener.local_addr().unwrap());
    let (close, until_told) = mpsc::channel();
    let serving = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        answer_one(&mut socket).unwrap();
        until_told.recv().unwrap();
    });
    assert!(only_ipv4(&resolver, "a.test").await.is_ok());
    close.send(()).unwrap();
    // Holds up the runtime, so that it learns of the close with the next question on its way.
    serving.join().unwrap();
    tokio::task::yield_now().await;
    let error = only_ipv4(&resolver, "b.test").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "a name server closed the connection without an answer",
        "{error:?}"
    );
}

#[tokio::test]
async fn a_timeout_may_be_as_long_as_it_likes() {
    let server = Server::start(both_families).await;
    for timeout in [Duration::MAX, Duration::from_secs(u64::MAX / 2)] {
        let resolver = asking(&server).timeout(timeout).retries(usize::MAX);
        assert_eq!(addresses(&resolver, "a.test").await.len(), 2);
    }
}

#[tokio::test]
async fn where_no_server_is_named_the_error_says_so() {
    for piece in all(&HickoryResolver::from_servers([]), "a.test").await {
        let error = piece.unwrap_err();
        assert_eq!(error.to_string(), "there is no name server to ask");
    }
}

async fn only_ipv4(resolver: &HickoryResolver, name: &str) -> Piece {
    let mut answers = resolver.resolve_families(name, Families::OnlyIpv4);
    let answer = tokio::time::timeout(SOON, answers.next());
    answer.await.unwrap().unwrap()
}

fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn answer_one(socket: &mut TcpStream) -> io::Result<()> {
    let mut length = [0; 2];
    socket.read_exact(&mut length)?;
    let mut question = vec![0; u16::from_be_bytes(length).into()];
    socket.read_exact(&mut question)?;
    let question = Message::from_vec(&question).unwrap();
    let query = &question.queries[0];
    let mut answer = Message::response(question.metadata.id, OpCode::Query);
    answer.add_query(query.clone());
    let address = RData::from(IpAddr::from([192, 0, 2, 1]));
    answer.add_answers([Record::from_rdata(query.name().clone(), 60, address)]);
    let answer = answer.to_vec().unwrap();
    socket.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes())?;
    socket.write_all(&answer)
}

fn asking_by_tcp(addr: SocketAddr) -> HickoryResolver {
    let mut name_server = NameServerConfig::tcp(addr.ip());
    name_server.connections[0].port = addr.port();
    let config = ResolverConfig::from_name_servers(vec![name_server]);
    HickoryResolver::from_hickory(config, ResolverOpts::default()).retries(0)
}
