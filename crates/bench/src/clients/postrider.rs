use http::header::ACCEPT;
use http::{HeaderValue, Uri};

use super::Client;
use crate::Failure;
use crate::load::{Load, Worker};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "postrider",
    settings: "defaults; parsed Uri cloned; Response::bytes",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let client = postrider::Client::builder().build()?;
        let uri: Uri = load.url().parse()?;
        let worker = || Postrider {
            client: client.clone(),
            uri: uri.clone(),
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

struct Postrider {
    client: postrider::Client,
    uri: Uri,
}

impl Worker for Postrider {
    async fn get(&mut self) -> Result<usize, Failure> {
        let request = self.client.get(self.uri.clone());
        let request = request.header(ACCEPT, HeaderValue::from_static("*/*"));
        Ok(request.send().await?.bytes().await?.len())
    }
}
