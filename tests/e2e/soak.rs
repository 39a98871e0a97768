//! Some thousand requests with faults from every layer; at the end nothing is
//! left of them: no task, no socket, no place in the pool.

use std::env;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use postrider::{Body, Client, ClientBuilder, Error, Response};
use testing::{Authority, Faulty, Script, Server};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::chance::Chance;
use crate::support::{ok, poll_at_most, until};

const RIDERS: u64 = 16;
const REQUESTS_EACH: u64 = 100;

/// Tells the child that it is one.
const ALONE: &str = "POSTRIDER_SOAK_ALONE";

/// Descriptors are the whole process's, so that other tests must not run beside.
#[test]
fn after_faults_from_every_layer_nothing_is_left() {
    let child = Command::new(env::current_exe().unwrap())
        .args(["soak::alone", "--exact", "--ignored", "--nocapture"])
        .env(ALONE, "")
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&child.stdout);
    let error = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{told}\n{error}");
    assert!(told.contains("1 passed"), "{told}");
    print!("{told}");
}

#[test]
#[ignore = "run in a process of its own by the test above"]
fn alone() {
    if env::var_os(ALONE).is_none() {
        // All tests, ignored ones too, were asked for: it has its run above.
        return;
    }
    let client_runtime = multi_thread();
    // Whatever a runtime or a test opens once is open from here on.
    client_runtime.block_on(warm_up());
    let (tasks, sockets) = (client_runtime.metrics(), open_sockets());
    assert_eq!(tasks.num_alive_tasks(), 0);

    let server_runtime = multi_thread();
    let stage = server_runtime.block_on(async { Stage::start() });
    let clients = [
        stage.client(Client::builder()),
        stage.client(faulty(Client::builder())),
        stage.client(tight(Client::builder())),
        stage.client(tight(faulty(Client::builder()))),
    ];
    let tally = Arc::new(Tally::default());
    client_runtime.block_on(async {
        for client in &clients {
            let all = timeout(Duration::from_secs(60), ride(client, &stage, &tally));
            all.await.unwrap();
        }
    });
    tally.tell();

    for client in &clients {
        let settled = || {
            let totals = client.stats().totals;
            (totals.lent, totals.dialling, totals.waiting) == (0, 0, 0)
        };
        client_runtime.block_on(until(settled));
        let stats = client.stats();
        let counters = stats.counters;
        let made = counters.dials - counters.dial_failures - counters.dials_cancelled;
        assert_eq!(made, counters.closes.total() + stats.totals.idle as u64);
    }
    drop(clients);
    client_runtime.block_on(until(|| tasks.num_alive_tasks() == 0));
    drop(stage);
    drop(server_runtime);
    client_runtime.block_on(until(|| open_sockets() == sockets));
}

fn multi_thread() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

fn open_sockets() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    descriptors
        .filter_map(|descriptor| fs::read_link(descriptor.unwrap().path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

/// Opens what is opened once.
async fn warm_up() {
    let server = Server::start([Script::respond(ok("ok"))]);
    let client = Client::new();
    client.get(server.url("/")).send().await.unwrap();
    drop(client);
    server.stop().await;
    let _ = tokio::net::lookup_host("localhost:1").await;
    sleep(Duration::from_millis(1_100)).await;
}

/// Servers, each with a fault of its own.
struct Stage {
    authority: Authority,
    urls: Vec<String>,
    _servers: Vec<Server>,
}

impl Stage {
    fn start() -> Self {
        let authority = Authority::new();
        let identity = || authority.issue(&["127.0.0.1"]);
        let mut servers: Vec<_> = faults()
            .into_iter()
            .map(|script| Server::start([script]))
            .collect();
        for script in faults() {
            servers.push(Server::start_tls(identity(), [script]));
        }
        let mut urls: Vec<_> = servers.iter().map(|server| server.url("/")).collect();
        // Nobody listens, nobody speaks TLS, nobody is trusted, nobody is known.
        urls.push("http://127.0.0.1:1/".to_owned());
        urls.push(servers[0].url("/").replace("http:", "https:"));
        let stranger = Authority::new().issue(&["127.0.0.1"]);
        let stranger = Server::start_tls(stranger, [Script::respond_always(ok("ok"))]);
        urls.push(stranger.url("/"));
        urls.push("http://nobody.invalid/".to_owned());
        servers.push(stranger);
        Self {
            authority,
            urls,
            _servers: servers,
        }
    }

    fn client(&self, builder: ClientBuilder) -> Client {
        builder
            .only_root_certificates(self.authority.ca_pem())
            .read_timeout(Duration::from_millis(30))
            .connect_timeout(Duration::from_millis(200))
            .build()
            .unwrap()
    }
}

/// What happens on each connection of a server.
fn faults() -> Vec<Script> {
    let whole = || Script::respond(ok("hello"));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\nhello\r\n5;x=y\r\nworld\r\n0\r\nSum: 1\r\n\r\n";
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let large = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n{}",
        "x".repeat(300_000)
    );
    vec![
        Script::respond_always(ok("hello")),
        Script::respond_always(chunked),
        Script::respond_always(large),
        Script::respond_always("HTTP/1.1 204 No Content\r\nKeep-Alive: timeout=3\r\n\r\n"),
        whole().then(whole()).close(),
        whole().then(whole()).reset(),
        whole().read_request().close(),
        whole().read_request().reset(),
        whole().then(Script::respond(half)).stall(),
        Script::respond(half).close(),
        Script::respond(half).reset(),
        Script::respond(half)
            .pause(Duration::from_millis(5))
            .write("world"),
        whole().write("unasked for"),
        Script::respond("nonsense\r\n\r\n"),
        Script::respond("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloworld"),
        Script::respond("HTTP/1.1 200 OK\r\n\r\nuntil the end").close(),
        Script::new().read_request().stall(),
        Script::new().stall(),
        Script::new().close(),
        Script::new()
            .read_head()
            .write("HTTP/1.1 413 Too Much\r\nContent-Length: 0\r\n\r\n")
            .close(),
        Script::new()
            .read_request()
            .drip(ok("slow"), Duration::from_micros(300)),
    ]
}

/// Connections whose own streams are at fault.
fn faulty(builder: ClientBuilder) -> ClientBuilder {
    let made = AtomicU64::new(0);
    builder.connect_with(move |endpoint| {
        let mut chance = Chance(made.fetch_add(1, Ordering::Relaxed));
        async move {
            let addr: SocketAddr = match endpoint.host {
                postrider::Host::Ip(ip) => (ip, endpoint.port).into(),
                _ => return Err(io::ErrorKind::NotFound.into()),
            };
            assert!(chance.below(50) > 0, "a connector that panics");
            let stream = Faulty::new(TcpStream::connect(addr).await?)
                .random_splits(chance.below(u64::MAX), 4_096)
                .pending_every(3);
            let after = usize::try_from(chance.below(6_000)).unwrap();
            Ok(match chance.below(7) {
                0 => stream.eof_after(after),
                1 => stream.fail_read_after(after, io::ErrorKind::ConnectionReset),
                2 => stream.fail_write_after(after, io::ErrorKind::BrokenPipe),
                3 => stream.stall_read_after(after),
                4 => stream.stall_write_after(after),
                5 => stream.buffer_until_flush(),
                _ => stream,
            })
        }
    })
}

/// A client that is always at its limits.
fn tight(builder: ClientBuilder) -> ClientBuilder {
    builder
        .pool_max_connections(6)
        .pool_max_connections_per_host(2)
        .acquire_timeout(Duration::from_millis(100))
}

async fn ride(client: &Client, stage: &Stage, tally: &Arc<Tally>) {
    let riders = (0..RIDERS).map(|number| {
        let (client, urls, tally) = (client.clone(), stage.urls.clone(), Arc::clone(tally));
        tokio::spawn(async move {
            let mut chance = Chance(number);
            for _ in 0..REQUESTS_EACH {
                let url = &urls[chance.index(urls.len())];
                tally.count(request(&client, url, &mut chance).await);
            }
        })
    });
    for rider in join_all(riders).await {
        rider.unwrap();
    }
}

/// One request, as whimsical callers make them; `None` where it was given up.
async fn request(client: &Client, url: &str, chance: &mut Chance) -> Option<Result<(), Error>> {
    let request = match chance.below(6) {
        0 => client.post(url).body("an order"),
        1 => client.put(url).body(vec![b'x'; 100_000]),
        2 => client.post(url).body(pieces(chance.below(4))),
        3 => client.head(url),
        _ => client.get(url),
    };
    let request = request.timeout(Duration::from_millis(5 + chance.below(200)));
    let response = match chance.below(5) {
        0 => poll_at_most(chance.index(6), request.send()).await?,
        1 => timeout(Duration::from_micros(chance.below(3_000)), request.send())
            .await
            .ok()?,
        _ => request.send().await,
    };
    match response {
        Ok(response) => read(response, chance).await,
        Err(error) => Some(Err(error)),
    }
}

async fn read(mut response: Response, chance: &mut Chance) -> Option<Result<(), Error>> {
    match chance.below(5) {
        0 => drop(response),
        1 => {
            if let Err(error) = response.chunk().await {
                return Some(Err(error));
            }
        }
        2 => return Some(response.discard().await),
        3 => {
            let body = pin!(response.bytes());
            return Some(poll_at_most(chance.index(6), body).await?.map(drop));
        }
        _ => return Some(response.bytes().await.map(drop)),
    }
    Some(Ok(()))
}

/// A body in pieces; of some the last one is an error or a panic.
fn pieces(end: u64) -> Body {
    let pieces = (0..4_u64).map(move |number| match (number, end) {
        (3, 0) => Err(io::Error::other("no more of it")),
        (3, 1) => panic!("a body that panics"),
        _ => Ok(Bytes::from(vec![b'x'; 5_000])),
    });
    Body::stream(stream::iter(pieces))
}

/// What became of the requests: proof that there were faults, and successes.
#[derive(Default)]
struct Tally {
    well: AtomicU64,
    failed: AtomicU64,
    given_up: AtomicU64,
}

impl Tally {
    fn count(&self, result: Option<Result<(), Error>>) {
        let figure = match result {
            Some(Ok(())) => &self.well,
            Some(Err(_)) => &self.failed,
            None => &self.given_up,
        };
        figure.fetch_add(1, Ordering::Relaxed);
    }

    fn tell(&self) {
        let figures = [&self.well, &self.failed, &self.given_up];
        let figures = figures.map(|figure| figure.load(Ordering::Relaxed));
        println!("went well, failed, were given up: {figures:?}");
        let all = 4 * RIDERS * REQUESTS_EACH;
        assert_eq!(figures.iter().sum::<u64>(), all);
        assert!(
            figures.iter().all(|figure| *figure > all / 50),
            "{figures:?}"
        );
    }
}
