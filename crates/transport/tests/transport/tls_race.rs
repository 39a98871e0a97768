//! What a failed handshake means for the other addresses of the host.

use std::pin::Pin;
use std::time::Duration;

use postrider_transport::{Answers, ConnectErrorKind, Connector, Phase, TlsErrorKind};

use crate::authority::{Authority, expired, server};
use crate::names::By;
use crate::support::{closed_port, failure, listen, plain_at, reset, soon};
use crate::tls_server::{both_versions, knowing_and_trusting, serve_one, tls, trusting};

#[tokio::test]
async fn the_race_goes_on_when_a_handshake_stalls() {
    let authority = Authority::new();
    // Accepted by the kernel, and never served.
    let (_silent, stalling) = listen().await;
    let (listener, good) = listen().await;
    let serving = serve_one(listener, both_versions(&authority.identity("a.test")));
    let connector = knowing_and_trusting(&[stalling, good], &authority)
        .tls_timeout(Duration::from_millis(200))
        .build();
    let facts = connector.connect(&tls("a.test")).await.unwrap().facts;
    assert_eq!(facts.remote, Some(good));
    serving.await.unwrap().unwrap();
    let kinds: Vec<_> = facts
        .attempts
        .iter()
        .map(|attempt| attempt.error.as_ref().map(|error| error.kind()))
        .collect();
    assert_eq!(kinds, [Some(std::io::ErrorKind::TimedOut), None]);
    assert!(facts.attempts[0].elapsed >= Duration::from_millis(200));
}

#[tokio::test]
async fn the_race_goes_on_when_a_handshake_breaks_underneath() {
    let authority = Authority::new();
    let (breaking, broken) = listen().await;
    let breaker = tokio::spawn(async move { reset(breaking.accept().await.unwrap().0) });
    let (listener, good) = listen().await;
    let serving = serve_one(listener, both_versions(&authority.identity("a.test")));
    let connector = knowing_and_trusting(&[broken, good], &authority).build();
    let facts = connector.connect(&tls("a.test")).await.unwrap().facts;
    assert_eq!(facts.remote, Some(good));
    serving.await.unwrap().unwrap();
    breaker.await.unwrap();
}

#[tokio::test]
async fn a_wait_for_further_addresses_after_a_handshake_is_the_resolvers() {
    let (breaking, broken) = listen().await;
    let breaker = tokio::spawn(async move { reset(breaking.accept().await.unwrap().0) });
    let resolver = By(move |_: &str| {
        Answers::from_lookups([
            Box::pin(async move { Ok(vec![broken]) }) as Pin<Box<dyn Future<Output = _> + Send>>,
            Box::pin(std::future::pending()),
        ])
    });
    let connector = Connector::builder()
        .resolver(resolver)
        .tls(trusting(&Authority::new()))
        .connect_timeout(Duration::from_millis(300))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let phase = Phase::Resolve;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    breaker.await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_will_not_do_ends_the_race() {
    let authority = Authority::new();
    let (listener, bad) = listen().await;
    let config = both_versions(&authority.issue(expired(server(&["a.test"]))));
    let serving = serve_one(listener, config);
    let (untouched, good) = listen().await;
    let connector = knowing_and_trusting(&[bad, good], &authority).build();
    let error = failure(&connector, &tls("a.test")).await;
    assert_eq!(error.kind(), ConnectErrorKind::Tls(TlsErrorKind::Expired));
    assert!(serving.await.unwrap().is_err());
    // The first to come is one who was sent here.
    let stranger = plain_at(good);
    let stranger = Connector::builder().build().connect(&stranger).await;
    let (_, client) = untouched.accept().await.unwrap();
    assert_eq!(stranger.unwrap().facts.local, Some(client));
}

#[tokio::test]
async fn when_no_handshake_succeeds_every_address_is_told() {
    let authority = Authority::new();
    let (_first, first) = listen().await;
    let (_second, second) = listen().await;
    let connector = knowing_and_trusting(&[first, second], &authority)
        .tls_timeout(Duration::from_millis(50))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let phase = Phase::Tls;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    let tried: Vec<_> = error.attempts().iter().map(|a| a.addr).collect();
    assert_eq!(tried, [first, second]);
}

#[tokio::test]
async fn the_connect_timeout_bounds_handshakes_too() {
    let (_silent, stalling) = listen().await;
    let connector = knowing_and_trusting(&[stalling], &Authority::new())
        .connect_timeout(Duration::from_millis(100))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let phase = Phase::Tls;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert!(error.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_handshake_that_uses_all_the_time_up_is_what_is_told() {
    let (_silent, stalling) = listen().await;
    let (_untried, other) = listen().await;
    let connector = knowing_and_trusting(&[stalling, other], &Authority::new())
        .connect_timeout(Duration::from_millis(100))
        .build();
    let error = failure(&connector, &tls("a.test")).await;
    let phase = Phase::Tls;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    let tried: Vec<_> = error.attempts().iter().map(|a| a.addr).collect();
    assert_eq!(tried, [stalling]);
}

#[tokio::test]
async fn delays_and_timeouts_may_be_as_short_and_as_long_as_they_like() {
    let authority = Authority::new();
    let extremes = [Duration::ZERO, Duration::MAX];
    for attempt_delay in extremes {
        for resolution_delay in extremes {
            for most in [0, usize::MAX] {
                let (listener, good) = listen().await;
                let config = both_versions(&authority.identity("a.test"));
                let serving = serve_one(listener, config);
                let addrs = [closed_port().await, good];
                let connector = knowing_and_trusting(&addrs, &authority)
                    .attempt_delay(attempt_delay)
                    .resolution_delay(resolution_delay)
                    .most_attempts(most)
                    .connect_timeout(Duration::MAX)
                    .tls_timeout(Duration::MAX)
                    .build();
                let connected = soon(connector.connect(&tls("a.test"))).await;
                assert_eq!(connected.unwrap().facts.remote, Some(good));
                serving.await.unwrap().unwrap();
            }
        }
    }
}
