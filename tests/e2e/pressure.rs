//! What the pool holds while dials fail beside warming, and while limits bind
//! connections that are in use.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Client, Error, ErrorKind, Retirement};
use testing::{Script, Server, Signal};
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::chance::Chance;
use crate::support::{builder_of, ok, until};

async fn ask(client: &Client, url: &str) -> Result<String, Error> {
    client.get(url).send().await?.text().await
}

#[tokio::test]
async fn warming_beside_requests_whose_dials_fail_keeps_nobody_waiting_and_adds_up() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    for seed in 0..100 {
        let made = Arc::new(AtomicU64::new(0));
        let dials = Arc::new(AtomicU64::new(0));
        let client = {
            let (server, made) = (Arc::clone(&server), Arc::clone(&made));
            Client::builder()
                .pool_max_connections_per_host(4)
                .connect_with(move |_| {
                    let mut chance = Chance(seed << 8 | dials.fetch_add(1, Ordering::Relaxed));
                    let (server, made) = (Arc::clone(&server), Arc::clone(&made));
                    async move {
                        for _ in 0..chance.below(12) {
                            yield_now().await;
                        }
                        if chance.below(2) == 0 {
                            return Err(io::ErrorKind::PermissionDenied.into());
                        }
                        made.fetch_add(1, Ordering::Relaxed);
                        Ok(server.connect())
                    }
                })
                .build()
                .unwrap()
        };
        let requests = || join_all((0..3).map(|_| ask(&client, "http://a.test/")));
        let warming = || client.warm("http://a.test", 3);
        let all = async { tokio::join!(warming(), requests(), warming(), requests()) };
        let (first, asked, second, asked_too) = timeout(Duration::from_secs(10), all)
            .await
            .expect("somebody waits for nothing");
        let errors = asked.into_iter().chain(asked_too).filter_map(Result::err);
        for error in errors.chain([first, second].into_iter().filter_map(Result::err)) {
            assert_eq!(error.kind(), ErrorKind::Connect, "seed {seed}: {error}");
        }
        until(|| client.stats().totals.dialling == 0).await;
        let stats = client.stats();
        let (totals, counters) = (stats.totals, &stats.counters);
        let made = made.load(Ordering::Relaxed);
        assert_eq!((totals.lent, totals.waiting), (0, 0), "seed {seed}");
        assert_eq!(
            totals.idle as u64 + counters.closes.total(),
            made,
            "seed {seed}: {stats:?}"
        );
        assert_eq!(
            counters.dials,
            made + counters.dial_failures + counters.dials_cancelled,
            "seed {seed}: {stats:?}"
        );
    }
}

#[tokio::test]
async fn the_idle_limit_binds_what_is_in_use_when_it_comes_back() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
    let more = Signal::new();
    let script = Script::new().read_request().write(half).wait(&more);
    let script = script.write("k").then(Script::respond_always(ok("ok")));
    let server = Arc::new(Server::in_memory([script]));
    let client = builder_of(&server)
        .pool_max_idle_per_host(2)
        .build()
        .unwrap();
    let mut lent = Vec::new();
    for _ in 0..5 {
        lent.push(client.get("http://a.test/").send().await.unwrap());
    }
    assert_eq!(client.close_idle() + client.evict(|_| true), 0);
    assert_eq!(client.stats().totals.lent, 5);

    more.notify();
    for response in lent {
        assert_eq!(response.text().await.unwrap(), "ok");
    }
    let stats = client.stats();
    assert_eq!((stats.totals.idle, stats.totals.lent), (2, 0));
    assert_eq!(stats.counters.closes.of(Retirement::OverIdleLimit), 3);
    assert_eq!(ask(&client, "http://a.test/").await.unwrap(), "ok");
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn a_connection_in_use_makes_room_in_total_when_it_comes_back() {
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no";
    let more = Signal::new();
    let script = Script::new().read_request().write(half).wait(&more);
    let server = Arc::new(Server::in_memory([
        script.write("k"),
        Script::respond_always(ok("other")),
    ]));
    let client = builder_of(&server).pool_max_connections(1).build().unwrap();
    let lent = client.get("http://a.test/").send().await.unwrap();
    let other = tokio::spawn({
        let client = client.clone();
        async move { ask(&client, "http://b.test/").await }
    });
    until(|| client.stats().totals.waiting == 1).await;
    assert_eq!(client.evict(|_| true), 0);
    assert_eq!(client.warm("http://b.test", 1).await.unwrap(), 0);

    more.notify();
    assert_eq!(lent.text().await.unwrap(), "ok");
    assert_eq!(other.await.unwrap().unwrap(), "other");
    let stats = client.stats();
    assert_eq!((stats.totals.idle, stats.totals.lent), (1, 0));
    assert_eq!(stats.counters.closes.of(Retirement::MadeRoom), 1);
}
