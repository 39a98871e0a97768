//! When a connection carries another request, and when not.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http_body::Body;
use postrider::{Client, Retirement};
use testing::{Script, Server, Signal};
use tokio::time::sleep;

use crate::support::{builder_of, client_of, ok, received, until};

async fn get(client: &Client, url: &str) -> postrider::Response {
    client.get(url).send().await.unwrap()
}

#[tokio::test]
async fn sequential_requests_share_one_connection() {
    let server = Server::start([Script::respond_always(ok("hello"))]);
    let client = Client::new();
    let mut ids = Vec::new();
    for number in 1..=20 {
        let response = get(&client, &server.url("/")).await;
        assert_eq!(response.connection().request(), number);
        assert_eq!(response.connection().is_reused(), number > 1);
        assert_eq!(response.remote_addr(), Some(server.addr()));
        ids.push(response.connection().id());
        assert_eq!(response.text().await.unwrap(), "hello");
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(server.connections(), 1);
    let stats = client.stats();
    assert_eq!((stats.totals.idle, stats.totals.lent), (1, 0));
    assert_eq!((stats.counters.dials, stats.counters.reuses), (1, 19));
}

#[tokio::test]
async fn a_body_read_to_its_end_gives_its_connection_back_before_the_end_is_told() {
    let go_on = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        .wait(&go_on)
        .write("two")
        .then(Script::respond(ok("next")))]));
    let client = client_of(&server);
    let mut response = get(&client, "http://a.test/").await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    assert_eq!(client.stats().totals.lent, 1);
    go_on.notify();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(
        (client.stats().totals.lent, client.stats().totals.idle),
        (0, 1)
    );
    assert_eq!(
        get(&client, "http://a.test/").await.text().await.unwrap(),
        "next"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_length_that_is_fulfilled_gives_the_connection_back_before_the_end_is_asked_for() {
    let go_on = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_request()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\none")
        .wait(&go_on)
        .write("two")]));
    let client = client_of(&server);
    let mut response = get(&client, "http://a.test/").await;
    assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
    go_on.notify();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
    let totals = client.stats().totals;
    assert_eq!((totals.lent, totals.idle), (0, 1));
    let read = response.timings().body();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(response.chunk().await.unwrap(), None);
    assert_eq!(response.timings().body(), read);
    assert!(response.into_body().is_end_stream());
}

#[tokio::test]
async fn a_connection_that_either_side_closes_is_not_used_again() {
    for (asks, answers) in [
        (
            None,
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            Some("close"),
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        ),
        (None, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        (
            None,
            "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            None,
            "HTTP/1.1 200 OK\r\nKeep-Alive: max=0\r\nContent-Length: 2\r\n\r\nok",
        ),
        (
            None,
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more",
        ),
    ] {
        let server = Arc::new(Server::in_memory([Script::respond_always(answers)]));
        let client = client_of(&server);
        for _ in 0..2 {
            let mut request = client.get("http://a.test/");
            if let Some(close) = asks {
                request = request.header("connection", close);
            }
            assert_eq!(request.send().await.unwrap().text().await.unwrap(), "ok");
        }
        assert_eq!(server.connections(), 2, "{answers}");
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test]
async fn http_1_0_is_kept_alive_when_it_says_so() {
    let answer = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok";
    let server = Arc::new(Server::in_memory([Script::respond_always(answer)]));
    let client = client_of(&server);
    for _ in 0..3 {
        assert_eq!(
            get(&client, "http://a.test/").await.text().await.unwrap(),
            "ok"
        );
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_noticed_at_checkout_and_replaced() {
    for end in [Script::new().close(), Script::new().reset()] {
        let server = Server::start([
            Script::respond(ok("first")).then(end),
            Script::respond(ok("second")),
        ]);
        let client = Client::new();
        assert_eq!(
            get(&client, &server.url("/")).await.text().await.unwrap(),
            "first"
        );
        server.closed(0).await;
        let response = client
            .post(server.url("/"))
            .body("not twice")
            .send()
            .await
            .unwrap();
        assert!(!response.connection().is_reused());
        assert_eq!(response.text().await.unwrap(), "second");
        assert_eq!(client.stats().counters.closes.of(Retirement::Stale), 1);
        assert!(!received(&server, 0).contains("POST"));
    }
}

#[tokio::test]
async fn a_connection_closed_before_it_is_handed_on_is_noticed_and_replaced() {
    let go_on = Signal::new();
    let server = Arc::new(Server::in_memory([
        Script::new()
            .read_request()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            .wait(&go_on)
            .write("ok")
            .close(),
        Script::respond(ok("next")),
    ]));
    let client = builder_of(&server).pool_max_connections_per_host(1);
    let client = client.build().unwrap();
    let first = get(&client, "http://a.test/").await;
    let second = tokio::spawn(client.post("http://a.test/").body("charge 5").send());
    until(|| client.stats().totals.waiting == 1).await;
    go_on.notify();
    server.closed(0).await;
    assert_eq!(first.text().await.unwrap(), "ok");
    let second = second.await.unwrap().unwrap();
    assert_eq!(second.timings().retries(), 0);
    assert_eq!(second.text().await.unwrap(), "next");
    let stats = client.stats();
    assert_eq!((stats.counters.handed_on, stats.stale.at_checkout), (1, 1));
    assert!(!received(&server, 0).contains("charge 5"));
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_closed_while_nobody_polled_its_request_is_noticed_and_replaced() {
    let server = Arc::new(Server::in_memory([
        Script::new().close(),
        Script::respond(ok("paid")),
    ]));
    let client = client_of(&server);
    let mut charge = client.post("http://a.test/").body("charge 5").send();
    assert!((&mut charge).now_or_never().is_none());
    server.closed(0).await;
    sleep(Duration::from_secs(5)).await;
    let response = charge.await.unwrap();
    assert!(!response.connection().is_reused());
    assert_eq!(response.timings().retries(), 0);
    assert_eq!(response.text().await.unwrap(), "paid");
    assert_eq!(client.stats().counters.closes.of(Retirement::Stale), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_closes_every_new_connection_is_asked_twice_by_a_request_polled_late() {
    let server = Arc::new(Server::in_memory(vec![Script::new().close(); 5]));
    let client = client_of(&server);
    let mut late = client.get("http://a.test/").send();
    let error = loop {
        match (&mut late).now_or_never() {
            Some(result) => break result.unwrap_err(),
            None => sleep(Duration::from_secs(5)).await,
        }
    };
    assert_eq!(
        error.to_string(),
        "GET http://a.test/: sending the request: writing failed: broken pipe"
    );
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_request_that_is_polled_late_takes_an_idle_connection_as_any_other_does() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    get(&client, "http://a.test/").await;
    let late = client.get("http://a.test/").send();
    sleep(Duration::from_millis(1_100)).await;
    assert!(late.await.unwrap().connection().is_reused());
    assert_eq!(server.connections(), 1);
}

#[tokio::test(start_paused = true)]
async fn real_time_that_passes_while_time_is_paused_is_no_suspend() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    get(&client, "http://a.test/").await;
    std::thread::sleep(Duration::from_millis(1_100));
    assert!(
        get(&client, "http://a.test/")
            .await
            .connection()
            .is_reused()
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_byte_on_an_idle_connection_discards_it() {
    let poisoned = Signal::new();
    let go_on = Signal::new();
    let server = Server::start([
        Script::respond(ok("first"))
            .wait(&go_on)
            .write(ok("an answer to nothing"))
            .notify(&poisoned)
            .stall(),
        Script::respond(ok("second")),
    ]);
    let client = Client::new();
    assert_eq!(
        get(&client, &server.url("/")).await.text().await.unwrap(),
        "first"
    );
    go_on.notify();
    poisoned.wait().await;
    let text = get(&client, &server.url("/")).await.text().await.unwrap();
    assert_eq!(text, "second");
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_when_its_time_is_over() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = builder_of(&server)
        .pool_idle_timeout(Duration::from_secs(20))
        .build()
        .unwrap();
    get(&client, "http://a.test/").await;
    sleep(Duration::from_secs(19)).await;
    get(&client, "http://a.test/").await;
    assert_eq!(server.connections(), 1);
    sleep(Duration::from_secs(21)).await;
    get(&client, "http://a.test/").await;
    assert_eq!(server.connections(), 2);
    assert_eq!(
        client.stats().counters.closes.of(Retirement::IdleTimeout),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_too_old_is_closed_however_lately_it_was_used() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let lifetime = Some(Duration::from_secs(100));
    let client = builder_of(&server).pool_max_lifetime(lifetime);
    let client = client.build().unwrap();
    for seconds in (0..200).step_by(10) {
        let response = get(&client, "http://a.test/").await;
        // Give or take a fifth.
        if seconds < 80 {
            assert_eq!(server.connections(), 1);
        }
        assert!(response.connection().age() <= Duration::from_secs(120));
        assert_eq!(response.text().await.unwrap(), "ok");
        sleep(Duration::from_secs(10)).await;
    }
    assert!(client.stats().counters.closes.of(Retirement::Lifetime) > 0);
}

#[tokio::test(start_paused = true)]
async fn a_servers_own_keep_alive_timeout_is_heeded_with_a_margin() {
    let answer = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory([Script::respond_always(answer)]));
    let client = client_of(&server);
    get(&client, "http://a.test/").await;
    sleep(Duration::from_millis(2_900)).await;
    get(&client, "http://a.test/").await;
    assert_eq!(server.connections(), 1);
    sleep(Duration::from_millis(3_100)).await;
    get(&client, "http://a.test/").await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_more_of_its_timeout_is_not_held_to_it() {
    let brief = "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 0\r\n\r\n";
    let script = Script::respond(brief).then(Script::respond_always(ok("")));
    let server = Arc::new(Server::in_memory([script]));
    let client = client_of(&server);
    get(&client, "http://a.test/").await;
    get(&client, "http://a.test/").await;
    sleep(Duration::from_secs(10)).await;
    get(&client, "http://a.test/").await;
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn no_more_connections_idle_for_a_host_than_may() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("hello"))]));
    let client = builder_of(&server)
        .pool_max_idle_per_host(2)
        .build()
        .unwrap();
    let requests = (0..6).map(|_| get(&client, "http://a.test/"));
    futures_util::future::join_all(requests).await;
    assert_eq!(client.stats().totals.idle, 2);
}

#[tokio::test]
async fn connections_are_not_shared_between_origins() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    for url in [
        "http://a.test/",
        "http://b.test/",
        "http://a.test:81/",
        "http://A.test:80/",
    ] {
        get(&client, url).await;
    }
    assert_eq!(server.connections(), 3);
    let mut origins: Vec<_> = client
        .stats()
        .origins
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    origins.sort();
    assert_eq!(
        origins,
        ["http://a.test", "http://a.test:81", "http://b.test"]
    );
}

#[tokio::test]
async fn an_empty_body_of_any_type_is_none() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let empty = http_body_util::Empty::<bytes::Bytes>::new();
    let request = client_of(&server)
        .get("http://a.test/")
        .body(postrider::Body::wrap(empty));
    request.send().await.unwrap();
    assert_eq!(
        received(&server, 0),
        "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"
    );
}
