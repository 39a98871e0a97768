//! The one safe retry: what the caller sees, and what the server has received,
//! when a kept-alive connection turns out to be closed.
//!
//! Longer than other files: the table of the retry's rules is proven in one place.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use postrider::{
    Body, Client, ConnectErrorKind, Error, ErrorKind, KeyLimits, Phase, Policy, RequestBuilder,
    Response, Retry, Sent, TlsErrorKind,
};
use testing::{Authority, CloseNotify, Script, Server, Signal, Tls};
use tokio::time::{Instant, sleep};

use crate::doomed::Doom;
use crate::support::{builder_of, client_of, ok, received, tls_builder_of, trusting};

fn piece(text: &'static str) -> Body {
    Body::stream(stream::iter([Ok::<_, io::Error>(Bytes::from(text))]))
}

/// How often `needle` came to the server, on all its connections.
fn times_received(server: &Server, needle: &str) -> usize {
    (0..server.connections())
        .map(|number| received(server, number).matches(needle).count())
        .sum()
}

async fn warm_up(client: &Client, base: &str) {
    let response = client.get(format!("{base}/warm-up")).send().await.unwrap();
    response.bytes().await.unwrap();
}

/// The first connection closes when it has read its second request.
fn closing_scripts(end: Script) -> [Script; 2] {
    [
        Script::respond(ok("warm")).read_request().then(end),
        Script::respond_always(ok("again")),
    ]
}

/// Servers that close on a reused connection in every way there is, in the
/// clear and by TLS; with each, `build`'s request.
async fn on_closing_servers(
    build: impl Fn(&Client, String) -> RequestBuilder,
    check: impl AsyncFn(Result<Response, Error>, &Client, &Server),
) {
    let authority = Authority::new();
    let tls = || Tls::new(authority.issue(&["127.0.0.1"]));
    let rude = || tls().close_notify(CloseNotify::Omit);
    let (close, reset) = (
        || closing_scripts(Script::new().close()),
        || closing_scripts(Script::new().reset()),
    );
    for server in [
        Server::start(close()),
        Server::start(reset()),
        Server::start_tls(tls(), close()),
        Server::start_tls(rude(), close()),
        Server::start_tls(tls(), reset()),
    ] {
        let client = trusting(&authority).build().unwrap();
        warm_up(&client, &server.url("")).await;
        let result = build(&client, server.url("/it")).send().await;
        check(result, &client, &server).await;
    }
}

#[tokio::test]
async fn an_idempotent_request_is_sent_once_more_on_a_fresh_connection() {
    type Build = fn(&Client, String) -> RequestBuilder;
    let builds: [Build; 5] = [
        |client, url| client.get(url),
        |client, url| client.put(url).body("in memory"),
        |client, url| client.delete(url).body(Body::factory(|| piece("made"))),
        |client, url| client.post(url).header("idempotency-key", "7").body("x"),
        |client, url| client.post(url).idempotent().body("x"),
    ];
    for build in builds {
        on_closing_servers(build, async |result, client, server| {
            let response = result.unwrap();
            assert!(!response.connection().is_reused());
            assert_eq!(response.timings().retries(), 1);
            assert_eq!(response.text().await.unwrap(), "again");
            assert_eq!(client.stats().retries, 1);
            assert_eq!(times_received(server, " /it "), 2);
            assert_eq!(server.connections(), 2);
        })
        .await;
    }
}

#[tokio::test]
async fn a_post_is_never_sent_twice_and_its_error_says_what_may_have_happened() {
    on_closing_servers(
        |client, url| client.post(url).body("charge 5"),
        async |result, client, server| {
            let error = result.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io),
                "{error}"
            );
            assert_eq!((error.phase(), error.sent()), (Phase::Head, Sent::Wholly));
            assert!(!error.is_retry_safe());
            assert!(error.connection().unwrap().is_reused());
            let text = error.to_string();
            assert!(
                text.ends_with("(the request may have been processed)"),
                "{text}"
            );
            assert_eq!(times_received(server, "charge 5"), 1);
            assert_eq!(client.stats().retries, 0);
        },
    )
    .await;
}

#[tokio::test]
async fn a_body_of_which_a_piece_was_taken_is_not_sent_again() {
    on_closing_servers(
        |client, url| client.put(url).body(piece("only once")),
        async |result, _, server| {
            let error = result.unwrap_err();
            assert!(
                error.is_retry_safe(),
                "by the caller, who can make the body"
            );
            assert!(!error.to_string().contains("may have been processed"));
            assert_eq!(times_received(server, "only once"), 1);
        },
    )
    .await;
}

#[tokio::test]
async fn a_retry_can_be_turned_off() {
    let server = Server::start(closing_scripts(Script::new().close()));
    let client = Client::builder().retry(Retry::Never).build().unwrap();
    warm_up(&client, &server.url("")).await;
    let error = client.get(server.url("/it")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(error.is_retry_safe());
    assert_eq!((server.connections(), client.stats().retries), (1, 0));
}

#[tokio::test]
async fn a_retry_can_be_widened_to_what_may_have_been_processed() {
    let server = Server::start(closing_scripts(Script::new().close()));
    let client = Client::builder()
        .retry(Retry::EvenIfProcessed)
        .build()
        .unwrap();
    warm_up(&client, &server.url("")).await;
    let request = client.post(server.url("/it")).body("charge 5");
    let response = request.send().await.unwrap();
    assert_eq!(response.timings().retries(), 1);
    assert_eq!(response.text().await.unwrap(), "again");
    assert_eq!(times_received(&server, "charge 5"), 2);
}

#[tokio::test]
async fn a_fresh_connection_that_closes_is_an_error() {
    for end in [Script::new().close(), Script::new().reset()] {
        let server = Server::start([Script::new().read_request().then(end)]);
        let client = Client::new();
        let error = client.get(server.url("/")).send().await.unwrap_err();
        assert!(!error.connection().unwrap().is_reused());
        assert!(error.is_retry_safe());
        assert_eq!((server.connections(), client.stats().retries), (1, 0));
    }
}

#[tokio::test]
async fn a_retry_that_fails_is_not_followed_by_another() {
    let server = Server::start([
        Script::respond(ok("warm")).read_request().close(),
        Script::new().read_request().close(),
        Script::respond(ok("too late")),
    ]);
    let client = Client::new();
    warm_up(&client, &server.url("")).await;
    let error = client.get(server.url("/it")).send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert_eq!(error.timings().unwrap().retries(), 1);
    assert_eq!(times_received(&server, " /it "), 2);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_retry_takes_no_other_connection_that_had_idled() {
    let both = Signal::new();
    let first = Script::new()
        .read_request()
        .wait(&both)
        .write(ok("warm"))
        .read_request()
        .close();
    let second = Script::new()
        .read_request()
        .notify(&both)
        .write(ok("warm"))
        .read_request()
        .close();
    let server = Arc::new(Server::in_memory([
        first,
        second,
        Script::respond(ok("again")),
    ]));
    let client = client_of(&server);
    join_all([
        warm_up(&client, "http://a.test"),
        warm_up(&client, "http://a.test"),
    ])
    .await;
    assert_eq!(client.stats().totals.idle, 2);
    let response = client.get("http://a.test/it").send().await.unwrap();
    assert_eq!(response.timings().retries(), 1);
    assert_eq!(response.text().await.unwrap(), "again");
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn after_a_byte_of_a_response_nothing_is_sent_again() {
    for answer in [
        "H",
        "HTTP/1.1 200 OK\r\nContent-Le",
        "HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        for end in [Script::new().close(), Script::new().reset()] {
            let script = Script::new().write(answer).then(end);
            let server = Arc::new(Server::in_memory(closing_scripts(script)));
            let client = client_of(&server);
            warm_up(&client, "http://a.test").await;
            let error = client.get("http://a.test/it").send().await.unwrap_err();
            assert!(
                matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io),
                "{error}"
            );
            assert_eq!(times_received(&server, " /it "), 1, "{answer}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_and_an_answer_that_is_no_http_are_not_retried() {
    for (script, kind) in [
        (Script::new().stall(), ErrorKind::Timeout),
        (Script::new().write("nonsense\r\n\r\n"), ErrorKind::Protocol),
    ] {
        let server = Arc::new(Server::in_memory(closing_scripts(script)));
        let client = builder_of(&server)
            .head_timeout(Duration::from_secs(1))
            .build()
            .unwrap();
        warm_up(&client, "http://a.test").await;
        let error = client.get("http://a.test/it").send().await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn tls_that_breaks_its_rules_is_not_retried() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let script = Script::respond_always(ok("again"));
    let server = Arc::new(Server::in_memory_tls(identity, [script]));
    let doom = Doom::default();
    let client = doom.client(&server, tls_builder_of(&server, &authority));
    warm_up(&client, "https://a.test").await;
    doom.garble();
    let error = client.get("https://a.test/it").send().await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Tls, Phase::Head));
    let kind = error.connect_kind();
    assert_eq!(kind, Some(ConnectErrorKind::Tls(TlsErrorKind::Protocol)));
    assert!(error.connection().unwrap().is_reused());
    assert_eq!((server.connections(), client.stats().retries), (1, 0));
}

/// TLS over a stream of the user's own that is secured itself, as one through a
/// proxy.
#[tokio::test]
async fn tls_that_breaks_while_it_is_written_to_is_not_retried() {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let script = Script::respond_always(ok("again"));
    let server = Arc::new(Server::in_memory_tls(identity, [script]));
    let doom = Doom::default();
    let client = doom.client(&server, tls_builder_of(&server, &authority));
    warm_up(&client, "https://a.test").await;
    doom.break_tls();
    let error = client.get("https://a.test/it").send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains("writing failed: "), "{error}");
    assert!(matches!(
        error.connect_kind(),
        Some(ConnectErrorKind::Tls(_))
    ));
    assert!(!error.is_connect() && !error.is_retry_safe());
    assert_eq!((server.connections(), client.stats().retries), (1, 0));
}

/// A server of the standard library's: what it does, the runtime hears of only
/// when its own turn comes.
#[tokio::test]
async fn a_post_is_not_written_to_what_the_kernel_alone_knows_to_be_closed() {
    use std::io::{Read, Write};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (close, closing) = std::sync::mpsc::channel::<()>();
    let (closed, has_closed) = std::sync::mpsc::channel::<()>();
    let server = std::thread::spawn(move || {
        let answer = |body: &str| {
            let (mut tcp, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = tcp.read(&mut request).unwrap();
            tcp.write_all(ok(body).as_bytes()).unwrap();
            (
                tcp,
                String::from_utf8_lossy(&request[..length]).into_owned(),
            )
        };
        let (first, _) = answer("warm");
        closing.recv().unwrap();
        drop(first);
        closed.send(()).unwrap();
        answer("fresh").1
    });
    let client = Client::new();
    warm_up(&client, &base).await;
    close.send(()).unwrap();
    // On purpose without a turn for the runtime.
    has_closed.recv().unwrap();
    let request = client.post(format!("{base}/it")).body("charge 5");
    let response = request.send().await.unwrap();
    assert_eq!(response.timings().retries(), 0, "it was known beforehand");
    assert_eq!(response.text().await.unwrap(), "fresh");
    assert!(server.join().unwrap().contains("charge 5"));
}

/// The connections that had idled are dead, and no byte can be written to them.
async fn on_doomed(idle: usize, secure: bool) -> (Client, Arc<Server>, &'static str) {
    let authority = Authority::new();
    // Each waits for all, so that there are as many as wanted.
    let all = Signal::new();
    let mut scripts = vec![
        Script::new()
            .read_request()
            .wait(&all)
            .write(ok("warm"))
            .read_to_end();
        idle - 1
    ];
    scripts.push(
        Script::new()
            .read_request()
            .notify(&all)
            .write(ok("warm"))
            .read_to_end(),
    );
    scripts.push(Script::respond_always(ok("again")));
    let (server, base) = if secure {
        let identity = authority.issue(&["a.test"]);
        (Server::in_memory_tls(identity, scripts), "https://a.test")
    } else {
        (Server::in_memory(scripts), "http://a.test")
    };
    let server = Arc::new(server);
    let doom = Doom::default();
    let client = doom.client(&server, tls_builder_of(&server, &authority));
    join_all((0..idle).map(|_| warm_up(&client, base))).await;
    assert_eq!(client.stats().totals.idle, idle);
    doom.strike();
    (client, server, base)
}

#[tokio::test]
async fn what_no_byte_was_written_of_goes_to_the_next_connection_whatever_its_method() {
    for secure in [false, true] {
        let made = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&made);
        let factory = Body::factory(move || {
            count.fetch_add(1, Ordering::SeqCst);
            "charge 5".into()
        });
        for body in ["charge 5".into(), piece("charge 5"), factory] {
            let is_stream = format!("{body:?}") == "Body::Streaming";
            let (client, server, base) = on_doomed(1, secure).await;
            let request = client.post(format!("{base}/it")).body(body);
            let result = request.send().await;
            if secure && is_stream {
                // TLS takes what the socket refuses: a piece of it is gone.
                if let Err(error) = result {
                    assert_eq!(error.sent(), Sent::Nothing, "{error}");
                    assert_eq!(times_received(&server, "charge 5"), 0);
                    continue;
                }
            }
            let response = result.unwrap();
            assert!(!response.connection().is_reused());
            assert_eq!(response.timings().retries(), 1);
            assert_eq!(response.text().await.unwrap(), "again");
            assert_eq!(times_received(&server, "charge 5"), 1);
            assert_eq!(client.stats().retries, 1);
        }
        assert_eq!(made.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn every_dead_connection_is_passed_over_and_then_a_fresh_one_is_made() {
    for (idle, secure) in [(4, false), (4, true), (40, false)] {
        let (client, server, base) = on_doomed(idle, secure).await;
        let request = client.post(format!("{base}/it")).body("charge 5");
        let response = request.send().await.unwrap();
        assert_eq!(response.timings().retries() as usize, idle);
        assert_eq!(response.text().await.unwrap(), "again");
        assert_eq!(times_received(&server, "charge 5"), 1);
        assert_eq!(server.connections(), idle + 1);
        assert_eq!(client.stats().totals.connections(), 1);
    }
}

/// The second request meets a server that reads a little of it, and then says
/// that the connection had been idle for too long.
async fn on_late_408(answer: &str) -> (Client, Arc<Server>) {
    let server = Arc::new(
        Server::in_memory([
            Script::respond(ok("warm"))
                .read(1)
                .write(answer.to_owned())
                .close(),
            Script::respond_always(ok("again")),
        ])
        .buffer_size(16),
    );
    let client = client_of(&server);
    warm_up(&client, "http://a.test").await;
    (client, server)
}

#[tokio::test]
async fn a_408_before_the_request_is_written_is_no_answer_to_it() {
    for answer in [
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo late!",
        "HTTP/1.0 408 Request Timeout\r\n\r\ntoo late!",
    ] {
        let (client, server) = on_late_408(answer).await;
        let response = client.get("http://a.test/it").send().await.unwrap();
        assert_eq!(response.status(), 200, "{answer}");
        assert_eq!(response.timings().retries(), 1);
        assert_eq!(server.connections(), 2);

        let (client, _) = on_late_408(answer).await;
        let request = client.post("http://a.test/it").body("charge 5");
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        assert_eq!(error.sent(), Sent::Partly);
    }
}

#[tokio::test]
async fn a_408_that_keeps_the_connection_or_follows_the_request_is_an_answer() {
    let answer = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    let (client, _) = on_late_408(answer).await;
    let response = client.get("http://a.test/it").send().await.unwrap();
    assert_eq!(response.status(), 408);

    let closing = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Arc::new(Server::in_memory(closing_scripts(
        Script::new().write(closing).close(),
    )));
    let client = client_of(&server);
    warm_up(&client, "http://a.test").await;
    let response = client.get("http://a.test/it").send().await.unwrap();
    assert_eq!(response.status(), 408);

    // A connection that no request had used has not been idle.
    let script = Script::new().read(1).write(closing).close();
    let server = Arc::new(Server::in_memory([script]).buffer_size(16));
    let request = client_of(&server).get("http://a.test/it");
    assert_eq!(request.send().await.unwrap().status(), 408);
}

#[tokio::test]
async fn a_408_on_an_idle_connection_is_thrown_away_with_it() {
    let (now, sent) = (Signal::new(), Signal::new());
    let answer = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let server = Server::start([
        Script::respond(ok("warm"))
            .wait(&now)
            .write(answer)
            .notify(&sent)
            .close(),
        Script::respond(ok("again")),
    ]);
    let client = Client::new();
    warm_up(&client, &server.url("")).await;
    now.notify();
    sent.wait().await;
    let request = client.post(server.url("/it")).body("charge 5");
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "again");
    assert_eq!(times_received(&server, "charge 5"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_shares_the_requests_deadline() {
    let server = Arc::new(Server::in_memory([
        Script::respond(ok("warm"))
            .read_request()
            .pause(Duration::from_secs(2))
            .close(),
        Script::new().stall(),
    ]));
    let client = client_of(&server);
    warm_up(&client, "http://a.test").await;
    let begun = Instant::now();
    let request = client
        .get("http://a.test/it")
        .timeout(Duration::from_secs(3));
    let error = request.send().await.unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.timings().unwrap().retries(), 1);
    assert_eq!(begun.elapsed().as_secs(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retrys_connection_has_the_whole_time_to_connect() {
    let server = Arc::new(Server::in_memory([
        Script::respond(ok("warm"))
            .read_request()
            .pause(Duration::from_secs(30))
            .close(),
        Script::respond(ok("again")),
    ]));
    let client = client_of(&server);
    warm_up(&client, "http://a.test").await;
    let request = client
        .get("http://a.test/it")
        .connect_timeout(Duration::from_secs(1));
    let response = request.send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "again");
}

#[tokio::test(start_paused = true)]
async fn a_retrys_time_to_connect_is_not_that_of_the_attempt_before() {
    let server = Arc::new(Server::in_memory([Script::respond_always(ok("ok"))]));
    let doom = Doom::default();
    let dooming = doom.clone();
    let one = KeyLimits::default().with_max_connections(1);
    let client = Client::builder().pool(Policy::default().with_per_key(one));
    let client = client.connect_with(move |_| {
        let stream = dooming.over(server.connect());
        async move {
            sleep(Duration::from_millis(600)).await;
            Ok(stream)
        }
    });
    let client = client.build().unwrap();
    let first = client.get("http://a.test/").send();
    let second = client
        .get("http://a.test/")
        .connect_timeout(Duration::from_secs(1));
    // It waits for as long as the first one's connection takes, and again for its own.
    let second = tokio::spawn(second.send());
    first.await.unwrap();
    doom.strike();
    let response = second.await.unwrap().unwrap();
    assert_eq!(response.timings().retries(), 1);
    assert_eq!(response.timings().connected().unwrap().as_millis(), 1200);
}

#[tokio::test]
async fn a_retry_that_gets_no_connection_does_not_hide_what_was_sent_before() {
    let server = Arc::new(Server::in_memory(closing_scripts(Script::new().close())));
    let connections = Arc::clone(&server);
    let client = Client::builder()
        .connect_with(move |_| {
            let stream = match connections.connections() {
                0 => Ok(connections.connect()),
                _ => Err(io::ErrorKind::ConnectionRefused.into()),
            };
            async move { stream }
        })
        .build()
        .unwrap();
    warm_up(&client, "http://a.test").await;
    let request = client.put("http://a.test/it").body("set 5");
    let error = request.send().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.phase()),
        (ErrorKind::Connect, Phase::Connect)
    );
    assert_eq!(times_received(&server, "set 5"), 1);
    assert_eq!(error.sent(), Sent::Wholly, "the server has seen it");
    assert!(error.is_retry_safe(), "as twice is the same as once");
    let timings = error.timings().unwrap();
    assert_eq!((timings.connected(), timings.sent()), (None, None));
    assert_eq!(timings.retries(), 1);
    let stats = client.stats();
    assert_eq!((stats.retries, stats.stale.at_read), (1, 1));
}
