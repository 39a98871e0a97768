//! Requests whose time is over while a connection is being made for them: what
//! they tell of how far that had come.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use postrider::{Answers, Client, ClientBuilder, ConnectErrorKind, Error, ErrorKind, Phase};
use socket2::{Domain, SockAddr, Socket, Type};
use testing::{Authority, MemoryStream, Script, Server};

use super::{Asking, closed_port};
use crate::support::{builder_of, poll_at_most, tls_builder_of, until};

const SECOND: Duration = Duration::from_secs(1);

fn unconnected() -> ClientBuilder {
    Client::builder().connect_with(|_| pending::<io::Result<MemoryStream>>())
}

/// A listener that nobody accepts from and whose queue is full: what comes next
/// is never answered.
pub(super) struct BlackHole {
    pub(super) addr: SocketAddr,
    _sockets: Vec<Socket>,
}

impl BlackHole {
    pub(super) fn dig() -> Self {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let listener = socket();
        let any = SockAddr::from(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        listener.bind(&any).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut sockets = vec![listener];
        for _ in 0..4 {
            let filler = socket();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&addr);
            sockets.push(filler);
        }
        Self {
            addr: addr.as_socket().unwrap(),
            _sockets: sockets,
        }
    }
}

#[track_caller]
fn assert_told(error: &Error, phase: Phase, text: &str) {
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, phase));
    assert!(error.is_timeout() && error.is_connect() && error.is_retry_safe());
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn every_address_is_told_that_was_tried_and_is_being_tried() {
    let refusing = closed_port();
    let silent = BlackHole::dig();
    let client = Client::builder()
        .timeout(Duration::from_millis(400))
        .resolve("api.test", [refusing, silent.addr])
        .build()
        .unwrap();
    let began = Instant::now();
    let error = client.get("http://api.test/").send().await.unwrap_err();
    assert!(began.elapsed() < 2 * SECOND);
    let [first, second] = error.attempts() else {
        panic!("{error}");
    };
    assert_eq!((first.addr, second.addr), (refusing, silent.addr));
    let kinds = [first, second].map(|it| it.error.as_ref().unwrap().kind());
    let expected = [io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut];
    assert_eq!(kinds, expected);
    let text = format!(
        "GET http://api.test/: connecting: timed out: the request's 400ms are over ({first}, {second})"
    );
    assert_told(&error, Phase::Connect, &text);
    assert!(text.contains(&format!(
        "{refusing}: Connection refused (os error 111) after "
    )));
    assert!(text.contains(&format!("{}: timed out after ", silent.addr)));
    let phase = postrider::ConnectPhase::Connect;
    assert_eq!(
        error.connect_kind(),
        Some(ConnectErrorKind::TimedOut { phase })
    );
}

/// The pool goes on with a dial whose request has gone. Whoever comes next waits
/// for that one, and is told of it.
#[tokio::test]
async fn a_dial_begun_for_a_request_that_has_gone_is_told_to_the_next() {
    let silent = BlackHole::dig();
    let client = Client::builder()
        .timeout(Duration::from_millis(200))
        .resolve("api.test", [silent.addr])
        .build()
        .unwrap();
    // Given up before its dial's task has begun.
    let mut hasty = Box::pin(client.get("http://api.test/").send());
    assert!(poll_at_most(1, hasty.as_mut()).await.is_none());
    drop(hasty);
    for _ in 0..3 {
        let error = client.get("http://api.test/").send().await.unwrap_err();
        let [attempt] = error.attempts() else {
            panic!("{error}");
        };
        let text = format!(
            "GET http://api.test/: waiting for a connection: \
             timed out: the request's 200ms are over ({attempt})"
        );
        assert_eq!((error.phase(), error.to_string()), (Phase::Acquire, text));
        assert_eq!(attempt.addr, silent.addr);
        assert_eq!(client.stats().counters.dials, 1);
    }
    let request = client.get("http://api.test/");
    let request = request.acquire_timeout(Duration::from_millis(50));
    let error = request.send().await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "GET http://api.test/: waiting for a connection: \
             timed out: none was free for 50ms ({attempt})"
        )
    );
}

/// So it is with a dial that was begun to warm the client up.
#[tokio::test]
async fn a_dial_begun_by_a_warming_that_was_given_up_is_told_to_the_next() {
    let silent = BlackHole::dig();
    let client = Client::builder()
        .resolve("api.test", [silent.addr])
        .build()
        .unwrap();
    let short = Duration::from_millis(100);
    let warming = client.warm("http://api.test/", 1);
    assert!(tokio::time::timeout(short, warming).await.is_err());
    let request = client.get("http://api.test/").timeout(short);
    let error = request.send().await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    assert_eq!(attempt.addr, silent.addr);
    let text = format!(
        "GET http://api.test/: waiting for a connection: \
         timed out: the request's 100ms are over ({attempt})"
    );
    assert_eq!((error.phase(), error.to_string()), (Phase::Acquire, text));
    assert_eq!(client.stats().counters.dials, 1);
}

/// A warming holds the only connection: whoever it keeps waiting is told of it.
#[tokio::test]
async fn whoever_a_warming_holds_back_is_told_of_its_dial() {
    let silent = BlackHole::dig();
    let client = Client::builder()
        .resolve("api.test", [silent.addr])
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let mut warming = Box::pin(client.warm("http://api.test/", 1));
    assert!(poll_at_most(1, warming.as_mut()).await.is_none());
    let request = client.get("http://api.test/");
    let error = request.timeout(Duration::from_millis(100)).send().await;
    let error = error.unwrap_err();
    assert_eq!(error.attempts().len(), 1, "{error}");
    assert_eq!(error.phase(), Phase::Acquire);
}

/// The first in line is served by whatever comes first, also by the dial that
/// was begun for the second.
#[tokio::test(start_paused = true)]
async fn whose_dial_has_served_another_is_connecting_still() {
    let server = Arc::new(Server::in_memory([Script::new().read_request().stall()]));
    let dials = AtomicUsize::new(0);
    let client = Client::builder()
        .connect_with(move |_| {
            let server = (dials.fetch_add(1, Relaxed) == 1).then(|| Arc::clone(&server));
            async move {
                match server {
                    Some(server) => Ok(server.connect()),
                    None => pending().await,
                }
            }
        })
        .acquire_timeout(SECOND)
        .build()
        .unwrap();
    let _first = tokio::spawn(client.get("http://a.test/1").send());
    let second = client.get("http://a.test/2").timeout(3 * SECOND).send();
    let error = tokio::spawn(second).await.unwrap().unwrap_err();
    assert_eq!(client.stats().totals.lent, 1);
    let text = "GET http://a.test/2: connecting: timed out: the request's 3s are over";
    assert_told(&error, Phase::Connect, text);
}

#[tokio::test(start_paused = true)]
async fn a_dial_that_was_left_behind_takes_nobodys_limit_on_waiting_away() {
    let client = unconnected()
        .pool_max_connections_per_host(1)
        .acquire_timeout(SECOND)
        .build()
        .unwrap();
    let first = tokio::spawn(client.get("http://a.test/1").send());
    until(|| client.stats().totals.dialling == 1).await;
    first.abort();
    let waiting = [2, 3].map(|n| client.get(format!("http://a.test/{n}")).send());
    for waiting in waiting.map(tokio::spawn) {
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(error.phase(), Phase::Acquire);
        assert!(
            error.to_string().ends_with("none was free for 1s"),
            "{error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_has_not_answered_is_told() {
    for limit in [0, 1] {
        let builder = Client::builder().connector(|it| it.resolver(Asking(|_: &str| never())));
        let builder = match limit {
            0 => builder.timeout(SECOND),
            _ => builder,
        };
        let client = builder.build().unwrap();
        let mut request = client.get("http://api.test/");
        let mut words = "timed out: the request's 1s are over";
        if limit == 1 {
            request = request.connect_timeout(SECOND);
            words = "timed out after 1s";
        }
        let error = request.send().await.unwrap_err();
        let text = format!("GET http://api.test/: looking up the host: {words}");
        assert_told(&error, Phase::Resolve, &text);
        assert!(error.attempts().is_empty());
    }
}

#[tokio::test]
async fn a_resolver_that_has_answered_in_part_is_told_with_what_was_tried() {
    let refusing = closed_port();
    let halves = Asking(move |_: &str| {
        Answers::from_lookups([
            Box::pin(async move { Ok(vec![refusing]) }) as _,
            Box::pin(pending()) as _,
        ])
    });
    let client = Client::builder()
        .connector(|it| it.resolver(halves))
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let error = client.get("http://api.test/").send().await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    let text = format!(
        "GET http://api.test/: looking up the host: timed out: \
         the request's 300ms are over ({attempt})"
    );
    assert_told(&error, Phase::Resolve, &text);
}

fn never() -> Answers {
    Answers::from_lookup(pending())
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_has_not_ended_is_told() {
    let authority = Authority::new();
    let silent = Arc::new(Server::in_memory([Script::new().stall()]));
    let client = tls_builder_of(&silent, &authority)
        .timeout(SECOND)
        .build()
        .unwrap();
    let error = client.get("https://a.test/").send().await.unwrap_err();
    let text = "GET https://a.test/: securing the connection: timed out: the request's 1s are over";
    assert_told(&error, Phase::Tls, text);
}

#[tokio::test]
async fn a_handshake_that_has_not_ended_is_told_with_its_address() {
    let silent = Server::start([Script::new().stall()]);
    let client = Client::builder()
        .timeout(Duration::from_millis(300))
        .resolve("api.test", [silent.addr()])
        .build()
        .unwrap();
    let error = client.get("https://api.test/").send().await.unwrap_err();
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    let text = format!(
        "GET https://api.test/: securing the connection: timed out: \
         the request's 300ms are over ({attempt})"
    );
    assert_told(&error, Phase::Tls, &text);
    let words = format!("{}: TLS handshake timed out after ", silent.addr());
    assert!(attempt.to_string().starts_with(&words), "{attempt}");
}

#[tokio::test(start_paused = true)]
async fn whoever_a_limit_holds_back_is_told_of_no_dial() {
    let client = unconnected()
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let mut first = Box::pin(client.get("http://a.test/1").send());
    assert!(poll_at_most(1, first.as_mut()).await.is_none());
    let request = client.get("http://a.test/2").timeout(SECOND);
    let error = request.send().await.unwrap_err();
    assert_eq!(error.phase(), Phase::Acquire);
    assert_eq!(
        error.to_string(),
        "GET http://a.test/2: waiting for a connection: timed out: the request's 1s are over"
    );
    assert!(error.attempts().is_empty());
}

#[tokio::test]
async fn nothing_is_told_of_dials_once_there_is_a_connection() {
    let server = Arc::new(Server::in_memory([Script::new().read_request().stall()]));
    let client = builder_of(&server)
        .timeout(Duration::from_millis(100))
        .build()
        .unwrap();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_eq!(error.phase(), Phase::Head);
    assert!(error.attempts().is_empty() && error.connect_kind().is_none());
}
