//! Every future that a caller gets, dropped after every number of polls: the
//! next request gets its own answer, nothing is lent or left behind, and the
//! limits hold. Requests themselves are in `cancellation`.

use std::io;
use std::time::Duration;

use futures_util::stream;
use http_body_util::BodyExt;
use postrider::{Body, Client, ClientBuilder, ErrorKind, Response, ResponseBody, Upgraded};
use testing::Authority;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::cancellation::in_memory;
use crate::echo::Echo;
use crate::support::{poll_at_most, trusting, until};

/// A client with room for two connections, the server that these lead to, and
/// its URL.
struct Pair {
    client: Client,
    echo: Echo,
    base: String,
}

const MOST: usize = 2;

impl Pair {
    fn new(builder: ClientBuilder, echo: Echo, base: impl Into<String>) -> Self {
        let builder = builder.pool_max_connections_per_host(MOST);
        Self {
            client: builder.build().unwrap(),
            echo,
            base: base.into(),
        }
    }

    fn in_memory() -> Self {
        let echo = Echo::plain();
        let connect = in_memory(&echo);
        let builder = Client::builder().connect_with(move |_| std::future::ready(Ok(connect())));
        Self::new(builder, echo, "http://a.test")
    }

    fn in_memory_tls() -> Self {
        let authority = Authority::new();
        let echo = Echo::tls(&authority.issue(&["a.test"]));
        let connect = in_memory(&echo);
        let builder = trusting(&authority).connect_with(move |_| std::future::ready(Ok(connect())));
        Self::new(builder, echo, "https://a.test")
    }

    async fn over_tcp() -> Self {
        let echo = Echo::plain();
        let addr = echo.listen().await;
        Self::new(Client::builder(), echo, format!("http://{addr}"))
    }

    async fn over_tcp_by_tls() -> Self {
        let authority = Authority::new();
        let echo = Echo::tls(&authority.issue(&["127.0.0.1"]));
        let addr = echo.listen().await;
        Self::new(trusting(&authority), echo, format!("https://{addr}"))
    }

    async fn get(&self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.base));
        request.send().await.unwrap()
    }

    async fn trailed(&self) -> ResponseBody {
        let request = self.client.get(format!("{}/trailers", self.base));
        let response = request.header("te", "trailers").send().await;
        response.unwrap().into_body()
    }

    async fn upgraded(&self) -> Upgraded {
        let request = self.client.get(format!("{}/upgrade", self.base));
        let request = request.header("connection", "upgrade");
        let response = request.header("upgrade", "echo").send().await.unwrap();
        response.upgrade().unwrap()
    }

    /// Nothing is taken up, and the client is as good as ever.
    async fn is_well(&self, polls: usize) {
        let totals = self.client.stats().totals;
        assert!(totals.connections() <= MOST, "{polls} polls: {totals:?}");
        let next = format!("/the-next/{polls}");
        let text = self.get(&next).await.text().await.unwrap();
        assert!(text.ends_with(&format!("{next} ")), "{polls} polls: {text}");
        until(|| {
            let totals = self.client.stats().totals;
            (totals.lent, totals.dialling, totals.waiting) == (0, 0, 0)
                && self.echo.open() == totals.idle
        })
        .await;
    }

    /// Tries with every number of polls until `attempt` completes within it.
    async fn after_every_poll(&self, attempt: impl AsyncFn(&Self, usize) -> Option<()>) {
        for polls in 0.. {
            assert!(polls < 5_000, "it never completes");
            let completed = attempt(self, polls).await;
            self.is_well(polls).await;
            if completed.is_some() {
                assert!(polls > 0, "it was never given up");
                return;
            }
        }
    }
}

async fn give_everything_up(pair: &Pair) {
    pair.after_every_poll(async |pair, polls| {
        let response = pair.get("/slow/x").await;
        let bytes = poll_at_most(polls, response.bytes()).await?.unwrap();
        assert_eq!(bytes, "GET /slow/x ");
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let response = pair.get("/slow/x").await;
        let text = poll_at_most(polls, response.text()).await?.unwrap();
        assert_eq!(text, "GET /slow/x ");
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let response = pair.get("/json").await;
        let list = poll_at_most(polls, response.json::<Vec<u8>>()).await?;
        assert_eq!(list.unwrap(), [7, 8, 9]);
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let response = pair.get("/slow/x").await;
        poll_at_most(polls, response.discard()).await?.unwrap();
        Some(())
    })
    .await;
    // A body of known length, of which what is left at the end is small: the
    // pool may finish it.
    pair.after_every_poll(async |pair, polls| {
        let response = pair.get("/bytes/20000").await;
        let bytes = poll_at_most(polls, response.bytes()).await?.unwrap();
        assert_eq!(bytes, vec![b'b'; 20_000]);
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let body = pair.trailed().await;
        let collected = poll_at_most(polls, body.collect()).await?.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-sum"], "6");
        assert_eq!(collected.to_bytes(), "abcdef");
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let pieces = stream::iter(["one ", "two ", "three"].map(Ok::<_, io::Error>));
        let url = format!("{}/back", pair.base);
        let request = pair.client.post(url).body(Body::stream(pieces));
        let request = request.expect_continue(Duration::from_secs(5));
        let exchange = async { request.send().await?.text().await };
        let text = poll_at_most(polls, exchange).await?.unwrap();
        assert_eq!(text, "one two three");
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let request = http::Request::get(format!("{}/slow/x", pair.base));
        let sent = pair.client.execute(request.body(Body::empty()).unwrap());
        let response = poll_at_most(polls, sent).await?.unwrap();
        assert_eq!(response.text().await.unwrap(), "GET /slow/x ");
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        let mut stream = pair.upgraded().await;
        let conversation = async {
            stream.write_all(b"ping").await?;
            stream.flush().await?;
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await?;
            stream.shutdown().await?;
            let rest = stream.read_to_end(&mut Vec::new()).await?;
            Ok::<_, io::Error>((answer, rest))
        };
        let (answer, rest) = poll_at_most(polls, conversation).await?.unwrap();
        assert_eq!((&answer, rest), (b"ping", 0));
        Some(())
    })
    .await;
    pair.after_every_poll(async |pair, polls| {
        pair.client.close_idle();
        let warming = pair.client.warm(&pair.base, MOST + 1);
        let made = poll_at_most(polls, warming).await?.unwrap();
        assert_eq!(made, MOST);
        Some(())
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn any_future_given_up_after_any_poll_harms_no_request_in_memory() {
    give_everything_up(&Pair::in_memory()).await;
}

#[tokio::test(start_paused = true)]
async fn any_future_given_up_after_any_poll_harms_no_request_by_tls_in_memory() {
    give_everything_up(&Pair::in_memory_tls()).await;
}

#[tokio::test]
async fn any_future_given_up_after_any_poll_harms_no_request_over_tcp() {
    give_everything_up(&Pair::over_tcp().await).await;
}

#[tokio::test]
async fn any_future_given_up_after_any_poll_harms_no_request_by_tls_over_tcp() {
    give_everything_up(&Pair::over_tcp_by_tls().await).await;
}

/// What says that it may be dropped and asked for again, loses nothing by it.
async fn go_on_after_every_poll(pair: &Pair) {
    for polls in 1..20 {
        let mut response = pair.get("/slow/x").await;
        let mut text = Vec::new();
        loop {
            match poll_at_most(polls, response.chunk()).await {
                Some(Ok(Some(piece))) => text.extend_from_slice(&piece),
                Some(end) => break assert!(end.unwrap().is_none()),
                // Whoever wakes it finds another future.
                None => tokio::task::yield_now().await,
            }
        }
        assert_eq!(text, b"GET /slow/x ", "{polls} polls");

        let mut body = pair.trailed().await;
        let (mut data, mut trailers) = (Vec::new(), None);
        loop {
            match poll_at_most(polls, body.frame()).await {
                Some(None) => break,
                Some(frame) => match frame.unwrap().unwrap().into_data() {
                    Ok(piece) => data.extend_from_slice(&piece),
                    Err(frame) => trailers = frame.into_trailers().ok(),
                },
                None => tokio::task::yield_now().await,
            }
        }
        assert_eq!(data, b"abcdef", "{polls} polls");
        assert_eq!(trailers.unwrap()["x-sum"], "6");

        let mut stream = pair.upgraded().await;
        let sent: Vec<u8> = (0..100).collect();
        let mut written = 0;
        while written < sent.len() {
            written += again(polls, async || stream.write(&sent[written..]).await).await;
        }
        again(polls, async || stream.flush().await).await;
        let mut came = Vec::new();
        while came.len() < sent.len() {
            let mut piece = [0; 7];
            let length = again(polls, async || stream.read(&mut piece).await).await;
            came.extend_from_slice(&piece[..length]);
        }
        assert_eq!(came, sent, "{polls} polls");
        drop(stream);
        pair.is_well(polls).await;
    }
}

/// Asks again and again, each time giving up after so many polls.
async fn again<T>(polls: usize, mut ask: impl AsyncFnMut() -> io::Result<T>) -> T {
    for _ in 0..10_000 {
        if let Some(result) = poll_at_most(polls, ask()).await {
            return result.unwrap();
        }
        tokio::task::yield_now().await;
    }
    panic!("it never completes");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_asked_for_again_goes_on_where_it_stood() {
    go_on_after_every_poll(&Pair::in_memory()).await;
    go_on_after_every_poll(&Pair::in_memory_tls()).await;
}

/// With a response under way, and one who waits in line for a connection.
#[tokio::test(start_paused = true)]
async fn a_shutdown_given_up_after_any_poll_has_shut_down() {
    for new in [Pair::in_memory, Pair::in_memory_tls] {
        for polls in 0.. {
            assert!(polls < 1_000, "it never completes");
            let pair = new();
            let first = pair.get("/slow/1").await;
            let second = pair.get("/slow/2").await;
            let waiting = pair.client.get(format!("{}/3", pair.base));
            let waiting = tokio::spawn(async { waiting.send().await?.text().await });
            until(|| pair.client.stats().totals.waiting == 1).await;
            let reading = tokio::spawn(async move {
                let (first, second) = tokio::join!(first.text(), second.text());
                (first.unwrap(), second.unwrap())
            });
            let shutdown = pair.client.shutdown(Duration::from_secs(10));
            let left = poll_at_most(polls, shutdown).await;

            if polls > 0 {
                let late = pair.client.get(&pair.base).send().await;
                assert_eq!(late.unwrap_err().kind(), ErrorKind::ShutDown);
            }
            let (first, second) = reading.await.unwrap();
            assert_eq!((&*first, &*second), ("GET /slow/1 ", "GET /slow/2 "));
            assert_eq!(waiting.await.unwrap().unwrap(), "GET /3 ");
            if polls == 0 {
                pair.is_well(polls).await;
                continue;
            }
            until(|| pair.client.stats().totals.connections() == 0 && pair.echo.open() == 0).await;
            if let Some(left) = left {
                assert_eq!((left.lent, left.waiting, left.dialling), (0, 0, 0));
                break;
            }
        }
    }
}
