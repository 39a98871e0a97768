//! The options of sockets: families, addresses of our own, and what the kernel
//! is told.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider::{Client, ConnectErrorKind, ErrorKind, Keepalive, Phase};
use socket2::SockRef;
use testing::Server;

use super::{always, closing, failure, get};

#[tokio::test]
async fn one_family_can_be_all_that_is_used() {
    let four = Server::start(always("four"));
    let six = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let both = || Client::builder().resolve("api.test", [six.addr(), four.addr()]);
    let only_four = both().connector(|connector| connector.only_ipv4());
    let only_six = both().connector(|connector| connector.only_ipv6());
    let (only_four, only_six) = (only_four.build().unwrap(), only_six.build().unwrap());
    for (client, text) in [(&only_four, "four"), (&only_six, "six")] {
        assert_eq!(get(client, "http://api.test/").await.unwrap(), text);
    }

    // That goes for addresses in URLs, too.
    for (client, url) in [(only_four, six.url("/")), (only_six, four.url("/"))] {
        client.close_idle();
        let error = failure(&client, &url).await;
        assert_eq!(error.kind(), ErrorKind::Resolve);
        assert_eq!(error.connect_kind(), Some(ConnectErrorKind::NoAddress));
        let text = "the answer holds no address that may be used";
        assert!(error.to_string().ends_with(text), "{error}");
    }
}

#[tokio::test]
async fn the_server_sees_the_address_that_we_connect_from() {
    let four = Server::start(always("four"));
    let six = Server::start_on((Ipv6Addr::LOCALHOST, 0).into(), always("six"));
    let ours = IpAddr::from([127, 0, 0, 5]);
    let client = Client::builder()
        .connector(|connector| connector.local_address(ours))
        .resolve("api.test", [six.addr(), four.addr()])
        .build()
        .unwrap();
    // Its family is all that can be reached from it.
    let response = client.get("http://api.test/").send().await.unwrap();
    let seen = four.peer(0).addr.unwrap();
    assert_eq!(seen.ip(), ours);
    assert_eq!(response.connection().local_addr(), Some(seen));
    assert_eq!(six.connections(), 0);

    // An address that is not ours.
    let foreign = Client::builder()
        .connector(|connector| connector.local_address([192, 0, 2, 1].into()))
        .build()
        .unwrap();
    let error = failure(&foreign, &four.url("/")).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    let text = error.to_string();
    assert!(text.contains("Cannot assign requested address"), "{text}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interface_can_be_all_that_is_used() {
    let server = Server::start(always("here"));
    let through = |name: &'static str| {
        Client::builder()
            .connector(move |connector| connector.interface(name))
            .build()
            .unwrap()
    };
    assert_eq!(get(&through("lo"), &server.url("/")).await.unwrap(), "here");

    let error = failure(&through("none0"), &server.url("/")).await;
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert!(error.to_string().contains("No such device"), "{error}");
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

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_is_asked_of_the_kernel_is_what_it_holds() {
    type Seen = Arc<Mutex<Vec<(SocketAddr, Held, usize, usize)>>>;
    let server = Server::start(closing("here"));
    let seen = Seen::default();
    let hook = |seen: &Seen| {
        let seen = Arc::clone(seen);
        move |socket: std::os::fd::BorrowedFd<'_>, addr: SocketAddr| {
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

#[tokio::test]
async fn a_hook_can_refuse_an_address_in_its_own_words() {
    let (bad, good) = (
        Server::start(always("bad")),
        Server::start_on(([127, 0, 0, 2], 0).into(), always("good")),
    );
    let client = Client::builder()
        .connector(|connector| {
            connector.socket_hook(|_, addr| match addr.ip() {
                IpAddr::V4(Ipv4Addr::LOCALHOST) => Err(io::Error::other("not that one")),
                _ => Ok(()),
            })
        })
        .resolve("both.test", [bad.addr(), good.addr()])
        .build()
        .unwrap();
    assert_eq!(get(&client, "http://both.test/").await.unwrap(), "good");
    client.close_idle();

    let error = failure(&client, &bad.url("/")).await;
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert!(error.to_string().contains("not that one"), "{error}");
    assert_eq!(bad.connections(), 0);
}

#[tokio::test]
async fn a_hook_that_panics_fails_its_own_requests_only() {
    let (bad, good) = (
        Server::start(always("bad")),
        Server::start_on(([127, 0, 0, 2], 0).into(), always("good")),
    );
    let client = Client::builder()
        .connector(|connector| {
            connector.socket_hook(|_, addr| {
                assert_ne!(addr.ip(), Ipv4Addr::LOCALHOST, "no!");
                Ok(())
            })
        })
        .build()
        .unwrap();
    for _ in 0..2 {
        let error = failure(&client, &bad.url("/")).await;
        assert!(error.is_connect());
        assert!(error.to_string().contains("panicked"), "{error}");
        assert_eq!(get(&client, &good.url("/")).await.unwrap(), "good");
        client.close_idle();
    }
}
