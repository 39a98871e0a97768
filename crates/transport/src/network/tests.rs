//! What a failed handshake means for the race, on paused time and over streams in memory.

use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{DuplexStream, duplex};
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::error::ConnectErrorKind;
use crate::eyeballs::Batch;
use crate::guard::BoxFuture;
use crate::tls::{ServerName, TlsErrorKind, TlsSettings};

/// What a host does with a connection that it has accepted.
#[derive(Clone, Copy)]
enum Host {
    Serves,
    Stalls,
    Closes,
}

/// Hosts by their addresses, in the order in which they are tried.
const FIRST: &str = "192.0.2.1:443";
const SECOND: &str = "192.0.2.2:443";

/// The only batch of a lookup.
struct Known(Option<Vec<SocketAddr>>);

impl Supply for Known {
    async fn next(mut self) -> Option<(Self, Batch)> {
        let addrs = self.0.take()?;
        Some((self, Ok(addrs)))
    }
}

/// Connects to the first or else the second host, of which each handshake has five seconds and all
/// together have ten, and gives the seconds that it took.
async fn connect(first: Host, second: Host) -> (Result<Connected, Failure>, u64) {
    let (settings, acceptor) = identity();
    let addrs = [FIRST, SECOND].map(|addr| addr.parse().unwrap());
    let began = Instant::now();
    let progress = Progress::new();
    let under_way = progress.begin(began);
    let progress = under_way.progress();
    let dial = move |addr| {
        let host = if addr == addrs[0] { first } else { second };
        let (ours, theirs) = duplex(16 * 1024);
        tokio::spawn(host.meet(theirs, acceptor.clone()));
        Box::pin(async { Ok(Stream::custom(ours)) }) as BoxFuture<_>
    };
    let lookup = Known(Some(addrs.to_vec()));
    let mut race = Race::start(RaceOptions::default(), progress, lookup, dial);
    let handshake = Handshake {
        settings: &settings,
        name: ServerName::parse("a.test").unwrap(),
        timeout: Duration::from_secs(5),
    };
    let deadline = began + Duration::from_secs(10);
    let connecting = connect_by_race(
        &mut race,
        Source::Known,
        Some(handshake),
        progress,
        deadline,
    );
    let outcome = connecting.await;
    (outcome, began.elapsed().as_secs())
}

impl Host {
    async fn meet(self, client: DuplexStream, acceptor: TlsAcceptor) {
        match self {
            Self::Closes => drop(client),
            Self::Serves => drop(acceptor.accept(client).await),
            Self::Stalls => {
                let _open = client;
                std::future::pending().await
            }
        }
    }
}

/// A certificate for `a.test` that stands for itself, and settings that trust it.
fn identity() -> (TlsSettings, TlsAcceptor) {
    let own = rcgen::generate_simple_self_signed(["a.test".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let certificate = CertificateDer::from(own.cert.der().to_vec());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let settings = TlsSettings::builder()
        .add_root_der(certificate.to_vec())
        .only_added_roots()
        .build()
        .unwrap();
    (settings, TlsAcceptor::from(Arc::new(config)))
}

/// Each address with what it failed of, and after how many seconds.
fn told(attempts: &[Attempt]) -> Vec<(String, Option<io::ErrorKind>, u64)> {
    attempts
        .iter()
        .map(|attempt| {
            let kind = attempt.error.as_ref().map(|error| error.kind());
            (attempt.addr.to_string(), kind, attempt.elapsed.as_secs())
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_stalled_handshake_costs_its_own_time_and_the_race_goes_on() {
    let (outcome, seconds) = connect(Host::Stalls, Host::Serves).await;
    let facts = outcome.unwrap().facts;
    assert_eq!(seconds, 5);
    assert_eq!(facts.remote, Some(SECOND.parse().unwrap()));
    let stalled = (FIRST.to_owned(), Some(io::ErrorKind::TimedOut), 5);
    assert_eq!(
        told(&facts.attempts),
        [stalled, (SECOND.to_owned(), None, 0)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_breaks_underneath_costs_no_time() {
    let (outcome, seconds) = connect(Host::Closes, Host::Serves).await;
    let facts = outcome.unwrap().facts;
    assert_eq!(seconds, 0);
    assert_eq!(facts.remote, Some(SECOND.parse().unwrap()));
    assert_eq!(told(&facts.attempts).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn where_every_handshake_stalls_every_address_is_told_with_its_time() {
    let (outcome, seconds) = connect(Host::Stalls, Host::Stalls).await;
    let failure = outcome.unwrap_err();
    assert_eq!(seconds, 10);
    let phase = Phase::Tls;
    assert_eq!(failure.kind, ConnectErrorKind::TimedOut { phase });
    let stalled = |addr: &str| (addr.to_owned(), Some(io::ErrorKind::TimedOut), 5);
    assert_eq!(told(&failure.attempts), [stalled(FIRST), stalled(SECOND)]);
}

#[tokio::test(start_paused = true)]
async fn where_every_handshake_breaks_the_handshake_is_the_cause() {
    let (outcome, seconds) = connect(Host::Closes, Host::Closes).await;
    let failure = outcome.unwrap_err();
    assert_eq!(seconds, 0);
    assert_eq!(failure.kind, ConnectErrorKind::Tls(TlsErrorKind::Closed));
    assert_eq!(told(&failure.attempts).len(), 2);
}
