use bytes::Bytes;
use http::header::ACCEPT;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::Client;
use crate::Failure;
use crate::load::{Load, Worker};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "hyper-util",
    settings: "legacy client, http1, HttpConnector with TCP_NODELAY, idle connections unlimited; \
               parsed URI cloned; BodyExt::collect",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = legacy::Client::builder(TokioExecutor::new()).build(connector);
        let uri: Uri = load.url().parse()?;
        let worker = || Legacy {
            client: client.clone(),
            uri: uri.clone(),
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

struct Legacy {
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
    uri: Uri,
}

impl Worker for Legacy {
    async fn get(&mut self) -> Result<usize, Failure> {
        let request = Request::get(self.uri.clone())
            .header(ACCEPT, HeaderValue::from_static("*/*"))
            .body(Empty::new())?;
        let response = self.client.request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}
