//! One client, several runtimes: at once, one after another, and after one has
//! ended with connections in every state.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use postrider::{Client, ErrorKind, Response, Retirement};
use testing::{Script, Server};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::support::{ok, until};

/// Nothing here takes longer, or it hangs.
const BOUND: Duration = Duration::from_secs(20);

fn single() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// A server with a runtime of its own, as servers are elsewhere.
struct Elsewhere {
    server: Server,
    _runtime: Runtime,
}

impl Elsewhere {
    fn start(scripts: impl IntoIterator<Item = Script>) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(async { Server::start(scripts) });
        Self {
            server,
            _runtime: runtime,
        }
    }

    fn always_ok() -> Self {
        Self::start([Script::respond_always(ok("ok"))])
    }
}

fn within<T>(runtime: &Runtime, future: impl Future<Output = T>) -> T {
    let result = runtime.block_on(async { timeout(BOUND, future).await });
    result.unwrap()
}

async fn ask(client: &Client, url: &str) -> u64 {
    let response = client.get(url).send().await.unwrap();
    let id = response.connection().id();
    assert_eq!(response.text().await.unwrap(), "ok");
    id
}

#[test]
fn a_static_client_serves_several_runtimes_at_once() {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        Client::builder()
            .pool_max_connections_per_host(3)
            .build()
            .unwrap()
    });
    let place = Elsewhere::always_ok();
    let url = place.server.url("/");
    // Which runtime each connection has served.
    let homes = Mutex::new(HashMap::new());
    thread::scope(|scope| {
        for number in 0..5 {
            let (url, homes) = (&url, &homes);
            scope.spawn(move || {
                within(&single(), async {
                    for _ in 0..60 {
                        let id = ask(&CLIENT, url).await;
                        let home = *homes.lock().unwrap().entry(id).or_insert(number);
                        assert_eq!(home, number, "a connection changed its runtime");
                        let totals = CLIENT.stats().totals;
                        assert!(totals.connections() <= 3, "{totals:?}");
                    }
                });
            });
        }
    });
    let totals = CLIENT.stats().totals;
    assert_eq!((totals.lent, totals.dialling, totals.waiting), (0, 0, 0));
    assert_eq!(totals.idle, 0, "their runtimes have ended");
}

#[test]
fn a_static_client_serves_one_runtime_after_another() {
    static CLIENT: LazyLock<Client> = LazyLock::new(|| {
        Client::builder()
            .pool_max_connections_per_host(1)
            .build()
            .unwrap()
    });
    let place = Elsewhere::always_ok();
    let url = place.server.url("/");
    for number in 0..5 {
        let runtime = single();
        within(&runtime, async {
            let first = ask(&CLIENT, &url).await;
            assert_eq!(ask(&CLIENT, &url).await, first);
        });
        drop(runtime);
        let stats = CLIENT.stats();
        assert_eq!(stats.totals.connections(), 0);
        assert_eq!(stats.counters.dials, number + 1);
        assert_eq!(
            stats.counters.closes.of(Retirement::RuntimeEnded),
            number + 1
        );
        assert_eq!(stats.retries, 0);
    }
}

#[test]
fn a_runtime_that_sleeps_keeps_no_other_from_its_connections() {
    let place = Elsewhere::always_ok();
    let url = place.server.url("/");
    let client = Client::builder()
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    // Neither is polled while the other is, as in a test suite.
    let (one, two) = (single(), single());
    for _ in 0..5 {
        within(&one, ask(&client, &url));
        within(&two, ask(&client, &url));
    }
    assert_eq!(client.stats().totals.connections(), 1);
    assert_eq!(client.stats().counters.closes.of(Retirement::MadeRoom), 9);
}

/// A client whose connections but the first two are never made.
fn stuck_after_two(url: &str) -> (Client, Arc<AtomicUsize>) {
    let addr = url
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let stuck_from = Arc::new(AtomicUsize::new(2));
    let made = AtomicUsize::new(0);
    let limit = Arc::clone(&stuck_from);
    let client = Client::builder()
        .connect_with(move |_| {
            let is_stuck = made.fetch_add(1, Ordering::SeqCst) >= limit.load(Ordering::SeqCst);
            let addr = addr.clone();
            async move {
                if is_stuck {
                    std::future::pending::<()>().await;
                }
                TcpStream::connect(addr).await
            }
        })
        .pool_max_connections_per_host(3)
        .build()
        .unwrap();
    (client, stuck_from)
}

/// Leaves a runtime behind that had an idle connection, a lent one (the
/// response is given back) and one being made.
fn leave(client: &Client, url: &str) -> Response {
    let runtime = single();
    let lent = within(&runtime, async {
        let lent = client.get(url).send().await.unwrap();
        ask(client, url).await;
        assert_eq!(client.stats().totals.idle, 1);
        let (warming, origin) = (client.clone(), url.to_owned());
        tokio::spawn(async move { warming.warm(origin, 2).await });
        until(|| client.stats().totals.dialling == 1).await;
        let totals = client.stats().totals;
        assert_eq!((totals.idle, totals.lent, totals.dialling), (1, 1, 1));
        lent
    });
    drop(runtime);
    lent
}

/// The first connection's answer stays incomplete.
fn incomplete_then_ok() -> [Script; 2] {
    [
        Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\nhalf"),
        Script::respond_always(ok("ok")),
    ]
}

#[test]
fn a_runtime_that_has_ended_holds_no_slots() {
    let place = Elsewhere::start(incomplete_then_ok());
    let url = place.server.url("/");
    let (client, stuck_from) = stuck_after_two(&url);
    let lent = leave(&client, &url);
    let totals = client.stats().totals;
    assert_eq!((totals.idle, totals.lent, totals.dialling), (0, 1, 0));

    // The lent one still counts; there is room for two.
    stuck_from.store(usize::MAX, Ordering::SeqCst);
    let runtime = single();
    within(&runtime, async {
        assert_eq!(client.warm(&url, 3).await.unwrap(), 2);
        ask(&client, &url).await;
    });
    drop(lent);
    within(&runtime, async {
        assert_eq!(client.warm(&url, 3).await.unwrap(), 1);
        ask(&client, &url).await;
    });
    let stats = client.stats();
    assert_eq!(stats.totals.connections(), 3);
    assert_eq!(stats.counters.dials_cancelled, 1);
}

#[test]
fn a_body_whose_runtime_has_ended_fails_and_does_not_hang() {
    let place = Elsewhere::start(incomplete_then_ok());
    let url = place.server.url("/");
    let (client, _) = stuck_after_two(&url);
    let lent = leave(&client, &url);
    let error = within(&single(), lent.bytes()).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Io | ErrorKind::Closed),
        "{error}"
    );
    assert_eq!(client.stats().totals.lent, 0);
}

#[test]
fn a_request_in_line_fails_when_its_runtime_ends_and_is_polled_elsewhere() {
    let place = Elsewhere::start([Script::new().stall()]);
    let url = place.server.url("/");
    let client = Client::builder()
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let other = single();
    let held = other.spawn(client.get(&url).send());
    within(&other, until(|| client.stats().totals.lent == 1));

    let runtime = single();
    let mut in_line = Box::pin(client.get(&url).send());
    within(&runtime, async {
        let is_pending = poll_fn(|cx| Poll::Ready(in_line.as_mut().poll(cx).is_pending()));
        assert!(is_pending.await);
    });
    drop(runtime);
    held.abort();
    let begun = Instant::now();
    let result = within(&other, in_line);
    // Its dial can't be made where it was asked for.
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Runtime);
    assert!(begun.elapsed() < BOUND);
}

#[test]
fn dropping_a_client_outside_a_runtime_closes_its_connections() {
    let place = Elsewhere::always_ok();
    let client = Client::new();
    let runtime = single();
    within(&runtime, async {
        client.warm(place.server.url("/"), 2).await.unwrap();
    });
    drop(client);
    within(&runtime, async {
        place.server.closed(0).await;
        place.server.closed(1).await;
    });
    assert_eq!(place.server.open(), 0);
}
