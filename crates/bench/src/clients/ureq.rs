use std::io::Read;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, SendBody};

use super::Client;
use super::outgoing::{JSON, JSON_TYPE, Outgoing};
use crate::Failure;
use crate::drive::{BlockingWorker, Turn};
use crate::load::{Action, Load, Road};
use crate::probe::Sample;
use crate::tls;

pub(super) const CLIENT: Client = Client {
    name: "ureq",
    settings: "blocking: a thread for each request in flight; one Agent, no default features, \
               TLS: rustls with ring, no proxy, idle connections unlimited, no user-agent; parsed \
               Uri cloned; read_to_vec, or a reader with 64 KiB",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    let agent = agent(load)?;
    let uris = load.uris()?;
    let worker = || Ureq {
        agent: agent.clone(),
        uris: Arc::clone(&uris),
        action: load.action,
        piece: vec![0; 64 * 1024],
    };
    load.drive_threads((0..load.in_flight).map(|_| worker()).collect())
}

fn agent(load: &Load) -> Result<Agent, Failure> {
    let mut config = Agent::config_builder()
        .proxy(None)
        .user_agent("")
        .max_idle_connections(usize::MAX)
        .max_idle_connections_per_host(usize::MAX);
    if let Road::Tls { certificate } = &load.road {
        let root = Certificate::from_der(certificate).to_owned();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(tls::provider())
            .root_certs(RootCerts::new_with_certs(&[root]));
        config = config.tls_config(tls.build());
    }
    Ok(config.build().into())
}

struct Ureq {
    agent: Agent,
    uris: Arc<[Uri]>,
    action: Action,
    piece: Vec<u8>,
}

impl BlockingWorker for Ureq {
    fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let mut response = self.send(&self.uris[turn.origin])?;
        if !self.action.is_piecewise() {
            let body = response.body_mut().with_config().limit(u64::MAX);
            return Ok(body.read_to_vec()?.len() as u64);
        }
        let mut tally = turn.tally();
        let mut body = response.body_mut().as_reader();
        loop {
            match body.read(&mut self.piece)? {
                0 => return Ok(tally.bytes()),
                count => tally.take(&self.piece[..count]),
            }
        }
    }
}

impl Ureq {
    fn send(&self, uri: &Uri) -> Result<Response<Body>, Failure> {
        Ok(match self.action {
            Action::Post => {
                let request = self.agent.post(uri).header(CONTENT_TYPE, JSON_TYPE);
                request.send(JSON)?
            }
            Action::Upload { bytes } => {
                let request = self.agent.put(uri).header(CONTENT_LENGTH, bytes);
                request.send(SendBody::from_reader(&mut Outgoing::of(self.action)))?
            }
            _ => self.agent.get(uri).call()?,
        })
    }
}
