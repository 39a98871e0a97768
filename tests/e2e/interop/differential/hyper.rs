//! hyper's client, over a stream in memory.

use std::cell::Cell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

use ::hyper::client::conn::http1;
use bytes::Bytes;
use http::Request;
use http::header::{CONNECTION, HOST, UPGRADE};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::corpus::Case;
use super::verdict::{Ends, Verdict};

/// As many as we take.
const FIELDS: usize = 200;

pub(crate) fn verdicts(cases: &[Case]) -> Vec<Verdict> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    let mut verdicts = Vec::with_capacity(cases.len());
    for case in cases {
        let local = LocalSet::new();
        verdicts.push(local.block_on(&runtime, verdict(case)));
    }
    verdicts
}

async fn verdict(case: &Case) -> Verdict {
    let (client, server) = duplex(64 * 1024);
    let has_ended = Rc::new(Cell::new(false));
    let answering =
        tokio::task::spawn_local(answer(server, case.raw.clone(), Rc::clone(&has_ended)));
    let verdict = read(case, client, &has_ended).await;
    answering.abort();
    verdict
}

async fn read(case: &Case, client: DuplexStream, has_ended: &Cell<bool>) -> Verdict {
    let (mut sender, connection) = http1::Builder::new()
        .max_headers(FIELDS)
        .handshake(TokioIo::new(client))
        .await
        .unwrap();
    tokio::task::spawn_local(connection.with_upgrades());
    let response = match sender.send_request(request(case)).await {
        Ok(response) => response,
        Err(error) => return Verdict::Error { said: root(&error) },
    };
    let status = response.status().as_u16();
    match response.into_body().collect().await {
        Ok(body) => Verdict::Response {
            status,
            body: body.to_bytes().into(),
            ends: match has_ended.get() {
                true => Ends::AtClose,
                false => Ends::ByItself,
            },
        },
        Err(error) => Verdict::BodyError {
            status,
            said: root(&error),
        },
    }
}

/// Answers the request, and ends the connection once all of it was read: on
/// paused time a sleep is over when nobody else has anything to do.
async fn answer(mut server: DuplexStream, raw: Vec<u8>, has_ended: Rc<Cell<bool>>) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if server.read_buf(&mut request).await.unwrap() == 0 {
            return;
        }
    }
    // A client that has refused reads no more.
    let _ = server.write_all(&raw).await;
    sleep(Duration::from_millis(1)).await;
    has_ended.set(true);
    let _ = server.shutdown().await;
    let _ = server.read_to_end(&mut request).await;
}

fn request(case: &Case) -> Request<Empty<Bytes>> {
    let target = match case.method.as_str() {
        "CONNECT" => "a.test:80",
        _ => "/",
    };
    let mut request = Request::builder()
        .method(case.method.as_str())
        .uri(target)
        .header(HOST, "a.test");
    if let Some(upgrade) = &case.upgrade {
        request = request.header(CONNECTION, "upgrade");
        request = request.header(UPGRADE, upgrade);
    }
    request.body(Empty::new()).unwrap()
}

fn root(error: &::hyper::Error) -> String {
    let source = error.source().map(|source| format!(": {source}"));
    format!("{error}{}", source.unwrap_or_default())
}
