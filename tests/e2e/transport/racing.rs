//! The race between a host's addresses, as its options change it.

use std::io;
use std::ops::Range;
use std::time::{Duration, Instant};

use postrider::{Client, ConnectorBuilder};
use testing::Server;

use super::always;
use super::out_of_time::BlackHole;

/// How many milliseconds a request takes, to a host of which only the last
/// address answers.
async fn assert_takes(
    black_holes: usize,
    within: Range<u128>,
    change: impl FnOnce(ConnectorBuilder) -> ConnectorBuilder,
) -> Vec<io::ErrorKind> {
    let server = Server::start(always("good"));
    let holes: Vec<_> = (0..black_holes).map(|_| BlackHole::dig()).collect();
    let addrs = holes.iter().map(|hole| hole.addr).chain([server.addr()]);
    let client = Client::builder().resolve("api.test", addrs);
    let client = client.connector(change).build().unwrap();
    let began = Instant::now();
    let response = client.get("http://api.test/").send().await.unwrap();
    let took = began.elapsed().as_millis();
    assert!(within.contains(&took), "{took} ms");
    assert_eq!(response.remote_addr(), Some(server.addr()));
    let attempts = response.connection().attempts().iter();
    let failed = attempts.filter_map(|attempt| attempt.error.as_ref());
    failed.map(|error| error.kind()).collect()
}

const SLOWER: io::ErrorKind = io::ErrorKind::Interrupted;

#[tokio::test]
async fn an_address_that_does_not_answer_costs_the_attempt_delay() {
    let failed = assert_takes(2, 500..1200, |it| it).await;
    assert_eq!(failed, [SLOWER; 2]);
    let ms = Duration::from_millis;
    let failed = assert_takes(2, 100..400, |it| it.attempt_delay(ms(50))).await;
    assert_eq!(failed, [SLOWER; 2]);
    // RFC 8305 §5: never less than 10 ms.
    let failed = assert_takes(2, 20..400, |it| it.attempt_delay(ms(0))).await;
    assert_eq!(failed, [SLOWER; 2]);
}

#[tokio::test]
async fn where_one_attempt_may_be_under_way_it_makes_room_after_a_second_syns_time() {
    let failed = assert_takes(1, 1500..2500, |it| it.most_attempts(1)).await;
    assert_eq!(failed, [io::ErrorKind::TimedOut]);
}
