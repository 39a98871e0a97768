//! Operating a client: warming, closing what idles, shutting down, and what
//! its last clone leaves behind.

use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use postrider::{Client, ErrorKind, KeyLimits, Phase, Policy, Response, Retirement, Sent, Stale};
use testing::{Ending, MemoryStream, Script, Server, Signal};
use tokio::time::{Instant, sleep, timeout};

use crate::doomed::Doom;
use crate::support::{builder_of, client_of, ok, poll_at_most, until};

const SECOND: Duration = Duration::from_secs(1);

fn always_ok() -> [Script; 1] {
    [Script::respond_always(ok("ok"))]
}

async fn get(client: &Client, url: &str) -> Response {
    client.get(url).send().await.unwrap()
}

#[tokio::test]
async fn warmed_connections_stand_ready_for_requests() {
    let server = Server::start(always_ok());
    let client = Client::new();
    assert_eq!(client.warm(server.url("/x"), 3).await.unwrap(), 3);
    assert_eq!(client.stats().totals.idle, 3);
    server.accepted(3).await;

    let response = get(&client, &server.url("/")).await;
    assert!(response.connection().is_reused());
    assert_eq!(response.connection().request(), 1);
    assert!(response.timings().dial().is_none());
    assert_eq!(server.connections(), 3);

    assert_eq!(client.warm(server.url("/"), 2).await.unwrap(), 0);
    assert_eq!(client.warm(server.url("/"), 4).await.unwrap(), 1);
    assert_eq!(client.stats().totals.idle, 4);
}

#[tokio::test]
async fn warming_keeps_to_the_limits() {
    let server = Arc::new(Server::in_memory(always_ok()));
    let client = builder_of(&server)
        .pool_max_connections_per_host(2)
        .build()
        .unwrap();
    assert_eq!(client.warm("http://a.test", 5).await.unwrap(), 2);
    assert_eq!(client.warm("http://a.test", 5).await.unwrap(), 0);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn warming_tells_what_went_wrong() {
    let client = Client::builder()
        .connect_with(|_| async { Err::<MemoryStream, _>(io::ErrorKind::PermissionDenied.into()) })
        .build()
        .unwrap();
    let error = client.warm("https://a.test/path", 2).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    let text = error.to_string();
    assert!(text.starts_with("https://a.test: "), "{text}");
    assert!(text.ends_with("permission denied"), "{text}");

    let error = client.warm("ftp://a.test", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Request);
    let error = client.close_idle_for("/path").unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid URL: the scheme is neither http nor https"
    );
    let _ = client.shutdown(SECOND).await;
    let error = client.warm("https://a.test", 1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    assert_eq!(
        error.to_string(),
        "https://a.test: waiting for a connection: the client was shut down"
    );
}

#[tokio::test]
async fn idle_connections_close_on_demand_and_lent_ones_stay() {
    let server = Arc::new(Server::in_memory([
        Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"),
        Script::respond_always(ok("ok")),
    ]));
    let client = client_of(&server);
    let lent = get(&client, "http://a.test/").await;
    client.warm("http://a.test", 1).await.unwrap();
    client.warm("http://b.test", 2).await.unwrap();
    assert_eq!(client.close_idle_for("http://b.test/any?x").unwrap(), 2);
    assert_eq!(client.close_idle_for("https://a.test").unwrap(), 0);
    assert_eq!(client.stats().totals.idle, 1);
    server.closed(2).await;
    server.closed(3).await;
    assert_eq!(server.open(), 2);

    assert_eq!(client.close_idle(), 1);
    server.closed(1).await;
    let stats = client.stats();
    assert_eq!((stats.totals.idle, stats.totals.lent), (0, 1));
    assert_eq!(stats.counters.closes.of(Retirement::Evicted), 3);
    drop(lent);
}

#[tokio::test(start_paused = true)]
async fn what_is_evicted_is_chosen_by_facts() {
    let server = Arc::new(Server::in_memory(always_ok()));
    let client = client_of(&server);
    let first = get(&client, "http://a.test/").await.connection().id();
    sleep(4 * SECOND).await;
    get(&client, "http://a.test/").await;
    let second = get(&client, "http://b.test:81/").await.connection().id();
    sleep(3 * SECOND).await;

    let mut seen = Vec::new();
    let evicted = client.evict(|idle| {
        assert_eq!(idle.remote_addr(), None);
        seen.push((
            idle.id(),
            idle.origin(),
            idle.age().as_secs(),
            idle.idle_for().as_secs(),
            idle.requests(),
        ));
        idle.requests() > 1
    });
    seen.sort_unstable();
    assert_eq!(
        seen,
        [
            (first, "http://a.test".to_owned(), 7, 3, 2),
            (second, "http://b.test:81".to_owned(), 3, 3, 1)
        ]
    );
    assert_eq!(evicted, 1);
    server.closed(0).await;
    assert_eq!((server.open(), client.stats().totals.idle), (1, 1));
}

#[tokio::test]
async fn what_is_evicted_is_chosen_by_address() {
    let server = Server::start(always_ok());
    let client = Client::new();
    client.warm(server.url(""), 2).await.unwrap();
    let elsewhere = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
    let is_at = |ip| client.evict(|idle| idle.remote_addr().is_some_and(|it| it.ip() == ip));
    assert_eq!(is_at(elsewhere), 0);
    assert_eq!(is_at(Ipv4Addr::LOCALHOST.into()), 2);
}

#[tokio::test]
async fn after_a_shutdown_requests_fail_at_once_and_running_ones_have_finished() {
    let (arrived, answer) = (Signal::new(), Signal::new());
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .notify(&arrived)
        .wait(&answer)
        .write(ok("running"))
        .read_request()
        .write(ok("in line"))]));
    let client = builder_of(&server)
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let running = tokio::spawn(client.get("http://a.test/1").send());
    arrived.wait().await;
    let in_line = tokio::spawn(client.get("http://a.test/2").send());
    until(|| client.stats().totals.waiting == 1).await;

    let shutdown = tokio::spawn({
        let client = client.clone();
        async move { client.shutdown(10 * SECOND).await }
    });
    let late = async || client.post("http://a.test/3").body("x").send().await;
    let error = loop {
        // It is shut down once its future was polled.
        match timeout(SECOND / 100, late()).await {
            Ok(result) => break result.unwrap_err(),
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(
        (error.kind(), error.phase(), error.sent()),
        (ErrorKind::ShutDown, Phase::Acquire, Sent::Nothing)
    );
    assert_eq!(
        error.to_string(),
        "POST http://a.test/3: waiting for a connection: the client was shut down"
    );
    assert!(!error.is_retry_safe(), "it would fail again");
    assert!(!shutdown.is_finished());

    answer.notify();
    let response = running.await.unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "running");
    let response = in_line.await.unwrap().unwrap();
    assert_eq!(response.text().await.unwrap(), "in line");
    let left = shutdown.await.unwrap();
    assert_eq!(left, client.stats().totals);
    assert_eq!((left.connections(), left.waiting), (0, 0));
    server.closed(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_with_its_deadline_and_tells_what_was_left() {
    let server = Arc::new(Server::in_memory([
        Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf").read_to_end(),
        Script::new().stall(),
    ]));
    let client = builder_of(&server)
        .pool(
            Policy::default()
                .with_per_key(KeyLimits::default().with_max_connections(1))
                .with_max_connections(2),
        )
        .build()
        .unwrap();
    let lent = tokio::spawn(client.get("http://a.test/1").send());
    server.accepted(1).await;
    lent.await.unwrap().unwrap().bytes().await.unwrap();
    let stalled = tokio::spawn(client.get("http://b.test/2").send());
    server.accepted(2).await;
    let in_line = tokio::spawn(client.get("http://b.test/3").send());
    until(|| client.stats().totals.waiting == 1).await;
    assert_eq!(client.stats().totals.idle, 1);

    let begun = Instant::now();
    let left = client.shutdown(3 * SECOND).await;
    assert_eq!(begun.elapsed().as_secs(), 3);
    assert_eq!(
        (left.idle, left.lent, left.dialling, left.waiting),
        (0, 1, 0, 1)
    );
    let error = in_line.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    assert_eq!(server.finished(0).await, Ending::Complete);
    // It is left alone.
    assert!(!stalled.is_finished());
    stalled.abort();
}

#[tokio::test(start_paused = true)]
async fn stats_tell_where_a_closed_connection_was_noticed() {
    let closing = || Script::respond(ok("ok")).close();
    let server = Arc::new(Server::in_memory([
        closing(),
        closing(),
        Script::respond(ok("ok")).read_to_end(),
        Script::respond(ok("ok")).read_request().close(),
        Script::respond_always(ok("ok")),
    ]));
    let doom = Doom::default();
    let client = doom.client(&server, Client::builder());
    let ask = async || drop(get(&client, "http://a.test/").await);
    let stale = || {
        let stale = client.stats().stale;
        let Stale {
            at_idle,
            at_checkout,
            at_write,
            at_read,
            ..
        } = stale;
        (at_idle, at_checkout, at_write, at_read)
    };
    ask().await;
    server.closed(0).await;
    ask().await;
    assert_eq!(stale(), (0, 1, 0, 0));
    server.closed(1).await;
    sleep(2 * SECOND).await;
    assert_eq!(stale(), (1, 1, 0, 0));
    ask().await;
    doom.strike();
    ask().await;
    assert_eq!(stale(), (1, 1, 1, 0));
    ask().await;
    assert_eq!(stale(), (1, 1, 1, 1));
    assert_eq!((server.connections(), client.stats().retries), (5, 2));
}

#[tokio::test(start_paused = true)]
async fn warming_given_up_at_any_poll_leaves_nothing_half_done() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    for polls in 0..6 {
        let client = builder_of(&server)
            .pool_max_connections_per_host(2)
            .build()
            .unwrap();
        let warming = client.warm("http://a.test", 2);
        let made = poll_at_most(polls, warming).await.transpose().unwrap();
        // What was begun ends well, and stays.
        let settled = || client.stats().totals.dialling == 0;
        until(settled).await;
        let totals = client.stats().totals;
        let idle = if polls == 0 { 0 } else { 2 };
        assert_eq!((totals.idle, totals.waiting), (idle, 0), "{polls}");
        assert!(made.is_none_or(|made| made == 2));
        drop(get(&client, "http://a.test/").await);
        assert_eq!(client.stats().totals.lent, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_given_up_at_any_poll_is_one_from_the_first_poll_on() {
    let script = Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nhalf");
    for polls in 0..4 {
        let rest = Signal::new();
        let server = Arc::new(Server::in_memory([
            Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                .wait(&rest)
                .write("half"),
            script.clone(),
        ]));
        let client = client_of(&server);
        let lent = get(&client, "http://a.test/").await;
        client.warm("http://a.test", 1).await.unwrap();
        let left = poll_at_most(polls, client.shutdown(SECOND)).await;
        assert!(left.is_none_or(|left| left.lent == 1), "{left:?}");
        let again = client.get("http://a.test/").send().await;
        if polls == 0 {
            assert_eq!(again.unwrap().status(), 200);
        } else {
            assert_eq!(again.unwrap_err().kind(), ErrorKind::ShutDown);
            // The idle one has closed all the same, and the lent one will.
            server.closed(1).await;
            rest.notify();
            assert_eq!(lent.text().await.unwrap(), "halfhalf");
            server.closed(0).await;
            assert_eq!(client.stats().totals.connections(), 0);
        }
    }
}

#[test]
fn a_shutdown_outside_a_runtime_ends_at_once() {
    let client = Client::new();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(async { Server::start(always_ok()) });
    runtime.block_on(client.warm(server.url("/"), 2)).unwrap();
    let left = client.shutdown(SECOND).now_or_never().unwrap();
    assert_eq!(left.connections(), 0);
    let error = runtime
        .block_on(client.get(server.url("/")).send())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ShutDown);
    runtime.block_on(server.closed(1));
}

#[test]
fn futures_of_managing_can_change_threads() {
    fn is_send<T: Send>(_: &T) {}
    let client = Client::new();
    is_send(&client.warm("http://a.test", 1));
    is_send(&client.shutdown(SECOND));
}
