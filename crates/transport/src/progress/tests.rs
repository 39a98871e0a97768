use std::future::pending;

use tokio::time::sleep;

use super::*;
use crate::connector::Connector;
use crate::endpoint::{Host, Security};

const MS: Duration = Duration::from_millis(1);

fn addr(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 443))
}

fn endpoint(security: Security) -> Endpoint {
    Endpoint::new(Host::Name("a.test".into()), 443, security)
}

fn text(progress: &Progress) -> String {
    let error = progress.timed_out(&endpoint(Security::Tls)).unwrap();
    assert!(error.is_timeout());
    error.to_string()
}

#[tokio::test(start_paused = true)]
async fn it_tells_at_each_moment_how_the_connect_would_end_there() {
    let progress = Progress::new();
    assert!(!progress.is_under_way());
    assert!(progress.timed_out(&endpoint(Security::Tls)).is_none());

    let under_way = progress.begin(Instant::now());
    sleep(40 * MS).await;
    assert_eq!(
        text(&progress),
        "could not resolve a.test: timed out after 40 ms"
    );

    progress.enter(Phase::Connect);
    progress.start(addr(1), Instant::now());
    sleep(10 * MS).await;
    progress.start(addr(2), Instant::now());
    let refused = io::ErrorKind::ConnectionRefused.into();
    progress.end(addr(1), Some(Arc::new(refused)));
    sleep(50 * MS).await;
    assert_eq!(
        text(&progress),
        "could not connect to a.test:443: timed out after 100 ms \
         (192.0.2.1:443: connection refused after 10 ms, \
         192.0.2.2:443: timed out after 50 ms)"
    );

    progress.end(addr(2), None);
    progress.enter(Phase::Tls);
    sleep(100 * MS).await;
    assert_eq!(
        text(&progress),
        "TLS handshake with a.test:443 failed: timed out after 200 ms \
         (192.0.2.1:443: connection refused after 10 ms, \
         192.0.2.2:443: TLS handshake timed out after 150 ms)"
    );

    drop(under_way);
    assert!(!progress.is_under_way());
    assert!(progress.timed_out(&endpoint(Security::Tls)).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_connect_is_under_way_from_its_first_poll_until_it_ends_or_is_dropped() {
    let endpoint = endpoint(Security::Plain);
    let connector = Connector::builder()
        .connect_timeout(300 * MS)
        .connect_with(|_| pending::<io::Result<tokio::io::Empty>>())
        .build();
    for given_up_after in [100 * MS, 400 * MS] {
        let progress = Progress::new();
        let connecting = connector.connect_watched(&endpoint, &progress);
        assert!(!progress.is_under_way());
        let watching = async {
            sleep(50 * MS).await;
            let error = progress.timed_out(&endpoint).unwrap();
            assert_eq!(
                error.to_string(),
                "could not connect to a.test:443: timed out after 50 ms"
            );
        };
        let connecting = tokio::time::timeout(given_up_after, connecting);
        let (_, ()) = tokio::join!(connecting, watching);
        assert!(!progress.is_under_way());
    }
}
