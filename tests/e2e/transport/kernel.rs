//! What Linux is told of sockets, read back from it.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider::{Client, ConnectErrorKind, ErrorKind, Keepalive};
use socket2::SockRef;
use testing::Server;

use super::{always, closing, failure, get};

#[tokio::test]
async fn an_interface_can_be_all_that_is_used() {
    let server = Server::start(always("here"));
    let through = |name: &str| {
        Client::builder()
            .connector(|connector| connector.interface(name))
            .build()
            .unwrap()
    };
    assert_eq!(get(&through("lo"), &server.url("/")).await.unwrap(), "here");

    // The kernel itself would take the second for no name at all, the third for `lo`.
    for name in ["none0", "", "lo\0x", &"l".repeat(16)] {
        let error = failure(&through(name), &server.url("/")).await;
        assert_eq!(error.kind(), ErrorKind::Connect);
        let kind = ConnectErrorKind::NoInterface;
        assert_eq!(error.connect_kind(), Some(kind));
        let (url, addr) = (server.url("/"), server.addr());
        assert_eq!(
            error.to_string(),
            format!("GET {url}: could not connect to {addr}: no such interface: {name:?}")
        );
    }
    assert_eq!(server.connections(), 1);
}

/// What the kernel holds of a socket just before it is connected.
#[derive(Debug, PartialEq)]
struct Held {
    nodelay: bool,
    keepalive: Option<(Duration, Duration, u32)>,
    user_timeout: Option<Duration>,
}

fn held(socket: &SockRef<'_>) -> io::Result<Held> {
    let keepalive = match socket.keepalive()? {
        true => Some((
            socket.tcp_keepalive_time()?,
            socket.tcp_keepalive_interval()?,
            socket.tcp_keepalive_retries()?,
        )),
        false => None,
    };
    Ok(Held {
        nodelay: socket.tcp_nodelay()?,
        keepalive,
        user_timeout: socket.tcp_user_timeout()?,
    })
}

#[tokio::test]
async fn what_is_asked_of_the_kernel_is_what_it_holds() {
    type Seen = Arc<Mutex<Vec<(SocketAddr, Held, usize, usize)>>>;
    let server = Server::start(closing("here"));
    let seen = Seen::default();
    let hook = |seen: &Seen| {
        let seen = Arc::clone(seen);
        move |socket: BorrowedFd<'_>, addr: SocketAddr| {
            let socket = SockRef::from(&socket);
            let (send, receive) = (socket.send_buffer_size()?, socket.recv_buffer_size()?);
            let entry = (addr, held(&socket)?, send, receive);
            seen.lock().unwrap().push(entry);
            Ok(())
        }
    };
    let plain = hook(&seen);
    let plain = Client::builder().connector(|connector| connector.socket_hook(plain));
    get(&plain.build().unwrap(), &server.url("/"))
        .await
        .unwrap();

    let (secs, all) = (Duration::from_secs, hook(&seen));
    let all = Client::builder().connector(|connector| {
        connector
            .nodelay(false)
            .keepalive(Keepalive::new(secs(30), secs(7), 4))
            .user_timeout(secs(20))
            .send_buffer(20_000)
            .receive_buffer(30_000)
            .socket_hook(all)
    });
    get(&all.build().unwrap(), &server.url("/")).await.unwrap();

    let seen = seen.lock().unwrap();
    let [(_, by_default, ..), (addr, asked, send, receive)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(*addr, server.addr());
    let none = Held {
        nodelay: true,
        keepalive: None,
        user_timeout: None,
    };
    assert_eq!(*by_default, none);
    let every = Held {
        nodelay: false,
        keepalive: Some((secs(30), secs(7), 4)),
        user_timeout: Some(secs(20)),
    };
    assert_eq!(*asked, every);
    // Linux gives twice what is asked for, for its own books.
    assert_eq!((*send, *receive), (40_000, 60_000));
}
