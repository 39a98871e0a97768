//! Limits on connections: who waits, who is served first, who makes room, and
//! who fails. A little over 400 lines: the rules of the line, side by side.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Client, Error, ErrorKind, KeyLimits, Phase, Policy, Response, Retirement, Sent};
use testing::{MemoryStream, Script, Server, Signal};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{Instant, sleep};

use crate::support::{builder_of, ok, received, until};

const SECOND: Duration = Duration::from_secs(1);

type Sending = JoinHandle<Result<Response, Error>>;

fn limited(server: &Arc<Server>, limits: KeyLimits) -> Client {
    builder_of(server)
        .pool(Policy::default().with_per_key(limits))
        .build()
        .unwrap()
}

fn one() -> KeyLimits {
    KeyLimits::default().with_max_connections(1)
}

/// Sends a request, and comes back when it stands in line.
async fn line_up(client: &Client, url: &str) -> Sending {
    let before = client.stats().totals.waiting;
    let sending = tokio::spawn(client.get(url).send());
    until(|| client.stats().totals.waiting > before).await;
    sending
}

/// Sends a request that holds its connection until the server is told.
async fn hold(client: &Client, url: &str) -> Sending {
    let before = client.stats().totals.lent;
    let sending = tokio::spawn(client.get(url).send());
    until(|| client.stats().totals.lent > before).await;
    sending
}

#[tokio::test]
async fn one_origin_gets_no_more_connections_than_it_may_and_serves_in_order() {
    let answer = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .wait(&answer)
        .write(ok("ok"))
        .repeat(usize::MAX, Script::respond(ok("ok")))]));
    let client = limited(&server, one());
    let mut sent = vec![hold(&client, "http://a.test/0").await];
    for number in 1..6 {
        sent.push(line_up(&client, &format!("http://a.test/{number}")).await);
    }
    let totals = client.stats().totals;
    assert_eq!((totals.connections(), totals.waiting), (1, 5));

    answer.notify();
    for (number, response) in join_all(sent).await.into_iter().enumerate() {
        let response = response.unwrap().unwrap();
        let connection = response.connection();
        assert_eq!(connection.request(), number as u64 + 1);
        // Handed straight on: it never lay idle.
        assert_eq!(
            (connection.is_reused(), connection.idle_for()),
            (number > 0, None)
        );
        assert_eq!(response.text().await.unwrap(), "ok");
    }
    assert_eq!(server.connections(), 1);
    let order: Vec<usize> = received(&server, 0)
        .lines()
        .filter_map(|line| {
            line.strip_prefix("GET /")?
                .strip_suffix(" HTTP/1.1")?
                .parse()
                .ok()
        })
        .collect();
    assert_eq!(order, [0, 1, 2, 3, 4, 5]);
    let counters = client.stats().counters;
    assert_eq!(
        (counters.handed_on, counters.reuses, counters.waits),
        (5, 0, 6)
    );
    assert!(counters.wait_time > Duration::ZERO);
}

#[tokio::test]
async fn each_origin_may_have_limits_of_its_own() {
    let server = Arc::new(Server::in_memory([Script::new().stall()]));
    let client = builder_of(&server)
        .pool_max_connections_per_host(3)
        .pool_limits_for("http://fragile.test/any", one().with_max_waiting(1))
        .build()
        .unwrap();
    let mut sent = Vec::new();
    for origin in ["http://fragile.test/", "http://sturdy.test/"] {
        for _ in 0..4 {
            sent.push(tokio::spawn(client.get(origin).send()));
        }
    }
    until(|| client.stats().totals.lent == 4 && client.stats().totals.waiting == 2).await;
    for (origin, counts) in client.stats().origins {
        let expected = if origin == "http://fragile.test" {
            (1, 1)
        } else {
            (3, 1)
        };
        assert_eq!((counts.lent, counts.waiting), expected, "{origin}");
    }
    for sending in sent {
        sending.abort();
    }
    let error = Client::builder()
        .pool_limits_for("ftp://a.test", one())
        .build()
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the client can't be built: no origin to have limits: \
         invalid URL: the scheme is neither http nor https"
    );
}

#[tokio::test]
async fn at_the_total_limit_an_idle_connection_of_another_origin_makes_room() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let client = builder_of(&server).pool_max_connections(2).build().unwrap();
    for origin in ["http://a.test/", "http://b.test/", "http://c.test/"] {
        client.get(origin).send().await.unwrap();
        assert!(client.stats().totals.connections() <= 2);
    }
    // The one that has idled longest went.
    server.closed(0).await;
    assert_eq!(server.open(), 2);
    let stats = client.stats();
    assert_eq!(stats.counters.closes.of(Retirement::MadeRoom), 1);
    let origins: Vec<_> = stats.origins.iter().map(|(origin, _)| origin).collect();
    assert_eq!(origins, ["http://b.test", "http://c.test"]);
}

#[tokio::test]
async fn at_the_total_limit_no_origin_starves() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let client = builder_of(&server).pool_max_connections(2).build().unwrap();
    let requests = (0..60).map(|number| {
        let url = format!("http://origin-{}.test/", number % 6);
        client.get(url).send()
    });
    for result in join_all(requests).await {
        assert_eq!(result.unwrap().text().await.unwrap(), "ok");
    }
    let totals = client.stats().totals;
    assert!(
        totals.connections() <= 2 && totals.waiting == 0,
        "{totals:?}"
    );
}

#[tokio::test]
async fn a_full_line_refuses_and_serves_those_who_stand_in_it() {
    let answer = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .wait(&answer)
        .write(ok("ok"))
        .repeat(usize::MAX, Script::respond(ok("ok")))]));
    let client = limited(&server, one().with_max_waiting(2));
    let held = hold(&client, "http://a.test/").await;
    let lined = [
        line_up(&client, "http://a.test/").await,
        line_up(&client, "http://a.test/").await,
    ];
    let error = client
        .get("http://a.test/?secret")
        .send()
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Pool, Phase::Acquire)
    );
    assert_eq!(error.sent(), Sent::Nothing);
    assert_eq!(
        error.to_string(),
        "GET http://a.test/: waiting for a connection: the pool's waiting line is full"
    );
    // Another origin has a line of its own.
    let other = hold(&client, "http://b.test/").await;
    answer.notify();
    for sending in [held, other].into_iter().chain(lined) {
        assert_eq!(sending.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(client.stats().counters.waits_refused, 1);
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_line_for_too_long_fails_by_a_limit_of_its_own() {
    let server = Arc::new(Server::in_memory([Script::new().stall()]));
    let client = builder_of(&server)
        .pool(Policy::default().with_per_key(one()))
        .acquire_timeout(2 * SECOND)
        .build()
        .unwrap();
    let held = hold(&client, "http://a.test/1").await;
    let begun = Instant::now();
    let ask = |url| client.get(url);
    let (two, five) = tokio::join!(
        async { (ask("http://a.test/2").send().await, begun.elapsed()) },
        async {
            let request = ask("http://a.test/3").acquire_timeout(5 * SECOND);
            (request.send().await, begun.elapsed())
        },
    );
    for ((result, elapsed), seconds) in [(two, 2), (five, 5)] {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Timeout, Phase::Acquire)
        );
        assert!(error.is_timeout() && error.is_retry_safe() && !error.is_connect());
        assert_eq!(error.sent(), Sent::Nothing);
        assert_eq!(elapsed.as_secs(), seconds);
        let text = error.to_string();
        let end = format!(": waiting for a connection: timed out: none was free for {seconds}s");
        assert!(text.ends_with(&end), "{text}");
    }
    let stats = client.stats();
    assert_eq!((stats.totals.waiting, stats.timeouts), (0, 2));
    assert_eq!(stats.counters.waits_given_up, 2);
    held.abort();
}

/// A client that takes three seconds to connect.
fn slow(server: &Arc<Server>) -> postrider::ClientBuilder {
    let server = Arc::clone(server);
    Client::builder().connect_with(move |_| {
        let server = Arc::clone(&server);
        async move {
            sleep(3 * SECOND).await;
            Ok(server.connect())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn the_limit_on_waiting_in_line_is_not_one_on_connecting() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let client = slow(&server).acquire_timeout(SECOND).build().unwrap();
    let begun = Instant::now();
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_to_wait_in_line_at_all_may_still_connect() {
    let server = Arc::new(Server::in_memory([Script::new().stall()]));
    let client = slow(&server)
        .acquire_timeout(Duration::ZERO)
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let held = hold(&client, "http://a.test/").await;
    let begun = Instant::now();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Acquire)
    );
    assert!(begun.elapsed() < SECOND);
    held.abort();
}

#[tokio::test(start_paused = true)]
async fn the_limit_on_connecting_spans_the_line() {
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .pause(2 * SECOND)
        .close()]));
    let client = slow(&server)
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let held = hold(&client, "http://a.test/").await;
    let begun = Instant::now();
    // Two seconds in line, and three to connect.
    let request = client.get("http://a.test/").connect_timeout(4 * SECOND);
    let error = request.send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Connect)
    );
    assert_eq!(begun.elapsed().as_secs(), 4);
    assert!(held.await.unwrap().is_err());
}

#[tokio::test]
async fn one_failed_dial_fails_those_who_waited_when_it_began() {
    let (dials, fail) = (Arc::new(AtomicUsize::new(0)), Signal::new());
    let (count, now) = (Arc::clone(&dials), fail.clone());
    let client = Client::builder()
        .connect_with(move |_| {
            count.fetch_add(1, Ordering::SeqCst);
            let now = now.clone();
            async move {
                now.wait().await;
                Err::<MemoryStream, _>(io::ErrorKind::HostUnreachable.into())
            }
        })
        .pool_max_connections(1)
        .build()
        .unwrap();
    // The only connection that there may be is on its way elsewhere, so that
    // all of these stand in line when their first dial begins.
    let elsewhere = line_up(&client, "http://b.test/").await;
    let mut sent = Vec::new();
    for number in 0..4 {
        sent.push(line_up(&client, &format!("http://a.test/{number}")).await);
    }
    assert_eq!(dials.load(Ordering::SeqCst), 1);
    fail.notify();
    for (number, result) in join_all(sent).await.into_iter().enumerate() {
        let error = result.unwrap().unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Connect, Phase::Connect)
        );
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("GET http://a.test/{number}: ")),
            "{text}"
        );
        assert!(text.contains("host unreachable"), "{text}");
    }
    assert!(elsewhere.await.unwrap().is_err());
    assert_eq!(dials.load(Ordering::SeqCst), 2, "one for each origin");
    assert_eq!(client.stats().counters.dial_failures, 2);
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn whoever_gives_up_in_line_lets_the_next_one_pass() {
    let answer = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .wait(&answer)
        .write(ok("first"))
        .read_request()
        .write(ok("second"))]));
    let client = limited(&server, one());
    let first = hold(&client, "http://a.test/1").await;
    let given_up = line_up(&client, "http://a.test/2").await;
    let second = line_up(&client, "http://a.test/3").await;
    given_up.abort();
    until(|| client.stats().totals.waiting == 1).await;
    answer.notify();
    for (sending, body) in [(first, "first"), (second, "second")] {
        let response = sending.await.unwrap().unwrap();
        assert_eq!(response.text().await.unwrap(), body);
    }
    assert!(!received(&server, 0).contains("GET /2"));
}

#[tokio::test]
async fn limits_hold_at_every_moment() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let client = builder_of(&server)
        .pool_max_connections(5)
        .pool_max_connections_per_host(2)
        .build()
        .unwrap();
    let most = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let riders = (0..24).map(|number| {
        let (client, most) = (client.clone(), Arc::clone(&most));
        tokio::spawn(async move {
            for turn in 0..20 {
                let url = format!("http://origin-{}.test/", (number + turn) % 7);
                let response = client.get(url).send().await.unwrap();
                let stats = client.stats();
                let counts = stats.origins.iter().map(|(_, counts)| counts.connections());
                let worst = counts.max().unwrap_or(0);
                most.0
                    .fetch_max(stats.totals.connections(), Ordering::SeqCst);
                most.1.fetch_max(worst, Ordering::SeqCst);
                response.bytes().await.unwrap();
                yield_now().await;
            }
        })
    });
    for rider in join_all(riders).await {
        rider.unwrap();
    }
    let most = (most.0.load(Ordering::SeqCst), most.1.load(Ordering::SeqCst));
    assert_eq!(most, (5, 2), "reached, and never passed");
}
