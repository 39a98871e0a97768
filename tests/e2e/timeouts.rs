//! Limits on time: each is kept to the millisecond, names its phase, and does
//! not fire while something moves.
//!
//! Longer than other files: the limits share one clock and one set of scripts.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use postrider::{Body, Client, ClientBuilder, Error, ErrorKind, KeyLimits, Phase, Policy, Sent};
use testing::{Authority, Faulty, MemoryStream, Script, Server};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

use crate::support::{builder_of, client_of, ok, received, tls_builder_of, until};

const SECOND: Duration = Duration::from_secs(1);

/// A client that is never connected.
fn unconnected(builder: ClientBuilder) -> Client {
    builder
        .connect_with(|_| pending::<io::Result<MemoryStream>>())
        .build()
        .unwrap()
}

fn playing(script: Script) -> Arc<Server> {
    Arc::new(Server::in_memory([script]))
}

/// A timeout, its phase and its text, after just so much time.
#[track_caller]
fn assert_timeout(error: &Error, since: Instant, after: Duration, phase: Phase, text: &str) {
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
    assert!(error.is_timeout());
    assert_eq!(error.phase(), phase, "{error}");
    assert_eq!(error.to_string(), text);
    // tokio's timer counts in whole milliseconds.
    let late = since.elapsed().checked_sub(after);
    assert!(
        late.is_some_and(|late| late < Duration::from_millis(5)),
        "{:?}",
        since.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn without_limits_only_connecting_is_limited() {
    let client = unconnected(Client::builder());
    let begun = Instant::now();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        10 * SECOND,
        Phase::Connect,
        "GET http://a.test/: could not connect to a.test:80: timed out after 10.0 s",
    );
    assert!(error.is_connect());

    let hour = Duration::from_secs(3600);
    let server = playing(
        Script::new()
            .read_request()
            .pause(hour)
            .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            .drip("ok", hour),
    );
    let response = client_of(&server).get("http://a.test/").send().await;
    assert_eq!(response.unwrap().text().await.unwrap(), "ok");
}

#[tokio::test(start_paused = true)]
async fn connecting_is_limited_by_the_client_and_by_the_request() {
    let client = unconnected(Client::builder().connect_timeout(2 * SECOND));
    let begun = Instant::now();
    let error = client.post("http://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        2 * SECOND,
        Phase::Connect,
        "POST http://a.test/: could not connect to a.test:80: timed out after 2.0 s",
    );
    assert!(error.is_connect() && error.is_retry_safe());

    let begun = Instant::now();
    let request = client.post("http://a.test/").connect_timeout(SECOND);
    let error = request.send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        SECOND,
        Phase::Connect,
        "POST http://a.test/: connecting: timed out after 1s",
    );
    assert!(error.is_connect() && error.is_retry_safe());
    assert_eq!(error.sent(), Sent::Nothing);
}

#[tokio::test(start_paused = true)]
async fn the_handshake_is_within_the_limit_on_connecting() {
    // What never reads never greets: TLS is not even begun on its side.
    let builder = Client::builder().only_root_certificates(Authority::new().ca_pem());
    let server = playing(Script::new().stall());
    let client = {
        let server = Arc::clone(&server);
        builder
            .connect_timeout(3 * SECOND)
            .connect_with(move |_| {
                let stream = server.connect();
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    };
    let begun = Instant::now();
    let error = client.get("https://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        3 * SECOND,
        Phase::Tls,
        "GET https://a.test/: TLS handshake with a.test:443 failed: timed out after 3.0 s",
    );
    assert!(error.is_connect());
}

#[tokio::test(start_paused = true)]
async fn the_head_is_limited_however_it_drips() {
    for script in [
        Script::new().read_request().stall(),
        Script::new()
            .read_request()
            .drip("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", SECOND),
        Script::new().read_request().repeat(
            10,
            Script::new()
                .pause(SECOND)
                .write("HTTP/1.1 102 Processing\r\n\r\n"),
        ),
    ] {
        let server = playing(script);
        let client = builder_of(&server)
            .head_timeout(5 * SECOND)
            .build()
            .unwrap();
        let begun = Instant::now();
        let error = client.get("http://a.test/x?y").send().await.unwrap_err();
        assert_timeout(
            &error,
            begun,
            5 * SECOND,
            Phase::Head,
            "GET http://a.test/x: waiting for the response: timed out: no response within 5s",
        );
        assert_eq!(error.sent(), Sent::Wholly);
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn the_heads_time_begins_when_the_request_is_sent_and_ends_with_the_head() {
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .read(b"4\r\nslow\r\n0\r\n\r\n".len())
        .pause(4 * SECOND)
        .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        .drip("ok", 60 * SECOND)]));
    let client = builder_of(&server)
        .head_timeout(5 * SECOND)
        .build()
        .unwrap();
    let slow = stream::once(async {
        sleep(4 * SECOND).await;
        Ok::<_, io::Error>(Bytes::from("slow"))
    });
    let request = client.post("http://a.test/").body(Body::stream(slow));
    let text = request.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_reads_is_limited_and_slow_progress_is_not() {
    let begin = "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n";
    let nearly = Duration::from_millis(1900);
    let server = playing(
        Script::new()
            .read_request()
            .pause(nearly)
            .write(begin)
            .drip("twenty bytes, slowly", nearly)
            .stall(),
    );
    let client = builder_of(&server)
        .read_timeout(2 * SECOND)
        .build()
        .unwrap();
    let mut response = client.get("http://a.test/").send().await.unwrap();
    let mut length = 0;
    let mut last = Instant::now();
    let error = loop {
        match response.chunk().await {
            Ok(piece) => length += piece.unwrap().len(),
            Err(error) => break error,
        }
        last = Instant::now();
    };
    assert_eq!(length, 20);
    assert_timeout(
        &error,
        last,
        2 * SECOND,
        Phase::Body,
        "GET http://a.test/: reading the response body: timed out: nothing came for 2s",
    );
    assert_eq!(client.stats().timeouts, 1);

    // Silence before the head is a pause, too.
    let server = playing(Script::new().stall());
    let client = builder_of(&server)
        .read_timeout(2 * SECOND)
        .build()
        .unwrap();
    let begun = Instant::now();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        2 * SECOND,
        Phase::Head,
        "GET http://a.test/: waiting for the response: timed out: no response within 2s",
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_takes_its_time_is_not_a_server_that_does() {
    let server = playing(
        Script::new()
            .read_request()
            .write("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
            .drip("slow", SECOND),
    );
    let client = builder_of(&server)
        .read_timeout(2 * SECOND)
        .build()
        .unwrap();
    let mut response = client.get("http://a.test/").send().await.unwrap();
    while response.chunk().await.unwrap().is_some() {
        sleep(10 * SECOND).await;
    }
    assert!(response.timings().body().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_pause_between_writes_is_limited_and_slow_progress_is_not() {
    let nearly = Duration::from_millis(1900);
    let server = Arc::new(
        Server::in_memory([Script::new()
            .repeat(10, Script::new().pause(nearly).read_some())
            .stall()])
        .buffer_size(16),
    );
    let client = builder_of(&server)
        .write_timeout(2 * SECOND)
        .build()
        .unwrap();
    let begun = Instant::now();
    let request = client.post("http://a.test/").body(vec![b'x'; 10_000]);
    let error = request.send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        10 * nearly + 2 * SECOND,
        Phase::Send,
        "POST http://a.test/: sending the request: timed out: nothing could be written for 2s \
         (the request may have been processed)",
    );
    assert_eq!(error.sent(), Sent::Partly);
    assert!(!error.is_retry_safe());
}

#[tokio::test(start_paused = true)]
async fn the_total_spans_every_phase() {
    let stalled = |script: Script| {
        let server = playing(script);
        let client = builder_of(&server).timeout(7 * SECOND).build().unwrap();
        (client, server)
    };

    let client = unconnected(Client::builder().timeout(7 * SECOND));
    let begun = Instant::now();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        7 * SECOND,
        Phase::Connect,
        "GET http://a.test/: connecting: timed out: the request's 7s are over",
    );

    let (client, _server) = stalled(Script::new().stall());
    let begun = Instant::now();
    let request = client.post("http://a.test/").body(vec![b'x'; 1_000_000]);
    let error = request.send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        7 * SECOND,
        Phase::Send,
        "POST http://a.test/: sending the request: timed out: the request's 7s are over \
         (the request may have been processed)",
    );

    let (client, _server) = stalled(Script::new().stall());
    let begun = Instant::now();
    let error = client.get("http://a.test/").send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        7 * SECOND,
        Phase::Head,
        "GET http://a.test/: waiting for the response: timed out: the request's 7s are over",
    );

    let head = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n";
    let begin = Script::new().read_request().pause(3 * SECOND).write(head);
    let body =
        "GET http://a.test/: reading the response body: timed out: the request's 7s are over";
    for script in [
        begin.clone().stall(),
        begin.clone().drip(vec![b'x'; 1000], SECOND),
    ] {
        let (client, _server) = stalled(script);
        let begun = Instant::now();
        let response = client.get("http://a.test/").send().await.unwrap();
        let error = response.bytes().await.unwrap_err();
        assert_timeout(&error, begun, 7 * SECOND, Phase::Body, body);
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_spans_the_wait_in_line() {
    let server = playing(Script::new().stall());
    let one = KeyLimits::default().with_max_connections(1);
    let client = builder_of(&server)
        .pool(Policy::default().with_per_key(one))
        .build()
        .unwrap();
    let holder = tokio::spawn(client.get("http://a.test/1").send());
    while client.stats().totals.lent == 0 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let request = client.get("http://a.test/2").timeout(7 * SECOND);
    let error = request.send().await.unwrap_err();
    assert!(error.is_timeout() && error.is_retry_safe(), "{error}");
    assert_eq!(begun.elapsed().as_secs(), 7);
    assert_eq!(client.stats().totals.waiting, 0);
    holder.abort();
}

#[tokio::test(start_paused = true)]
async fn what_came_within_the_total_may_be_read_behind_it() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n;onetwo",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n;3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
    ] {
        let (head, body) = response.split_once(';').unwrap();
        let server = playing(
            Script::new()
                .read_request()
                .write(head)
                .pause(SECOND / 2)
                .write(body),
        );
        let client = client_of(&server);
        let request = client.get("http://a.test/").timeout(SECOND);
        let mut response = request.send().await.unwrap();
        let mut text = response.chunk().await.unwrap().unwrap().to_vec();
        sleep(SECOND).await;
        while let Some(piece) = response.chunk().await.unwrap() {
            text.extend_from_slice(&piece);
        }
        assert_eq!(text, b"onetwo");
        let stats = client.stats();
        assert_eq!((stats.totals.idle, stats.timeouts), (1, 0));
    }
}

/// Real time, because nothing here ever waits.
#[tokio::test]
async fn the_total_ends_a_download_that_never_pauses() {
    let piece = Bytes::from(format!("2000\r\n{}\r\n", "x".repeat(0x2000)));
    let server = Server::start([Script::new()
        .read_request()
        .write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        .repeat(usize::MAX, Script::new().write(piece))]);
    let client = Client::builder()
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let begun = Instant::now();
    let mut response = client.get(server.url("/")).send().await.unwrap();
    let error = loop {
        if let Err(error) = response.chunk().await {
            break error;
        }
    };
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Body)
    );
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

/// A response without end, from a stream that is always ready.
struct Endless {
    head: &'static [u8],
}

impl AsyncRead for Endless {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.is_empty() {
            let length = buf.initialize_unfilled().len();
            buf.advance(length);
        } else {
            buf.put_slice(std::mem::take(&mut self.head));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Real time, because nothing here ever waits.
#[tokio::test]
async fn the_total_ends_a_download_from_a_stream_that_is_always_ready() {
    let head = b"HTTP/1.1 200 OK\r\n\r\n";
    let client = Client::builder()
        .connect_with(move |_| async move { Ok(Endless { head }) })
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let begun = Instant::now();
    let mut response = client.get("http://a.test/").send().await.unwrap();
    let error = loop {
        if let Err(error) = response.chunk().await {
            break error;
        }
        assert!(begun.elapsed() < 5 * SECOND, "it goes on without end");
    };
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Timeout, Phase::Body)
    );

    // Collected, too, it is neither endless nor larger than it may be.
    let begun = Instant::now();
    let response = client.get("http://a.test/").send().await.unwrap();
    let error = response.bytes().await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Limit),
        "{error}"
    );
    assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
}

/// On a thread of its own, as nothing else could end it.
#[tokio::test]
async fn dropping_a_download_that_never_pauses_reads_no_more_than_a_little() {
    for head in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
    ] {
        let client = Client::builder()
            .connect_with(move |_| async move { Ok(Endless { head }) })
            .build()
            .unwrap();
        let response = client.get("http://a.test/").send().await.unwrap();
        let (dropped, wait) = mpsc::channel();
        std::thread::spawn(move || {
            drop(response);
            dropped.send(())
        });
        let in_time = wait.recv_timeout(10 * SECOND);
        in_time.expect("dropping must not read without end");
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

/// Real time, because nothing here ever waits.
#[tokio::test]
async fn the_total_ends_an_upload_that_never_pauses() {
    for piece in [100, 20_000] {
        let server = Server::start([Script::new()
            .read_head()
            .repeat(usize::MAX, Script::new().read_some())]);
        let client = Client::builder()
            .timeout(Duration::from_millis(300))
            .build()
            .unwrap();
        let piece = Bytes::from(vec![b'x'; piece]);
        let endless = stream::repeat_with(move || Ok::<_, io::Error>(piece.clone()));
        let begun = Instant::now();
        let request = client.post(server.url("/")).body(Body::stream(endless));
        let error = tokio::time::timeout(5 * SECOND, request.send())
            .await
            .expect("it must end by itself")
            .unwrap_err();
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::Timeout, Phase::Send)
        );
        assert!(begun.elapsed() < 5 * SECOND, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_requests_own_limits_take_the_clients_place() {
    let server = Arc::new(Server::in_memory([Script::respond(ok("warm"))
        .read_request()
        .pause(20 * SECOND)
        .write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
        .pause(20 * SECOND)
        .write("k")]));
    let client = builder_of(&server)
        .timeout(SECOND)
        .head_timeout(SECOND)
        .read_timeout(SECOND)
        .write_timeout(SECOND)
        .build()
        .unwrap();
    let warm_up = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(warm_up.text().await.unwrap(), "warm");
    let longer = client
        .get("http://a.test/")
        .timeout(60 * SECOND)
        .head_timeout(60 * SECOND)
        .read_timeout(60 * SECOND)
        .write_timeout(60 * SECOND);
    let text = longer.send().await.unwrap().text().await.unwrap();
    assert_eq!(text, "ok");

    // Each for itself: the others' defaults stay.
    let server = playing(Script::new().stall());
    let client = builder_of(&server)
        .head_timeout(9 * SECOND)
        .build()
        .unwrap();
    for (request, limit, phase) in [
        (
            client.get("http://a.test/").head_timeout(SECOND),
            1,
            Phase::Head,
        ),
        (
            client.get("http://a.test/").read_timeout(SECOND),
            9,
            Phase::Head,
        ),
        (
            client.get("http://a.test/").timeout(2 * SECOND),
            2,
            Phase::Head,
        ),
        (
            client.get("http://a.test/").timeout(20 * SECOND),
            9,
            Phase::Head,
        ),
    ] {
        let begun = Instant::now();
        let error = request.send().await.unwrap_err();
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, phase));
        assert_eq!(begun.elapsed().as_secs(), limit, "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_too_far_away_for_the_clock_is_none() {
    let server = playing(Script::respond(ok("hello")));
    let client = builder_of(&server)
        .timeout(Duration::MAX)
        .read_timeout(Duration::MAX)
        .build()
        .unwrap();
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn limits_hold_by_tls_too() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let script = Script::new().read_request().stall();
    let server = Arc::new(Server::in_memory_tls(identity, [script]));
    let client = tls_builder_of(&server, &authority).build().unwrap();
    let begun = Instant::now();
    let request = client.get("https://a.test/").head_timeout(SECOND);
    let error = request.send().await.unwrap_err();
    assert_timeout(
        &error,
        begun,
        SECOND,
        Phase::Head,
        "GET https://a.test/: waiting for the response: timed out: no response within 1s",
    );
}

#[tokio::test(start_paused = true)]
async fn silence_while_sending_counts_between_reads_where_writes_have_no_limit() {
    let server = Arc::new(Server::in_memory([Script::new().read_head().stall()]).buffer_size(1024));
    let client = client_of(&server);
    let request = client.post("http://a.test/").body(vec![b'x'; 100_000]);
    let error = request
        .read_timeout(Duration::from_millis(200))
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.phase(), Phase::Send);
}

#[tokio::test(start_paused = true)]
async fn a_blocked_rest_of_an_upload_is_limited_behind_an_early_head() {
    let early = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart";
    let script = Script::new().read_head().write(early).stall();
    let server = Arc::new(Server::in_memory([script]).buffer_size(1024));
    let client = client_of(&server);
    let request = client.post("http://a.test/").body(vec![b'x'; 100_000]);
    let response = request
        .write_timeout(Duration::from_millis(200))
        .send()
        .await
        .unwrap();
    let error = response.bytes().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_pause_is_no_pause_between_writes() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("done"))]));
    let client = client_of(&server);
    let limit = Duration::from_millis(100);
    let request = client
        .put("http://a.test/")
        .body("body")
        .write_timeout(limit);
    let request = request.expect_continue(Duration::from_millis(500));
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "done");

    let pieces = stream::iter([1, 2]).then(|_| async {
        sleep(Duration::from_millis(500)).await;
        Ok::<_, postrider::BoxError>(Bytes::from("piece"))
    });
    let request = client
        .put("http://a.test/")
        .body(Body::stream(pieces))
        .write_timeout(limit);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "done");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_cannot_be_written_is_no_pause_of_a_caller_who_would_wait_behind_it() {
    let server = playing(Script::new().stall());
    let stalling = move |_| {
        let stream = Faulty::new(server.connect()).stall_write_after(10);
        async { Ok(stream) }
    };
    let client = Client::builder().connect_with(stalling).build().unwrap();
    let request = client.put("http://a.test/").body("body");
    let request = request.expect_continue(10 * SECOND).write_timeout(SECOND);
    let begun = Instant::now();
    let error = request.send().await.unwrap_err();
    let text = "PUT http://a.test/: sending the request: \
                timed out: nothing could be written for 1s";
    assert_timeout(&error, begun, SECOND, Phase::Send, text);
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_pause_is_one_between_reads_only_behind_the_head() {
    let early = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    let server = playing(Script::new().read_head().pause(5 * SECOND).write(early));
    let client = client_of(&server);
    let never = stream::pending::<Result<Bytes, postrider::BoxError>>();
    let request = client.put("http://a.test/").body(Body::stream(never));
    let response = request.read_timeout(SECOND).send().await.unwrap();
    let begun = Instant::now();
    let error = response.text().await.unwrap_err();
    let text = "PUT http://a.test/: reading the response body: \
                timed out: nothing came for 1s";
    assert_timeout(&error, begun, SECOND, Phase::Body, text);
}

#[tokio::test(start_paused = true)]
async fn a_callers_own_pause_does_not_shorten_the_time_of_the_next_write() {
    let head = "PUT / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 10\r\n\r\n";
    let server = playing(Script::new().stall());
    let stalling = move |_| {
        let stream = Faulty::new(server.connect()).stall_write_after(head.len() + "piece".len());
        async { Ok(stream) }
    };
    let client = Client::builder().connect_with(stalling).build().unwrap();
    for total in [Duration::MAX, 60 * SECOND] {
        let pieces = stream::iter([0, 5]).then(|seconds| async move {
            sleep(seconds * SECOND).await;
            Ok::<_, postrider::BoxError>(Bytes::from("piece"))
        });
        let begun = Instant::now();
        let request = client.put("http://a.test/").header("content-length", 10);
        let request = request.body(Body::stream(pieces)).timeout(total);
        let error = request.write_timeout(SECOND).send().await.unwrap_err();
        let text = "PUT http://a.test/: sending the request: \
                    timed out: nothing could be written for 1s";
        assert_timeout(&error, begun, 6 * SECOND, Phase::Send, text);
    }
}

#[tokio::test]
async fn empty_pieces_without_end_are_limited_in_time() {
    let server = Arc::new(Server::in_memory([Script::new().read_to_end()]));
    let client = client_of(&server);
    let pieces = stream::repeat_with(|| Ok::<_, postrider::BoxError>(Bytes::new()));
    let request = client.put("http://a.test/").body(Body::stream(pieces));
    let error = request
        .timeout(Duration::from_millis(50))
        .send()
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_sent_with_the_last_byte_that_was_declared() {
    let silent = Server::in_memory([Script::new().read_head().read(5).stall()]);
    let answering = Server::in_memory([Script::respond_always(ok("done"))]);
    // A stream whose sender is kept until there is an answer.
    let body = || {
        let pieces = stream::iter([Ok::<_, postrider::BoxError>(Bytes::from("piece"))]);
        Body::stream(pieces.chain(stream::pending()))
    };
    for (server, is_silent) in [(Arc::new(silent), true), (Arc::new(answering), false)] {
        let client = client_of(&server);
        let begun = Instant::now();
        let request = client.put("http://a.test/").header("content-length", "5");
        let sent = request.body(body()).head_timeout(SECOND).send().await;
        if is_silent {
            let error = sent.unwrap_err();
            assert_timeout(
                &error,
                begun,
                SECOND,
                Phase::Head,
                "PUT http://a.test/: waiting for the response: timed out: no response within 1s",
            );
            assert_eq!(error.sent(), Sent::Wholly);
        } else {
            assert!(sent.unwrap().timings().sent().is_some());
            assert_eq!(client.stats().totals.idle, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_whose_time_is_over_before_it_begins_is_not_sent() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    let post = || client.post("http://a.test/").body("an order");
    post().send().await.unwrap();
    let before = received(&server, 0);
    let none_left = post().timeout(Duration::ZERO).send();
    let polled_late = post().timeout(Duration::from_secs(1)).send();
    sleep(Duration::from_secs(1)).await;
    for (request, limit) in [(none_left, "0ns"), (polled_late, "1s")] {
        let error = request.await.unwrap_err();
        assert_eq!(
            (error.kind(), error.phase(), error.sent()),
            (ErrorKind::Timeout, Phase::Prepare, Sent::Nothing)
        );
        assert_eq!(
            error.to_string(),
            format!("POST http://a.test/: timed out: the request's {limit} are over")
        );
        assert!(error.is_retry_safe() && !error.is_connect());
    }
    assert_eq!(received(&server, 0), before);
    assert_eq!(client.stats().timeouts, 2);
    post().timeout(Duration::from_secs(1)).send().await.unwrap();
}

/// As those of a buffered stream whose items are worked on one by one.
#[tokio::test(start_paused = true)]
async fn a_request_whose_time_is_over_while_nobody_polls_it_is_not_sent() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok(""))]));
    let client = client_of(&server);
    let post = || client.post("http://a.test/").body("an order");
    let mut left_alone = post().timeout(SECOND).send();
    assert!((&mut left_alone).now_or_never().is_none());
    until(|| client.stats().totals.lent == 1).await;
    sleep(SECOND).await;
    let error = left_alone.await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase(), error.sent()),
        (ErrorKind::Timeout, Phase::Send, Sent::Nothing)
    );
    assert_eq!(
        error.to_string(),
        "POST http://a.test/: sending the request: timed out: the request's 1s are over"
    );
    assert!(error.is_retry_safe());
    assert!(server.received(0).is_empty());

    // Its connection is as good as ever.
    assert_eq!(client.stats().totals.idle, 1);
    post().send().await.unwrap();
    assert_eq!(server.connections(), 1);
}
