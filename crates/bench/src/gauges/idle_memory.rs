use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::Connect as Connector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::child::Server;
use crate::clients::connect::{Connect, Tcp, Tls};
use crate::clients::{hyper_util as legacy_client, postrider as ours, reqwest as theirs};
use crate::cpu::Cores;
use crate::gauge::{Figures, Gauge, Row};
use crate::load::Road;
use crate::scenario::Door;
use crate::server::crowd;
use crate::{heap, memory};

/// What a kept connection costs while nobody uses it.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "idle-memory",
        about: "memory of an idle connection, after one small GET on each, all at once",
        units: UNITS,
        count: 10_000,
        counted: "connections",
        rounds: 5,
        once: &[],
        rows: rows([
            |count| bare(count, Door::Plain),
            |count| postrider(count, Door::Plain),
            |count| hyper_util(count, Door::Plain),
            |count| reqwest(count, Door::Plain),
        ]),
    }
}

/// The same inside TLS.
pub(crate) fn tls_gauge() -> Gauge {
    Gauge {
        name: "idle-memory-tls",
        about: "memory of an idle TLS 1.3 connection, after one small GET on each, all at once",
        units: UNITS,
        count: 2000,
        counted: "connections",
        rounds: 5,
        once: &[],
        rows: rows([
            |count| bare(count, Door::Tls),
            |count| postrider(count, Door::Tls),
            |count| hyper_util(count, Door::Tls),
            |count| reqwest(count, Door::Tls),
        ]),
    }
}

/// The first as the system sees it; the second without what a heap keeps for itself.
const UNITS: &[&str] = &[
    "resident bytes a connection",
    "allocated bytes a connection",
];

type Read = fn(usize) -> Result<Figures, Failure>;

fn rows([bare, postrider, hyper_util, reqwest]: [Read; 4]) -> Vec<Row> {
    let row = |name, settings, read| Row {
        name,
        settings,
        read,
    };
    vec![
        row(
            "bare",
            "tokio TcpStream, TLS: tokio-rustls over it, and nothing beside it",
            bare,
        ),
        row(
            "postrider",
            "idle connections unlimited, defaults otherwise; Response::bytes",
            postrider,
        ),
        row(
            "hyper-util",
            "legacy client, http1, HttpConnector, TLS: hyper-rustls, idle connections unlimited; \
             BodyExt::collect",
            hyper_util,
        ),
        row(
            "reqwest",
            "no default features (no h2), rustls preconfigured with ring, no_proxy, idle \
             connections unlimited; Response::bytes",
            reqwest,
        ),
    ]
}

fn bare(count: usize, door: Door) -> Result<Figures, Failure> {
    let place = Place::open(door)?;
    match &place.road {
        Road::Tcp => bare_over(Tcp, count, &place),
        Road::Tls { certificate } => bare_over(Tls::new(certificate)?, count, &place),
    }
}

fn bare_over<C: Connect>(connector: C, count: usize, place: &Place) -> Result<Figures, Failure> {
    measure(count, place, |target: Target| {
        let connector = connector.clone();
        async move {
            let Target { addr, path, .. } = target;
            let mut stream = connector.connect(addr).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: {addr}\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = [0; crowd::ANSWER.len()];
            stream.read_exact(&mut answer).await?;
            Ok(stream)
        }
    })
}

fn postrider(count: usize, door: Door) -> Result<Figures, Failure> {
    let place = Place::open(door)?;
    let client = ours::client(&place.road)?;
    measure(count, &place, |target| {
        let client = client.clone();
        async move {
            client.get(target.uri()?).send().await?.bytes().await?;
            Ok(())
        }
    })
}

fn hyper_util(count: usize, door: Door) -> Result<Figures, Failure> {
    let place = Place::open(door)?;
    match &place.road {
        Road::Tcp => hyper_util_over(legacy_client::http(), count, &place),
        Road::Tls { certificate } => {
            hyper_util_over(legacy_client::https(certificate)?, count, &place)
        }
    }
}

fn hyper_util_over<C>(connector: C, count: usize, place: &Place) -> Result<Figures, Failure>
where
    C: Connector + Clone + Send + Sync + 'static,
{
    let client: legacy::Client<_, Empty<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build(connector);
    measure(count, place, |target| {
        let client = client.clone();
        async move {
            let response = client.get(target.uri()?).await?;
            response.into_body().collect().await?;
            Ok(())
        }
    })
}

fn reqwest(count: usize, door: Door) -> Result<Figures, Failure> {
    let place = Place::open(door)?;
    let client = theirs::client(&place.road)?;
    measure(count, &place, |target| {
        let client = client.clone();
        async move {
            client.get(target.url()).send().await?.bytes().await?;
            Ok(())
        }
    })
}

/// A server of its own, with ports of its own: none of the rounds before has left addresses in
/// TIME_WAIT.
struct Place {
    addr: SocketAddr,
    road: Road,
    _server: Server,
}

impl Place {
    fn open(door: Door) -> Result<Self, Failure> {
        let server = Server::start(Cores::Free)?;
        Ok(Self {
            addr: server.doors.addr(door),
            road: server.doors.road(door),
            _server: server,
        })
    }

    fn target(&self, crowd: usize) -> Target {
        Target {
            scheme: match self.road {
                Road::Tcp => "http",
                Road::Tls { .. } => "https",
            },
            addr: self.addr,
            path: crowd::path(crowd),
        }
    }
}

/// Where a request goes to.
struct Target {
    scheme: &'static str,
    addr: SocketAddr,
    path: String,
}

impl Target {
    fn url(&self) -> String {
        format!("{}://{}{}", self.scheme, self.addr, self.path)
    }

    fn uri(&self) -> Result<Uri, Failure> {
        Ok(self.url().parse()?)
    }
}

/// Makes so many requests at once that each needs a connection of its own, then lets all rest.
/// What `get` gives back is kept as long.
fn measure<Get, Getting, Kept>(count: usize, place: &Place, get: Get) -> Result<Figures, Failure>
where
    Get: Fn(Target) -> Getting,
    Getting: Future<Output = Result<Kept, Failure>> + Send + 'static,
    Kept: Send + 'static,
{
    let most = memory::raise_descriptors()?;
    if count as u64 + SPARE_DESCRIPTORS > most {
        return Err(format!("{count} connections, where {most} descriptors may be open").into());
    }
    let get = |crowd| get(place.target(crowd));
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Once alone: it brings in the code, and whatever is made but once.
        drop(get(1).await?);
        let (resident, descriptors) = (memory::resident()?, memory::descriptors()?);
        heap::start_counting();

        let requests: Vec<_> = (0..count).map(|_| tokio::spawn(get(count))).collect();
        let mut kept = Vec::with_capacity(count);
        for request in requests {
            kept.push(timeout(PATIENCE, request).await???);
        }
        // Clients with tasks of their own may still have to put the connection away.
        sleep(REST).await;

        let allocated = heap::stop_counting().live;
        let opened = memory::descriptors()?.saturating_sub(descriptors);
        let grown = memory::resident()?.saturating_sub(resident);
        drop(kept);
        // The first request's connection may have served once more.
        if opened + 1 < count {
            return Err(format!("{opened} idle connections instead of {count}").into());
        }
        let opened = opened as f64;
        Ok(vec![grown as f64 / opened, allocated as f64 / opened])
    })
}

/// For what is open beside the connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// A request that takes longer will never end: another has failed, and all wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

const REST: Duration = Duration::from_millis(500);
