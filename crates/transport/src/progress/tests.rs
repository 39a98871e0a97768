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
        assert!(!progress.has_begun() && !progress.is_under_way());
        let watching = async {
            sleep(50 * MS).await;
            assert!(progress.has_begun() && progress.is_under_way());
            let error = progress.timed_out(&endpoint).unwrap();
            assert_eq!(
                error.to_string(),
                "could not connect to a.test:443: timed out after 50 ms"
            );
        };
        let connecting = tokio::time::timeout(given_up_after, connecting);
        let (_, ()) = tokio::join!(connecting, watching);
        assert!(progress.has_begun() && !progress.is_under_way());
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_connect_at_the_same_time_leaves_the_first_alone() {
    let progress = Progress::new();
    let first = progress.begin(Instant::now());
    first.progress().enter(Phase::Connect);
    first.progress().start(addr(1), Instant::now());
    sleep(10 * MS).await;

    let second = progress.begin(Instant::now());
    second.progress().enter(Phase::Connect);
    second.progress().start(addr(2), Instant::now());
    let refused = || Some(Arc::new(io::ErrorKind::ConnectionRefused.into()));
    second.progress().end(addr(2), refused());
    let of_second = second.progress().take_attempts();
    assert_eq!(of_second.len(), 1);
    assert_eq!(of_second[0].addr, addr(2));
    drop(second);

    assert_eq!(
        text(&progress),
        "could not connect to a.test:443: timed out after 10 ms \
         (192.0.2.1:443: timed out after 10 ms)"
    );
    first.progress().end(addr(1), refused());
    let of_first = first.progress().take_attempts();
    assert_eq!(of_first.len(), 1);
    assert_eq!(of_first[0].addr, addr(1));
}

#[tokio::test(start_paused = true)]
async fn a_progress_shows_one_connect_after_another() {
    let progress = Progress::new();
    for _ in 0..2 {
        let under_way = progress.begin(Instant::now());
        assert!(matches!(under_way, UnderWay::Shown(_)));
        assert!(progress.is_under_way());
        drop(under_way);
        assert!(!progress.is_under_way());
    }
}

/// One that ends at once, while the first waits.
#[tokio::test(start_paused = true)]
async fn concurrent_connects_with_one_progress_end_with_their_own_errors() {
    let connector = Connector::builder()
        .connect_timeout(300 * MS)
        .connect_with(|endpoint| async move {
            match endpoint.port {
                443 => pending().await,
                _ => Err::<tokio::io::Empty, _>(io::ErrorKind::ConnectionRefused.into()),
            }
        })
        .build();
    let progress = Progress::new();
    let slow = endpoint(Security::Plain);
    let quick = Endpoint::new(Host::Name("b.test".into()), 80, Security::Plain);
    let quickly = async {
        sleep(50 * MS).await;
        let error = connector.connect_watched(&quick, &progress).await;
        assert_eq!(
            error.unwrap_err().to_string(),
            "could not connect to b.test:80: connection refused"
        );
        assert!(progress.is_under_way());
        progress.timed_out(&slow).unwrap().to_string()
    };
    let (error, meanwhile) = tokio::join!(connector.connect_watched(&slow, &progress), quickly);
    assert_eq!(
        meanwhile,
        "could not connect to a.test:443: timed out after 50 ms"
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "could not connect to a.test:443: timed out after 300 ms"
    );
    assert!(!progress.is_under_way());
}
