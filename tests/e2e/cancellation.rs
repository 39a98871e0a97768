//! A request that is given up, wherever it stands, harms no other.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use postrider::{Body, Client, ClientBuilder, Error, KeyLimits, Policy};
use testing::{Authority, Faulty, Script, Server, Signal};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::echo::Echo;
use crate::support::{builder_of, ok, poll_at_most, received, tls_builder_of, trusting, until};

/// Gives requests up after every number of polls until they complete. After
/// each, the next request gets its own answer, and nothing is lent or leaked.
async fn give_up_after_every_poll(client: &Client, echo: &Echo, base: &str) {
    give_up(client, echo, base, async |client, url| {
        client.get(url).send().await?.text().await
    })
    .await;
    give_up(
        client,
        echo,
        &format!("{base}/slow"),
        async |client, url| {
            let mut response = client.get(url).send().await?;
            let mut text = Vec::new();
            while let Some(piece) = response.chunk().await? {
                text.extend_from_slice(&piece);
            }
            Ok(String::from_utf8_lossy(&text).into_owned())
        },
    )
    .await;
    give_up(client, echo, base, async |client, url| {
        let pieces = stream::iter(["one ", "two ", "three"]).then(|piece| async move {
            tokio::task::yield_now().await;
            Ok::<_, io::Error>(Bytes::from(piece))
        });
        let request = client.post(url).body(Body::stream(pieces));
        request.send().await?.text().await
    })
    .await;
    let stats = client.stats();
    assert!(stats.counters.reuses > 0, "every connection was closed");
}

async fn give_up(
    client: &Client,
    echo: &Echo,
    base: &str,
    exchange: impl AsyncFn(&Client, &str) -> Result<String, Error>,
) {
    for polls in 0.. {
        assert!(polls < 5_000, "it never completes");
        let url = format!("{base}/given-up/{polls}");
        let given_up = poll_at_most(polls, exchange(client, &url)).await;

        let next = format!("/the-next/{polls}");
        let url = format!("{base}{next}");
        let text = client.get(url).send().await.unwrap().text().await.unwrap();
        assert!(text.ends_with(&format!("{next} ")), "{polls} polls: {text}");
        until(|| {
            let totals = client.stats().totals;
            (totals.lent, totals.dialling, totals.waiting) == (0, 0, 0)
                && echo.open() == totals.idle
        })
        .await;

        if let Some(result) = given_up {
            let text = result.unwrap();
            assert!(text.contains(&format!("/given-up/{polls} ")), "{text}");
            return;
        }
    }
}

/// Connections to the server in pieces of every size, with many a pause.
pub(crate) fn in_memory(echo: &Echo) -> impl Fn() -> Faulty<DuplexStream> + Send + Sync + 'static {
    let echo = echo.clone();
    let seed = AtomicUsize::new(1);
    move || {
        let (near, far) = duplex(512);
        echo.serve(far);
        let seed = seed.fetch_add(1, Ordering::Relaxed);
        Faulty::new(near)
            .random_splits(seed as u64, 40)
            .pending_every(2)
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_given_up_after_any_poll_harms_no_other_in_memory() {
    let echo = Echo::plain();
    let connect = in_memory(&echo);
    let client = Client::builder()
        .connect_with(move |_| std::future::ready(Ok(connect())))
        .build()
        .unwrap();
    give_up_after_every_poll(&client, &echo, "http://a.test").await;
}

#[tokio::test(start_paused = true)]
async fn a_request_given_up_after_any_poll_harms_no_other_by_tls_in_memory() {
    let authority = Authority::new();
    let echo = Echo::tls(&authority.issue(&["a.test"]));
    let connect = in_memory(&echo);
    let client = trusting(&authority)
        .connect_with(move |_| std::future::ready(Ok(connect())))
        .build()
        .unwrap();
    give_up_after_every_poll(&client, &echo, "https://a.test").await;
}

#[tokio::test]
async fn a_request_given_up_after_any_poll_harms_no_other_over_tcp() {
    let echo = Echo::plain();
    let addr = echo.listen().await;
    give_up_after_every_poll(&Client::new(), &echo, &format!("http://{addr}")).await;
}

#[tokio::test]
async fn a_request_given_up_after_any_poll_harms_no_other_by_tls_over_tcp() {
    let authority = Authority::new();
    let echo = Echo::tls(&authority.issue(&["127.0.0.1"]));
    let addr = echo.listen().await;
    let client = trusting(&authority).build().unwrap();
    give_up_after_every_poll(&client, &echo, &format!("https://{addr}")).await;
}

fn one_connection() -> Policy {
    Policy::default().with_per_key(KeyLimits::default().with_max_connections(1))
}

/// A server that plays this script, in the clear and by TLS; a client's
/// settings that lead to it, and its URL.
fn both_ways(script: &Script) -> [(Arc<Server>, ClientBuilder, &'static str); 2] {
    let authority = Authority::new();
    let identity = authority.issue(&["a.test"]);
    let plain = Arc::new(Server::in_memory([script.clone()]));
    let secure = Arc::new(Server::in_memory_tls(identity, [script.clone()]));
    let (builder, tls_builder) = (builder_of(&plain), tls_builder_of(&secure, &authority));
    [
        (plain, builder, "http://a.test"),
        (secure, tls_builder, "https://a.test"),
    ]
}

const HALF: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhal";

#[tokio::test]
async fn given_up_in_line_it_leaves_the_line() {
    let go_on = Signal::new();
    let script = Script::respond(HALF)
        .wait(&go_on)
        .write("ve")
        .then(Script::respond_always(ok("the third's")));
    for (server, builder, base) in both_ways(&script) {
        let client = builder.pool(one_connection()).build().unwrap();
        let first = client.get(format!("{base}/1")).send().await.unwrap();
        let second = client.get(format!("{base}/2")).send();
        assert!(poll_at_most(1, second).await.is_none());
        assert_eq!(client.stats().totals.waiting, 0);

        let third = tokio::spawn(client.get(format!("{base}/3")).send());
        until(|| client.stats().totals.waiting == 1).await;
        go_on.notify();
        assert_eq!(first.text().await.unwrap(), "halve");
        let third = third.await.unwrap().unwrap();
        assert_eq!(third.connection().request(), 2);
        assert_eq!(third.text().await.unwrap(), "the third's");
        assert!(!received(&server, 0).contains("/2"));
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn given_up_with_a_connection_delivered_and_not_fetched_it_passes_it_on() {
    let go_on = Signal::new();
    let script = Script::respond(HALF)
        .wait(&go_on)
        .write("ve")
        .then(Script::respond_always(ok("the third's")));
    for (server, builder, base) in both_ways(&script) {
        let client = builder.pool(one_connection()).build().unwrap();
        let first = client.get(format!("{base}/1")).send().await.unwrap();
        let mut second = Box::pin(client.get(format!("{base}/2")).send());
        assert!(poll_at_most(1, second.as_mut()).await.is_none());
        go_on.notify();
        assert_eq!(first.text().await.unwrap(), "halve");
        assert_eq!(client.stats().totals.lent, 1, "it is the second's by now");
        drop(second);

        let third = client.get(format!("{base}/3")).send().await.unwrap();
        assert_eq!(third.text().await.unwrap(), "the third's");
        assert!(!received(&server, 0).contains("/2"));
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn given_up_while_dialling_its_connection_serves_the_next() {
    let script = Script::respond_always(ok("hello"));
    for (server, builder, base) in both_ways(&script) {
        let dial = Signal::new();
        let client = {
            let (server, dial) = (Arc::clone(&server), dial.clone());
            builder
                .connect_with(move |_| {
                    let (server, dial) = (Arc::clone(&server), dial.clone());
                    async move {
                        dial.wait().await;
                        Ok(server.connect())
                    }
                })
                .build()
                .unwrap()
        };
        let given_up = client.get(format!("{base}/1")).send();
        assert!(poll_at_most(1, given_up).await.is_none());
        assert_eq!(client.stats().totals.dialling, 1);
        dial.notify();
        until(|| client.stats().totals.idle == 1).await;

        let response = client.get(format!("{base}/2")).send().await.unwrap();
        assert_eq!(response.connection().request(), 1);
        assert_eq!(response.text().await.unwrap(), "hello");
        assert_eq!(received(&server, 0).matches("GET").count(), 1);
        assert_eq!(server.connections(), 1);
        assert_eq!(client.stats().counters.dials, 1);
    }
}

/// A stream that takes no byte once its valve is shut.
struct Valve<S> {
    stream: S,
    shut: Arc<AtomicBool>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Valve<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Valve<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.shut.load(Ordering::SeqCst) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// A request is handed to a stream that takes none of it, and given up. The
/// valve then opens again: none of it may follow.
async fn give_up_once_handed(server: Arc<Server>, builder: ClientBuilder, base: &str) {
    let shut = Arc::new(AtomicBool::new(false));
    let client = {
        let (server, shut) = (Arc::clone(&server), Arc::clone(&shut));
        builder
            .connect_with(move |_| {
                let stream = Valve {
                    stream: server.connect(),
                    shut: Arc::clone(&shut),
                };
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    };
    let get = async |path: &str| {
        let response = client.get(format!("{base}{path}")).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "hello");
    };
    get("/1").await;
    shut.store(true, Ordering::SeqCst);
    let given_up = client.post(format!("{base}/2")).body("charge").send();
    assert!(poll_at_most(1, given_up).await.is_none());
    shut.store(false, Ordering::SeqCst);
    assert_eq!(client.stats().totals.connections(), 0);
    server.closed(0).await;

    get("/3").await;
    assert_eq!(server.connections(), 2);
    let bytes = received(&server, 0) + &received(&server, 1);
    assert!(bytes.contains("GET /1 ") && bytes.contains("GET /3 "));
    assert!(
        !bytes.contains("/2") && !bytes.contains("charge"),
        "{bytes}"
    );
}

#[tokio::test]
async fn given_up_with_a_byte_handed_to_the_stream_it_closes_the_connection() {
    let script = Script::respond_always(ok("hello"));
    for (server, builder, base) in both_ways(&script) {
        give_up_once_handed(server, builder, base).await;
    }
}

#[tokio::test]
async fn given_up_while_the_answer_comes_it_closes_the_connection() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    for secure in [false, true] {
        let half = Signal::new();
        let first = Script::respond(HALF).notify(&half).read_to_end();
        let scripts = [first, Script::respond_always(ok("the next one's"))];
        let server = if secure {
            Server::start_tls(identity.clone(), scripts)
        } else {
            Server::start(scripts)
        };
        let client = trusting(&authority).build().unwrap();
        let exchange = tokio::spawn({
            let request = client.get(server.url("/1"));
            async move { request.send().await?.text().await }
        });
        half.wait().await;
        exchange.abort();
        assert!(exchange.await.unwrap_err().is_cancelled());

        let next = client.get(server.url("/2")).send().await.unwrap();
        assert_eq!(next.text().await.unwrap(), "the next one's");
        server.closed(0).await;
        assert_eq!((server.open(), client.stats().totals.idle), (1, 1));
    }
}
