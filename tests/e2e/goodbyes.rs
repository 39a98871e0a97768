//! The ends of connections: what is said to the server, and what the last
//! clone of a client leaves behind.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Client, Response};
use testing::{Authority, Ending, Script, Server, Signal};
use tokio::runtime;
use tokio::time::{Instant, sleep, timeout};

use crate::doomed::Doom;
use crate::support::{client_of, ok, received, tls_builder_of, trusting, until};

const SECOND: Duration = Duration::from_secs(1);

async fn get(client: &Client, url: &str) -> Response {
    client.get(url).send().await.unwrap()
}

#[tokio::test]
async fn idle_tls_connections_close_with_close_notify() {
    let ends: [End; 4] = [
        |client| {
            Box::pin(async move {
                let left = client.shutdown(10 * SECOND).await;
                assert_eq!(left.connections(), 0);
            })
        },
        |client| Box::pin(async move { drop(client) }),
        |client| Box::pin(async move { assert_eq!(client.close_idle(), 1) }),
        |client| Box::pin(async move { assert_eq!(client.evict(|_| true), 1) }),
    ];
    let authority = Authority::new();
    let script = || [Script::respond(ok("ok")).read_to_end()];
    for end in ends {
        let server = Server::start_tls(authority.issue(&["127.0.0.1"]), script());
        let client = trusting(&authority).build().unwrap();
        drop(get(&client, &server.url("/")).await);
        assert_eq!(client.stats().totals.idle, 1);
        end(client).await;
        // Without close_notify, reading to the end would fail (see the next test).
        assert_eq!(server.finished(0).await, Ending::Complete);
    }
}

/// A way for a client's connections to end.
type End = fn(Client) -> Pin<Box<dyn Future<Output = ()>>>;

#[tokio::test]
async fn an_end_without_close_notify_would_have_been_noticed() {
    let authority = Authority::new();
    let script = [Script::respond(ok("ok")).read_to_end()];
    let server = Arc::new(Server::in_memory_tls(authority.issue(&["a.test"]), script));
    let doom = Doom::default();
    let client = doom.client(&server, trusting(&authority));
    drop(get(&client, "https://a.test/").await);
    // From here on nothing goes through, and close_notify neither.
    doom.strike();
    drop(client);
    let ending = server.finished(0).await;
    assert_ne!(ending, Ending::Complete);
}

#[tokio::test]
async fn lent_tls_connections_close_with_close_notify_after_a_shutdown() {
    let authority = Authority::new();
    let rest = Signal::new();
    let server = Server::start_tls(
        authority.issue(&["127.0.0.1"]),
        [
            Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
                .wait(&rest)
                .write("world")
                .read_to_end(),
        ],
    );
    let client = trusting(&authority).build().unwrap();
    let response = get(&client, &server.url("/")).await;
    let shutdown = tokio::spawn(async move { client.shutdown(10 * SECOND).await });
    tokio::task::yield_now().await;
    rest.notify();
    assert_eq!(response.text().await.unwrap(), "helloworld");
    assert_eq!(shutdown.await.unwrap().connections(), 0);
    assert_eq!(server.finished(0).await, Ending::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_the_server_does_not_take_is_bounded_by_the_deadline() {
    let authority = Authority::new();
    let taking = Signal::new();
    let script = Script::respond(ok("ok")).wait(&taking).read_to_end();
    for patience in [2, 8] {
        let script = script.clone();
        let server = Server::in_memory_tls(authority.issue(&["a.test"]), [script]).buffer_size(16);
        let server = Arc::new(server);
        let client = tls_builder_of(&server, &authority).build().unwrap();
        drop(get(&client, "https://a.test/").await);
        assert_eq!(client.stats().totals.idle, 1);
        let begun = Instant::now();
        if patience == 8 {
            tokio::spawn({
                let taking = taking.clone();
                async move {
                    sleep(5 * SECOND).await;
                    taking.notify();
                }
            });
        }
        client.shutdown(patience * SECOND).await;
        let waited = begun.elapsed().as_secs();
        if patience == 8 {
            assert_eq!(waited, 5, "as soon as it was taken");
            assert_eq!(server.finished(0).await, Ending::Complete);
        } else {
            assert_eq!(waited, 2);
        }
    }
}

/// A runtime for servers, so that the test's own has only the client's tasks.
fn elsewhere() -> runtime::Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn the_last_client_takes_idle_connections_and_tasks_with_it() {
    let servers = elsewhere();
    let server = servers.block_on(async { Server::start([Script::respond_always(ok("ok"))]) });
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks = runtime.metrics();
        assert_eq!(tasks.num_alive_tasks(), 0);
        let client = Client::new();
        let clone = client.clone();
        client.warm(server.url("/"), 3).await.unwrap();
        // A response that is here in full holds nothing.
        let response = get(&client, &server.url("/")).await;
        drop(client);
        assert_eq!(clone.stats().totals.idle, 3);
        assert_eq!(server.open(), 3);
        assert_eq!(tasks.num_alive_tasks(), 1, "the sweeper");

        drop(clone);
        for number in 0..3 {
            timeout(5 * SECOND, server.closed(number)).await.unwrap();
        }
        until(|| tasks.num_alive_tasks() == 0).await;
        assert_eq!(response.text().await.unwrap(), "ok");
    });
    drop(runtime);
    servers.block_on(server.stop());
}

#[tokio::test]
async fn a_body_under_way_outlives_its_client() {
    let rest = Signal::new();
    let server = Arc::new(Server::in_memory([
        Script::respond("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
            .wait(&rest)
            .write("world")
            .read_to_end(),
        Script::respond_always(ok("ok")),
    ]));
    let client = client_of(&server);
    let response = get(&client, "http://a.test/").await;
    client.warm("http://a.test", 1).await.unwrap();
    drop(client);
    // The idle one goes at once, the lent one when it has served.
    server.closed(1).await;
    assert_eq!(server.open(), 1);
    rest.notify();
    assert_eq!(response.text().await.unwrap(), "helloworld");
    server.closed(0).await;
}

#[tokio::test]
async fn a_request_under_way_outlives_its_client() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let client = client_of(&server);
    let requests = (0..2).map(|number| client.get(format!("http://a.test/{number}")).send());
    let requests: Vec<_> = requests.collect();
    drop(client);
    for result in join_all(requests).await {
        assert_eq!(result.unwrap().text().await.unwrap(), "ok");
    }
    server.closed(0).await;
    assert!(received(&server, 0).starts_with("GET /0"));
}
