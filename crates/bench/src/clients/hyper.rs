use bytes::Bytes;
use http::header::{ACCEPT, HOST};
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::Client;
use crate::Failure;
use crate::load::{Load, Worker};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "hyper",
    settings: "client::conn::http1, a connection and its task for each worker, no pool; \
               TCP_NODELAY; BodyExt::collect",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    load.runtime()?.block_on(async {
        let mut workers = Vec::new();
        for _ in 0..load.in_flight {
            let stream = TcpStream::connect(load.addr).await?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            workers.push(Connection {
                sender,
                target: load.path.parse()?,
                host: load.addr.to_string().parse()?,
            });
        }
        load.drive(workers).await
    })
}

struct Connection {
    sender: SendRequest<Empty<Bytes>>,
    target: Uri,
    host: HeaderValue,
}

impl Worker for Connection {
    async fn get(&mut self) -> Result<usize, Failure> {
        let request = Request::get(self.target.clone())
            .header(HOST, self.host.clone())
            .header(ACCEPT, HeaderValue::from_static("*/*"))
            .body(Empty::new())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        Ok(response.into_body().collect().await?.to_bytes().len())
    }
}
