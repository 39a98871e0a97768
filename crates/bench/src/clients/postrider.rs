use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Uri};
use postrider::{Body, KeyLimits, Policy, RequestBuilder, Response, TlsSettings};

use super::Client;
use super::outgoing::{JSON, JSON_TYPE, Outgoing, method};
use crate::Failure;
use crate::drive::{Turn, Worker};
use crate::load::{Action, Load, Road};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "postrider",
    settings: "idle connections and collected bodies unlimited, defaults otherwise; parsed Uri \
               cloned; Response::bytes, or chunk by chunk",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let client = client(&load.road)?;
        let uris = load.uris()?;
        let worker = || Postrider {
            client: client.clone(),
            uris: Arc::clone(&uris),
            action: load.action,
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

pub(crate) fn client(road: &Road) -> Result<postrider::Client, Failure> {
    let limits = KeyLimits::default().with_max_idle(usize::MAX);
    let policy = Policy::default()
        .with_max_idle(usize::MAX)
        .with_per_key(limits);
    let mut builder = postrider::Client::builder()
        .pool(policy)
        .max_collected_body(usize::MAX);
    if let Road::Tls { certificate } = road {
        let tls = TlsSettings::builder()
            .add_root_der(certificate.clone())
            .only_added_roots();
        builder = builder.tls(tls.build()?);
    }
    Ok(builder.build()?)
}

struct Postrider {
    client: postrider::Client,
    uris: Arc<[Uri]>,
    action: Action,
}

impl Worker for Postrider {
    async fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let uri = self.uris[turn.origin].clone();
        let request = self.client.request(method(self.action), uri);
        let request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
        let response = with_body(request, self.action).send().await?;
        read(response, self.action, turn).await
    }
}

fn with_body(request: RequestBuilder, action: Action) -> RequestBuilder {
    match action {
        Action::Post => request
            .header(CONTENT_TYPE, JSON_TYPE)
            .body(Bytes::from_static(JSON)),
        Action::Upload { .. } => request.body(Body::wrap(Outgoing::of(action))),
        _ => request,
    }
}

async fn read(mut response: Response, action: Action, turn: Turn<'_>) -> Result<u64, Failure> {
    if !action.is_piecewise() {
        return Ok(response.bytes().await?.len() as u64);
    }
    let mut tally = turn.tally();
    while let Some(piece) = response.chunk().await? {
        tally.take(&piece);
    }
    Ok(tally.bytes())
}
