use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::retry::{self, Builder as Retry};
use reqwest::{Body, Method, RequestBuilder, Response, Url};

use super::Client;
use super::outgoing::{JSON, JSON_TYPE, Outgoing, method};
use crate::Failure;
use crate::drive::{Turn, Worker};
use crate::load::{Action, Load, Road};
use crate::probe::Sample;
use crate::tls;

pub(super) const CLIENT: Client = Client {
    name: "reqwest",
    settings: "no default features (no h2), rustls preconfigured with ring and no platform \
               verifier, no_proxy, no redirects, no retries, \
               defaults otherwise (TCP_NODELAY, accept: */*, idle connections unlimited); parsed Url cloned; Response::bytes, or chunk by chunk",
    run: |load| run(load, retry::never()),
};

/// As its documentation shows it, for `stale-drops`.
pub(super) const RETRYING: Client = Client {
    name: "reqwest-retry",
    settings: "as reqwest, with retry::for_host(..).classify_fn(..): a GET is retryable after any \
               error; defaults otherwise (at most two retries a request, a fifth of extra load)",
    run: |load| run(load, retrying(load)),
};

fn retrying(load: &Load) -> Retry {
    let host = load.addr.ip().to_string();
    retry::for_host(host).classify_fn(|attempt| match attempt.error() {
        Some(_) if attempt.method() == Method::GET => attempt.retryable(),
        _ => attempt.success(),
    })
}

fn run(load: &Load, retry: Retry) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let client = builder(&load.road)?.retry(retry).build()?;
        let urls: Arc<[Url]> = (0..load.origins)
            .map(|origin| Ok(load.url(origin).parse()?))
            .collect::<Result<_, Failure>>()?;
        let worker = || Reqwest {
            client: client.clone(),
            urls: Arc::clone(&urls),
            action: load.action,
        };
        load.drive((0..load.in_flight).map(|_| worker()).collect())
            .await
    })
}

pub(crate) fn client(road: &Road) -> Result<reqwest::Client, Failure> {
    Ok(builder(road)?.retry(retry::never()).build()?)
}

fn builder(road: &Road) -> Result<reqwest::ClientBuilder, Failure> {
    let config = match road {
        Road::Tcp => tls::unused_config()?,
        Road::Tls { certificate } => tls::client_config(certificate)?,
    };
    Ok(reqwest::Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .tls_backend_preconfigured(config))
}

struct Reqwest {
    client: reqwest::Client,
    urls: Arc<[Url]>,
    action: Action,
}

impl Worker for Reqwest {
    async fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure> {
        let url = self.urls[turn.origin].clone();
        let request = self.client.request(method(self.action), url);
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
