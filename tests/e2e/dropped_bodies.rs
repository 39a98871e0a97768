//! What becomes of a connection whose response is dropped before its end.

use std::sync::Arc;
use std::time::Duration;

use postrider::{Client, Response};
use testing::{Authority, Script, Server, Signal};
use tokio::time::{Instant, sleep};

use crate::support::{client_of, ok, received, tls_builder_of, until};

/// What is left of a small body must come within this time.
const PATIENCE: Duration = Duration::from_millis(50);

const MARK: &str = "the next one's own";

/// A server whose first connection plays `script` and then answers once more,
/// as do its further connections.
fn server(script: Script) -> Arc<Server> {
    Arc::new(Server::in_memory([
        script.then(Script::respond(ok(MARK))),
        Script::respond_always(ok(MARK)),
    ]))
}

async fn get(client: &Client) -> Response {
    client.get("http://a.test/").send().await.unwrap()
}

/// The next request reads its own bytes, on the same connection or another.
async fn next_is_on(client: &Client, server: &Server, connections: usize) {
    let totals = client.stats().totals;
    assert_eq!((totals.lent, totals.idle), (0, 2 - connections));
    let next = get(client).await;
    assert_eq!(next.connection().is_reused(), connections == 1);
    assert_eq!(next.text().await.unwrap(), MARK);
    assert_eq!(server.connections(), connections);
}

fn length(bytes: u64) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\n\r\n")
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn one_that_is_all_here_costs_nothing() {
    for answer in [
        ok("all here"),
        format!("{CHUNKED}8\r\nall here\r\n0\r\nX: y\r\n\r\n"),
        ok(""),
        ok(&"x".repeat(20_000)),
    ] {
        let server = server(Script::respond(answer));
        let client = client_of(&server);
        drop(get(&client).await);
        next_is_on(&client, &server, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_rest_has_come_meanwhile_is_read_at_once() {
    for (begin, rest) in [
        (length(10) + "half ", "other".to_owned()),
        (length(40_000) + "half ", "x".repeat(39_995)),
        (
            format!("{CHUNKED}5\r\nhalf "),
            "\r\n5\r\nother\r\n0\r\n\r\n".to_owned(),
        ),
    ] {
        let (go_on, here) = (Signal::new(), Signal::new());
        let server = server(
            Script::respond(begin)
                .wait(&go_on)
                .write(rest)
                .notify(&here),
        );
        let client = client_of(&server);
        let mut response = get(&client).await;
        assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
        go_on.notify();
        here.wait().await;
        drop(response);
        next_is_on(&client, &server, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_outran_its_upload_is_closed_at_once() {
    for rest in ["", "other"] {
        let (go_on, here) = (Signal::new(), Signal::new());
        let script = Script::new().read_head().write(length(10) + "half ");
        let script = script.wait(&go_on).write(rest).notify(&here).stall();
        let server = Arc::new(Server::in_memory([script]).buffer_size(1024));
        let client = client_of(&server);
        let request = client.post("http://a.test/").body(vec![b'x'; 100_000]);
        let response = request.send().await.unwrap();
        go_on.notify();
        here.wait().await;
        drop(response);
        assert_eq!(client.stats().totals.connections(), 0, "{rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_with_a_small_rest_is_read_in_the_background() {
    for midway in [false, true] {
        let server = server(
            Script::respond(length(60_000) + "half ")
                .pause(PATIENCE / 2)
                .write("x".repeat(59_995)),
        );
        let client = client_of(&server);
        let mut response = get(&client).await;
        if midway {
            assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");
        }
        let begun = Instant::now();
        drop(response);
        assert_eq!(client.stats().totals.lent, 1, "it counts as lent meanwhile");
        until(|| client.stats().totals.lent == 0).await;
        assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
        next_is_on(&client, &server, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_small_rest_stalls_is_closed_within_bounds() {
    for script in [
        Script::respond(length(10) + "half ").stall(),
        Script::respond(length(50) + "half ").drip("x".repeat(45), PATIENCE / 4),
    ] {
        let server = server(script);
        let client = client_of(&server);
        let begun = Instant::now();
        drop(get(&client).await);
        until(|| client.stats().totals.lent == 0).await;
        let waited = begun.elapsed();
        assert!(waited >= PATIENCE, "{waited:?}");
        assert!(waited <= PATIENCE + Duration::from_millis(5), "{waited:?}");
        next_is_on(&client, &server, 2).await;
        server.closed(0).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_whose_rest_is_large_or_unknown_is_closed_at_once() {
    for begin in [
        length(70_000) + "half ",
        length(1 << 40) + "half ",
        format!("{CHUNKED}5\r\nhalf \r\n"),
        "HTTP/1.1 200 OK\r\n\r\nhalf ".to_owned(),
    ] {
        let server = server(Script::respond(begin).stall());
        let client = client_of(&server);
        drop(get(&client).await);
        next_is_on(&client, &server, 2).await;
        server.closed(0).await;
    }
}

/// A flood that never ends is not read for long.
#[tokio::test(start_paused = true)]
async fn one_that_never_ends_is_closed() {
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let server = server(Script::respond(CHUNKED).repeat(usize::MAX, Script::new().write(chunk)));
    let client = client_of(&server);
    drop(get(&client).await);
    until(|| client.stats().totals.lent == 0).await;
    next_is_on(&client, &server, 2).await;
    server.closed(0).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_turns_out_broken_is_closed() {
    for rest in ["nonsense", "\r\n0\r\n\r\nand more"] {
        let (go_on, here) = (Signal::new(), Signal::new());
        let server = server(
            Script::respond(format!("{CHUNKED}5\r\nhalf "))
                .wait(&go_on)
                .write(rest)
                .notify(&here),
        );
        let client = client_of(&server);
        let response = get(&client).await;
        go_on.notify();
        here.wait().await;
        drop(response);
        next_is_on(&client, &server, 2).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_rest_is_nobodys_response() {
    let server = server(
        Script::respond(length(10) + "half ")
            .pause(PATIENCE / 2)
            .write("other")
            .write(ok("an answer to nothing")),
    );
    let client = client_of(&server);
    drop(get(&client).await);
    sleep(PATIENCE).await;
    let next = get(&client).await;
    assert_eq!(next.text().await.unwrap(), MARK);
    assert_eq!(server.connections(), 2);
    assert_eq!(received(&server, 0).matches("GET").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_body_is_settled_by_tls_too() {
    let authority = Authority::new();
    for (missing, connections) in [(true, 2), (false, 1)] {
        let rest = if missing { "oth" } else { "other" };
        let script = Script::respond(length(10) + "half ")
            .pause(PATIENCE / 2)
            .write(rest);
        let server = Arc::new(Server::in_memory_tls(
            authority.issue(&["a.test"]),
            [
                script.then(Script::respond(ok(MARK))),
                Script::respond_always(ok(MARK)),
            ],
        ));
        let client = tls_builder_of(&server, &authority).build().unwrap();
        let get = async || client.get("https://a.test/").send().await.unwrap();
        drop(get().await);
        until(|| client.stats().totals.lent == 0).await;
        assert_eq!(get().await.text().await.unwrap(), MARK);
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_dropped_outside_of_the_runtime_is_settled_in_its_own() {
    let server = server(
        Script::respond(length(10) + "half ")
            .pause(PATIENCE / 2)
            .write("other"),
    );
    let client = client_of(&server);
    let response = get(&client).await;
    std::thread::spawn(move || drop(response)).join().unwrap();
    until(|| client.stats().totals.lent == 0).await;
    next_is_on(&client, &server, 1).await;
}

#[tokio::test(start_paused = true)]
async fn discard_reads_what_dropping_would_not() {
    for (begin, rest) in [
        (length(200_000), "x".repeat(200_000)),
        (
            format!("{CHUNKED}5\r\nhalf "),
            "\r\n5\r\nother\r\n0\r\n\r\n".to_owned(),
        ),
    ] {
        let server = server(
            Script::respond(begin)
                .pause(Duration::from_secs(5))
                .write(rest),
        );
        let client = client_of(&server);
        get(&client).await.discard().await.unwrap();
        next_is_on(&client, &server, 1).await;
    }
}

#[tokio::test(start_paused = true)]
async fn discard_tells_of_a_body_cut_short() {
    let server = server(Script::respond(length(10) + "half ").close());
    let client = client_of(&server);
    let error = get(&client).await.discard().await.unwrap_err();
    assert_eq!(error.kind(), postrider::ErrorKind::Closed);
    next_is_on(&client, &server, 2).await;
}
