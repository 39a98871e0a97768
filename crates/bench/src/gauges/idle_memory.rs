use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::Failure;
use crate::child::Server;
use crate::cpu::Cores;
use crate::gauge::{Gauge, Row};
use crate::memory;
use crate::server::crowd;

/// What a kept connection costs while nobody uses it.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "idle-memory",
        about: "memory of an idle connection, after one small GET on each, all at once",
        unit: "resident bytes a connection",
        count: 10_000,
        counted: "connections",
        rows: vec![
            Row {
                name: "bare",
                settings: "tokio TcpStream and nothing beside it",
                read: bare,
            },
            Row {
                name: "postrider",
                settings: "idle connections unlimited, defaults otherwise; Response::bytes",
                read: postrider,
            },
            Row {
                name: "hyper-util",
                settings: "legacy client, http1, HttpConnector, idle connections unlimited; \
                           BodyExt::collect",
                read: hyper_util,
            },
            Row {
                name: "reqwest",
                settings: "no default features (no TLS, no h2), no_proxy, idle connections \
                           unlimited; Response::bytes",
                read: reqwest,
            },
        ],
    }
}

fn bare(count: usize) -> Result<f64, Failure> {
    measure(count, |target: Target| async move {
        let Target { server, path } = target;
        let mut stream = TcpStream::connect(server).await?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {server}\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = [0; crowd::ANSWER.len()];
        stream.read_exact(&mut answer).await?;
        Ok(stream)
    })
}

fn postrider(count: usize) -> Result<f64, Failure> {
    let unlimited = postrider::KeyLimits::default().with_max_idle(usize::MAX);
    let policy = postrider::Policy::default()
        .with_max_idle(usize::MAX)
        .with_per_key(unlimited);
    let client = postrider::Client::builder().pool(policy).build()?;
    measure(count, |target| {
        let client = client.clone();
        async move {
            client.get(target.uri()?).send().await?.bytes().await?;
            Ok(())
        }
    })
}

fn hyper_util(count: usize) -> Result<f64, Failure> {
    let client: legacy::Client<_, Empty<Bytes>> =
        legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
    measure(count, |target| {
        let client = client.clone();
        async move {
            let response = client.get(target.uri()?).await?;
            response.into_body().collect().await?;
            Ok(())
        }
    })
}

fn reqwest(count: usize) -> Result<f64, Failure> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    measure(count, |target| {
        let client = client.clone();
        async move {
            client.get(target.url()).send().await?.bytes().await?;
            Ok(())
        }
    })
}

/// Where a request goes to.
struct Target {
    server: SocketAddr,
    path: String,
}

impl Target {
    fn url(&self) -> String {
        format!("http://{}{}", self.server, self.path)
    }

    fn uri(&self) -> Result<Uri, Failure> {
        Ok(self.url().parse()?)
    }
}

/// Makes so many requests at once that each needs a connection of its own, then lets all rest.
/// What `get` gives back is kept as long.
fn measure<Get, Getting, Kept>(count: usize, get: Get) -> Result<f64, Failure>
where
    Get: Fn(Target) -> Getting,
    Getting: Future<Output = Result<Kept, Failure>> + Send + 'static,
    Kept: Send + 'static,
{
    let most = memory::raise_descriptors()?;
    if count as u64 + SPARE_DESCRIPTORS > most {
        return Err(format!("{count} connections, where {most} descriptors may be open").into());
    }
    // Its own, with a port of its own: none of the rounds before has left addresses in TIME_WAIT.
    let server = Server::start(Cores::Free)?;
    let get = |crowd| {
        get(Target {
            server: server.addr,
            path: crowd::path(crowd),
        })
    };
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // Once alone: it brings in the code, and whatever is made but once.
        drop(get(1).await?);
        let (resident, descriptors) = (memory::resident()?, memory::descriptors()?);

        let requests: Vec<_> = (0..count).map(|_| tokio::spawn(get(count))).collect();
        let mut kept = Vec::with_capacity(count);
        for request in requests {
            kept.push(timeout(PATIENCE, request).await???);
        }
        // Clients with tasks of their own may still have to put the connection away.
        sleep(REST).await;

        let opened = memory::descriptors()?.saturating_sub(descriptors);
        let grown = memory::resident()?.saturating_sub(resident);
        drop(kept);
        // The first request's connection may have served once more.
        if opened + 1 < count {
            return Err(format!("{opened} idle connections instead of {count}").into());
        }
        Ok(grown as f64 / opened as f64)
    })
}

/// For what is open beside the connections.
const SPARE_DESCRIPTORS: u64 = 64;

/// A request that takes longer will never end: another has failed, and all wait for it.
const PATIENCE: Duration = Duration::from_secs(60);

const REST: Duration = Duration::from_millis(500);
