//! hyper's server in this process: for tests in which any answer may come on
//! any connection, and must be the right one.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header::{CONNECTION, TRAILER, UPGRADE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use testing::Identity;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A server that says what it was asked.
///
/// | path | answer |
/// |---|---|
/// | `/bytes/N` | N bytes, of known length |
/// | `/chunked/N` | N bytes, chunked |
/// | `/count` | how many bytes the request's body had |
/// | `/back` | the request's body, while it comes |
/// | `/json` | a list of three numbers, byte by byte |
/// | `/trailers` | six bytes, one by one, and a trailer field |
/// | `/upgrade` | another protocol, by which every byte comes back |
/// | `/slow/..` | as below, byte by byte |
/// | other | the method, the path and the request's body |
#[derive(Clone)]
pub(crate) struct Echo {
    tls: Option<TlsAcceptor>,
    tally: Arc<Tally>,
}

#[derive(Default)]
struct Tally {
    connections: AtomicUsize,
    open: AtomicUsize,
}

impl Echo {
    pub(crate) fn plain() -> Self {
        Self {
            tls: None,
            tally: Arc::default(),
        }
    }

    pub(crate) fn tls(identity: &Identity) -> Self {
        Self {
            tls: Some(acceptor(identity)),
            tally: Arc::default(),
        }
    }

    /// Accepts connections on a free port of 127.0.0.1 as long as the runtime runs.
    pub(crate) async fn listen(&self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                tcp.set_nodelay(true).unwrap();
                server.serve(tcp);
            }
        });
        addr
    }

    /// Serves one connection.
    pub(crate) fn serve(&self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        self.tally.connections.fetch_add(1, Ordering::SeqCst);
        self.tally.open.fetch_add(1, Ordering::SeqCst);
        let server = self.clone();
        tokio::spawn(async move {
            let tally = Arc::clone(&server.tally);
            match &server.tls {
                None => converse(stream, tally).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, tally).await;
                    }
                }
            }
            server.tally.open.fetch_sub(1, Ordering::SeqCst);
        });
    }

    pub(crate) fn connections(&self) -> usize {
        self.tally.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn open(&self) -> usize {
        self.tally.open.load(Ordering::SeqCst)
    }
}

async fn converse(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, tally: Arc<Tally>) {
    let answer = service_fn(move |request| answer(request, Arc::clone(&tally)));
    // A client that goes in the middle is what these tests are about.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades()
        .await;
}

type Answer = BoxBody<Bytes, hyper::Error>;

async fn answer(
    request: Request<Incoming>,
    tally: Arc<Tally>,
) -> Result<Response<Answer>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let (_, rest) = path.split_at(1);
    let (first, number) = rest.split_once('/').unwrap_or((rest, ""));
    let length = number.parse().unwrap_or(0);
    if first == "upgrade" {
        return Ok(switch(request, tally));
    }
    let mut response = Response::new(match first {
        "bytes" => whole(vec![b'b'; length]),
        "chunked" => pieces(many(length)),
        "count" => whole(count(request.into_body()).await?.to_string()),
        "back" => request.into_body().boxed(),
        "json" => pieces("[7, 8, 9]".bytes().map(|byte| vec![byte])),
        "trailers" => trailed("abcdef".bytes().map(|byte| vec![byte])),
        "slow" => pieces(said(request).await?.into_iter().map(|byte| vec![byte])),
        _ => whole(said(request).await?),
    });
    if first == "trailers" {
        let name = HeaderValue::from_static("x-sum");
        response.headers_mut().insert(TRAILER, name);
    }
    Ok(response)
}

/// Gives back whatever comes from here on. The connection counts as open until
/// its end.
fn switch(request: Request<Incoming>, tally: Arc<Tally>) -> Response<Answer> {
    tally.open.fetch_add(1, Ordering::SeqCst);
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            let (mut from, mut to) = tokio::io::split(TokioIo::new(upgraded));
            let _ = tokio::io::copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        }
        tally.open.fetch_sub(1, Ordering::SeqCst);
    });
    let mut response = Response::new(whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("echo"));
    response
}

async fn said(request: Request<Incoming>) -> Result<Vec<u8>, hyper::Error> {
    let mut text = format!("{} {} ", request.method(), request.uri().path()).into_bytes();
    text.extend_from_slice(&request.into_body().collect().await?.to_bytes());
    Ok(text)
}

async fn count(mut body: Incoming) -> Result<usize, hyper::Error> {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(length)
}

fn whole(bytes: impl Into<Bytes>) -> Answer {
    Full::new(bytes.into()).map_err(never).boxed()
}

/// A body without a known length, with a turn of the scheduler between its pieces.
fn pieces<I>(pieces: I) -> Answer
where
    I: IntoIterator<Item = Vec<u8>>,
    I::IntoIter: Send + Sync + 'static,
{
    let frames = stream::iter(pieces).then(|piece| async {
        tokio::task::yield_now().await;
        Ok(Frame::data(Bytes::from(piece)))
    });
    BodyExt::boxed(StreamBody::new(frames))
}

/// The same, with a trailer field behind.
fn trailed<I>(pieces: I) -> Answer
where
    I: IntoIterator<Item = Vec<u8>>,
    I::IntoIter: Send + Sync + 'static,
{
    let mut fields = HeaderMap::new();
    fields.insert("x-sum", HeaderValue::from_static("6"));
    let data = pieces.into_iter().map(|it| Frame::data(Bytes::from(it)));
    let frames = stream::iter(data.chain([Frame::trailers(fields)])).then(|frame| async {
        tokio::task::yield_now().await;
        Ok(frame)
    });
    BodyExt::boxed(StreamBody::new(frames))
}

fn many(length: usize) -> impl Iterator<Item = Vec<u8>> + Send + Sync {
    const PIECE: usize = 10_000;
    let pieces = 0..length.div_ceil(PIECE);
    pieces.map(move |number| vec![b'c'; PIECE.min(length - number * PIECE)])
}

fn never(never: Infallible) -> hyper::Error {
    match never {}
}

fn acceptor(identity: &Identity) -> TlsAcceptor {
    let chain = vec![identity.certificate_der().to_vec().into()];
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(identity.key_der().to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key.into())
        .unwrap();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsAcceptor::from(Arc::new(config))
}
