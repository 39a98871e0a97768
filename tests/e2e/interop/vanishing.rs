//! A peer that vanishes from the network without a word, and what finds it out.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::time::{Duration, Instant};

use postrider::{Client, ConnectorBuilder, ErrorKind, Keepalive, Sent};
use testing::Server;
use testing::netns::{FarEnd, run_apart};

use crate::support::until;
use crate::transport::always;

#[test]
fn a_peer_that_vanishes_costs_a_request_the_time_that_was_set() {
    run_apart("interop::vanishing::with_a_vanishing_peer");
}

/// Linux itself goes on for a quarter of an hour.
#[tokio::test]
#[ignore = "run by the test above, in namespaces of its own"]
async fn with_a_vanishing_peer() {
    let peer = FarEnd::start("interop::vanishing::peer");
    let addr = FarEnd::ADDR.ip();
    let url = format!("http://{addr}/");
    let second = Duration::from_secs(1);
    let impatient = Client::builder().connector(|it| it.user_timeout(second));
    let asking = |it: ConnectorBuilder| it.keepalive(Keepalive::new(second, second, 2));
    let asking = Client::builder().connector(asking);
    let [impatient, asking] = [impatient, asking].map(|it| it.build().unwrap());
    for client in [&impatient, &asking] {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "here");
    }

    peer.vanish();
    // The kernel takes the request, and hears nothing of it.
    let began = Instant::now();
    let error = impatient.post(&url).body("pay").send().await.unwrap_err();
    let took = began.elapsed().as_millis();
    assert!((1000..3000).contains(&took), "{took} ms");
    assert_eq!(
        error.to_string(),
        format!(
            "POST {url}: waiting for the response from {addr}:80: reading failed: \
             Connection timed out (os error 110) (the request may have been processed)"
        )
    );
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Io, Sent::Wholly));
    assert!(!error.is_retry_safe());

    // And an idle connection goes as soon as nobody answers for it.
    until(|| asking.stats().totals.idle == 0).await;
    let took = began.elapsed().as_millis();
    assert!(took < 7000, "{took} ms");
    assert_eq!(asking.stats().counters.closes.total(), 1);
}

#[tokio::test]
#[ignore = "the far side of the test above"]
async fn peer() {
    FarEnd::arrive();
    let _server = Server::start_on(FarEnd::ADDR, always("here"));
    std::future::pending::<()>().await;
}
