use reqwest::Url;

use super::Client;
use crate::Failure;
use crate::load::{Load, Worker};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "reqwest",
    settings: "no default features (no TLS, no h2), no_proxy, defaults otherwise (TCP_NODELAY, \
               accept: */*); parsed Url cloned; Response::bytes",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let url: Url = load.url().parse()?;
        let worker = || Reqwest {
            client: client.clone(),
            url: url.clone(),
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

struct Reqwest {
    client: reqwest::Client,
    url: Url,
}

impl Worker for Reqwest {
    async fn get(&mut self) -> Result<usize, Failure> {
        let response = self.client.get(self.url.clone()).send().await?;
        Ok(response.bytes().await?.len())
    }
}
