use std::sync::Arc;

use http::header::HOST;
use http::{HeaderValue, Uri};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;

use super::Client;
use super::connect::{Connect, Tcp, Tls};
use super::incoming::{read, request};
use super::outgoing::Outgoing;
use crate::Failure;
use crate::drive::{Turn, Worker};
use crate::load::{Keeping, Load, Road};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "hyper",
    settings: "client::conn::http1, a connection and its task for each worker and origin, no pool; \
               TCP_NODELAY; TLS: tokio-rustls; BodyExt::collect, or frame by frame",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    match &load.road {
        Road::Tcp => run_over(&Tcp, load),
        Road::Tls { certificate } => run_over(&Tls::new(certificate)?, load),
    }
}

fn run_over<C: Connect>(connector: &C, load: &Load) -> Result<Sample, Failure> {
    let target: Uri = load.path.parse()?;
    let hosts: Arc<[HeaderValue]> = (0..load.origins)
        .map(|origin| Ok(load.origin(origin).to_string().parse()?))
        .collect::<Result<_, Failure>>()?;
    let worker = || Connection {
        connector: connector.clone(),
        load: load.clone(),
        target: target.clone(),
        hosts: Arc::clone(&hosts),
        senders: (0..load.origins).map(|_| None).collect(),
    };
    let workers = (0..load.in_flight).map(|_| worker()).collect();
    load.runtime()?.block_on(load.drive(workers))
}

struct Connection<C> {
    connector: C,
    load: Load,
    target: Uri,
    /// By origin, ...
    hosts: Arc<[HeaderValue]>,
    /// ... these too.
    senders: Vec<Option<SendRequest<Outgoing>>>,
}

impl<C: Connect> Worker for Connection<C> {
    async fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let (action, origin) = (self.load.action, turn.origin);
        let mut sender = match self.senders[origin].take() {
            Some(sender) => sender,
            None => self.connect(origin).await?,
        };
        let mut request = request(action, self.target.clone())?;
        let host = self.hosts[origin].clone();
        request.headers_mut().insert(HOST, host);
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let read = read(response.into_body(), action, turn).await?;
        if self.load.keeping == Keeping::Kept {
            self.senders[origin] = Some(sender);
        }
        Ok(read)
    }
}

impl<C: Connect> Connection<C> {
    async fn connect(&self, origin: usize) -> Result<SendRequest<Outgoing>, Failure> {
        let stream = self.connector.connect(self.load.origin(origin)).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}
