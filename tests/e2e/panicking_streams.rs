//! Streams of the user's own that panic: that is one request's failure at most,
//! and never the pool's.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use postrider::{Client, ClientBuilder};
use testing::{Authority, MemoryStream, Script, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::support::{ok, until};

const PATIENCE: Duration = Duration::from_secs(10);

/// What a stream is asked to do when it panics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Nowhere,
    Read,
    Write,
    Flush,
    Shutdown,
    Drop,
    /// In everything but its drop, also while a panic unwinds: as behind a lock that the first
    /// panic has poisoned.
    ForGood,
}

/// Where the streams of a client panic at the moment.
#[derive(Clone)]
struct Trap {
    place: Arc<Mutex<Place>>,
    sprung: Arc<AtomicUsize>,
}

impl Trap {
    fn new() -> Self {
        Self {
            place: Arc::new(Mutex::new(Place::Nowhere)),
            sprung: Arc::default(),
        }
    }

    fn set(&self, place: Place) {
        *self.place.lock().unwrap() = place;
    }

    fn spring(&self, place: Place) {
        let set = *self.place.lock().unwrap();
        // A drop that panics while another panic unwinds would be the end of the process.
        let is_set = match set {
            Place::ForGood => place != Place::Drop,
            _ => set == place && !std::thread::panicking(),
        };
        if is_set {
            self.sprung.fetch_add(1, Ordering::Relaxed);
            panic!("a bug in {place:?}");
        }
    }

    fn sprung(&self) -> usize {
        self.sprung.load(Ordering::Relaxed)
    }
}

struct Trapped {
    stream: MemoryStream,
    trap: Trap,
}

impl AsyncRead for Trapped {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.trap.spring(Place::Read);
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Trapped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.trap.spring(Place::Write);
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.trap.spring(Place::Flush);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.trap.spring(Place::Shutdown);
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Trapped {
    fn drop(&mut self) {
        self.trap.spring(Place::Drop);
    }
}

/// A client that may have one connection only, whose slot is missed if it is lost.
fn trapped(server: &Arc<Server>, trap: &Trap) -> Client {
    trapped_by(server, trap).build().unwrap()
}

/// The same, with room for more.
fn trapped_by(server: &Arc<Server>, trap: &Trap) -> ClientBuilder {
    let (server, trap) = (Arc::clone(server), trap.clone());
    Client::builder()
        .pool_max_connections(1)
        .connect_with(move |_| {
            let (stream, trap) = (server.connect(), trap.clone());
            async move { Ok(Trapped { stream, trap }) }
        })
}

/// In a task of its own, which a panic may end.
async fn get(client: &Client) -> Result<String, String> {
    let request = client.get("http://a.test/");
    let exchange = tokio::spawn(async move { request.send().await?.text().await });
    match timeout(PATIENCE, exchange).await.unwrap() {
        Ok(Ok(text)) => Ok(text),
        Ok(Err(error)) => Err(error.to_string()),
        Err(panic) => Err(format!("{panic}")),
    }
}

fn server() -> Arc<Server> {
    Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]))
}

#[tokio::test]
async fn a_stream_that_panics_while_it_is_used_costs_its_own_request_only() {
    for place in [Place::Read, Place::Write, Place::Flush, Place::Drop] {
        for warm in [false, true] {
            let (server, trap) = (server(), Trap::new());
            let client = trapped(&server, &trap);
            if warm {
                assert_eq!(get(&client).await.unwrap(), "ok");
            }
            trap.set(place);
            let outcome = get(&client).await;
            client.close_idle();
            trap.set(Place::Nowhere);
            assert_eq!(trap.sprung(), 1, "{place:?}");
            // What closes behind a response is no failure of that.
            assert_eq!(outcome.is_ok(), place == Place::Drop, "{outcome:?}");
            assert_unhurt(&client).await;
        }
    }
}

/// What drops the connection is the panic, and what is done with a connection that is dropped must
/// not bring a second one: the process would abort.
#[tokio::test]
async fn a_stream_that_panics_for_good_costs_its_own_request_only() {
    let part = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234";
    let broken_off = || Script::new().read_request().write(part).stall();
    let whole = || Script::respond_always(ok("ok"));
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    for (server, scheme) in [
        (Server::in_memory([broken_off(), whole()]), "http"),
        (
            Server::in_memory_tls(identity, [broken_off(), whole()]),
            "https",
        ),
    ] {
        let (server, trap) = (Arc::new(server), Trap::new());
        let client = trapped_by(&server, &trap)
            .only_root_certificates(authority.ca_pem())
            .build()
            .unwrap();
        let url = format!("{scheme}://a.test/");
        let mut response = client.get(&url).send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "1234");
        trap.set(Place::ForGood);
        let reading = tokio::spawn(async move { response.chunk().await.map(drop) });
        assert!(reading.await.unwrap_err().is_panic());
        trap.set(Place::Nowhere);
        let text = client.get(&url).send().await.unwrap().text().await;
        assert_eq!(text.unwrap(), "ok");
    }
}

#[tokio::test]
async fn a_stream_that_panics_when_it_is_looked_at_is_taken_for_dead() {
    // By the sweeper, about once a second.
    let (server, trap) = (server(), Trap::new());
    let client = trapped(&server, &trap);
    assert_eq!(get(&client).await.unwrap(), "ok");
    trap.set(Place::Read);
    until(|| client.stats().totals.idle == 0).await;
    trap.set(Place::Nowhere);
    assert_eq!(trap.sprung(), 1);
    assert_unhurt(&client).await;

    // By a request that would take it, whose panic it may be.
    trap.set(Place::Read);
    let _ = get(&client).await;
    trap.set(Place::Nowhere);
    assert_unhurt(&client).await;
}

#[tokio::test]
async fn a_shutdown_ends_although_a_stream_panics_in_its_goodbye() {
    for place in [Place::Shutdown, Place::Drop] {
        let (server, trap) = (server(), Trap::new());
        let client = trapped(&server, &trap);
        assert_eq!(get(&client).await.unwrap(), "ok");
        trap.set(place);
        let ending = {
            let client = client.clone();
            tokio::spawn(async move { client.shutdown(PATIENCE).await })
        };
        // The panic may be the caller's.
        let _ = timeout(PATIENCE, ending).await.unwrap();
        trap.set(Place::Nowhere);
        assert_eq!(trap.sprung(), 1);
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

async fn assert_unhurt(client: &Client) {
    until(|| client.stats().totals.lent == 0).await;
    for _ in 0..2 {
        assert_eq!(get(client).await.unwrap(), "ok");
    }
    let totals = client.stats().totals;
    assert_eq!((totals.idle, totals.connections()), (1, 1));
}
