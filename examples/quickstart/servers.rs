//! HTTP and HTTPS servers in this process, on hyper and tokio-rustls.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::BoxError;

const DOWNLOADED: u64 = 32 * 1024 * 1024;

/// Four servers: plain and secured, on both kinds of loopback address.
pub(crate) struct Servers {
    origins: Vec<String>,
    root_pem: String,
}

impl Servers {
    pub(crate) async fn start() -> Result<Self, BoxError> {
        let (config, root_pem) = certificates()?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut origins = Vec::new();
        for ip in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ] {
            let (Ok(plain), Ok(secured)) = (listen(ip).await, listen(ip).await) else {
                println!("(this machine has no {ip}: left out)\n");
                continue;
            };
            origins.push(format!("http://{}", plain.local_addr()?));
            origins.push(format!("https://{}", secured.local_addr()?));
            tokio::spawn(serve_plain(plain));
            tokio::spawn(serve_secured(secured, acceptor.clone()));
        }
        Ok(Self { origins, root_pem })
    }

    /// What the URLs of the servers begin with; the first is a plain one.
    pub(crate) fn origins(&self) -> &[String] {
        &self.origins
    }

    /// The certificate that vouches for the secured ones.
    pub(crate) fn root_pem(&self) -> &str {
        &self.root_pem
    }
}

async fn listen(ip: IpAddr) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::new(ip, 0)).await
}

async fn serve_plain(listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        tokio::spawn(serve(stream));
    }
}

async fn serve_secured(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).ok();
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(stream: S) {
    // A client that goes away is no error of the server's.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

type Answer = Response<UnsyncBoxBody<Bytes, Infallible>>;

async fn answer(request: Request<Incoming>) -> Result<Answer, hyper::Error> {
    let route = (request.method().clone(), request.uri().path().to_owned());
    let answer = match (&route.0, route.1.as_str()) {
        (&Method::GET, "/hello") => text("a fresh horse\n"),
        (&Method::GET, "/slow") => {
            tokio::time::sleep(Duration::from_secs(60)).await;
            text("at last\n")
        }
        (&Method::POST, "/echo") => {
            let body = request.into_body().collect().await?.to_bytes();
            Response::new(Full::new(body).boxed_unsync())
        }
        (&Method::GET, "/download") => download(),
        (&Method::PUT, "/upload") => text(&format!("{} bytes came\n", count(request).await?)),
        _ => {
            let mut answer = text("there is no such thing here\n");
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    };
    Ok(answer)
}

fn text(text: &str) -> Answer {
    Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())).boxed_unsync())
}

fn download() -> Answer {
    let piece = Bytes::from(vec![b'.'; 64 * 1024]);
    let count = DOWNLOADED / piece.len() as u64;
    let pieces = (0..count).map(move |_| Ok::<_, Infallible>(Frame::data(piece.clone())));
    let mut answer = Response::new(StreamBody::new(stream::iter(pieces)).boxed_unsync());
    answer
        .headers_mut()
        .insert("content-length", DOWNLOADED.into());
    answer
}

async fn count(request: Request<Incoming>) -> Result<u64, hyper::Error> {
    let mut body = request.into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(length)
}

/// A root of our own, and a certificate of it for the loopback addresses.
fn certificates() -> Result<(ServerConfig, String), BoxError> {
    let mut root = CertificateParams::new(Vec::new())?;
    root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root_key = KeyPair::generate()?;
    let root_certificate = root.self_signed(&root_key)?;
    let issuer = Issuer::new(root, root_key);

    let names = [
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
        "localhost".to_owned(),
    ];
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(names)?.signed_by(&key, &issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der())?,
        )?;
    Ok((config, root_certificate.pem()))
}
