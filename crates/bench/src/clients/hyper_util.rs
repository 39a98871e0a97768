use std::sync::Arc;

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;

use super::Client;
use super::incoming::{read, request};
use super::outgoing::Outgoing;
use crate::Failure;
use crate::drive::{Turn, Worker};
use crate::load::{Action, Load, Road};
use crate::probe::Sample;
use crate::tls;

pub(super) const CLIENT: Client = Client {
    name: "hyper-util",
    settings: "legacy client, http1, HttpConnector with TCP_NODELAY, TLS: hyper-rustls; idle \
               connections unlimited; parsed URI cloned; BodyExt::collect, or frame by frame",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    match &load.road {
        Road::Tcp => run_over(http(), load),
        Road::Tls { certificate } => run_over(https(certificate)?, load),
    }
}

pub(crate) fn http() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector
}

pub(crate) fn https(certificate: &[u8]) -> Result<HttpsConnector<HttpConnector>, Failure> {
    let mut http = http();
    http.enforce_http(false);
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(tls::client_config(certificate)?)
        .https_only()
        .enable_http1()
        .wrap_connector(http))
}

fn run_over<C>(connector: C, load: &Load) -> Result<Sample, Failure>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    load.runtime()?.block_on(async {
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        let uris = load.uris()?;
        let worker = || Legacy {
            client: client.clone(),
            uris: Arc::clone(&uris),
            action: load.action,
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

struct Legacy<C> {
    client: legacy::Client<C, Outgoing>,
    uris: Arc<[Uri]>,
    action: Action,
}

impl<C> Worker for Legacy<C>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    async fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let request = request(self.action, self.uris[turn.origin].clone())?;
        let response = self.client.request(request).await?;
        read(response.into_body(), self.action, turn).await
    }
}
