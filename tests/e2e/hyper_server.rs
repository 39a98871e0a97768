//! Against hyper's server, in the clear and by TLS.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use postrider::{Body, Client};
use testing::Authority;
use tokio::time::timeout;

use crate::echo::Echo;
use crate::support::{trusting, until};

const SECURE: [bool; 2] = [false, true];

/// A server, a client that trusts it, and the server's base URL.
async fn start(secure: bool) -> (Echo, Client, String) {
    let authority = Authority::new();
    let (echo, scheme) = if secure {
        (Echo::tls(&authority.issue(&["127.0.0.1"])), "https")
    } else {
        (Echo::plain(), "http")
    };
    let addr = echo.listen().await;
    let client = trusting(&authority).build().unwrap();
    (echo, client, format!("{scheme}://{addr}"))
}

fn pieces(count: usize, length: usize) -> Body {
    let piece = Bytes::from(vec![b'p'; length]);
    let pieces = (0..count).map(move |_| Ok::<_, io::Error>(piece.clone()));
    Body::stream(stream::iter(pieces))
}

#[tokio::test]
async fn requests_of_every_kind_share_one_connection() {
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        let text = async |request: postrider::RequestBuilder| {
            request.send().await.unwrap().text().await.unwrap()
        };
        let url = |path: &str| format!("{base}{path}");
        assert_eq!(text(client.get(url("/a"))).await, "GET /a ");
        assert_eq!(text(client.post(url("/a")).body("hi")).await, "POST /a hi");
        let put = client.put(url("/a")).body(pieces(2, 3));
        assert_eq!(text(put).await, "PUT /a pppppp");
        assert_eq!(text(client.delete(url("/a"))).await, "DELETE /a ");
        assert_eq!(text(client.head(url("/a"))).await, "");
        let json = client.patch(url("/a")).json(&serde_json::json!({"a": 1}));
        assert_eq!(text(json).await, "PATCH /a {\"a\":1}");
        assert_eq!(text(client.get(url("/slow/a"))).await, "GET /slow/a ");
        assert_eq!(text(client.get(url("/chunked/3"))).await, "ccc");
        assert_eq!(text(client.get(url("/bytes/0"))).await, "");
        assert_eq!(echo.connections(), 1);
        assert_eq!(client.stats().counters.reuses, 8);
    }
}

#[tokio::test]
async fn large_bodies_go_both_ways() {
    const LARGE: usize = 8_000_000;
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        for kind in ["bytes", "chunked"] {
            let request = client.get(format!("{base}/{kind}/{LARGE}"));
            let bytes = request.send().await.unwrap().bytes().await.unwrap();
            assert_eq!(bytes.len(), LARGE, "{kind}");
            assert!(bytes.iter().all(|&byte| byte == kind.as_bytes()[0]));

            let mut length = 0;
            let request = client.get(format!("{base}/{kind}/{LARGE}"));
            let mut response = request.send().await.unwrap();
            while let Some(piece) = response.chunk().await.unwrap() {
                length += piece.len();
            }
            assert_eq!(length, LARGE, "{kind}");
        }
        for body in [
            vec![b'x'; LARGE].into(),
            pieces(LARGE / 80_000, 80_000),
            pieces(LARGE / 100, 100),
        ] {
            let request = client.post(format!("{base}/count")).body(body);
            let text = request.send().await.unwrap().text().await.unwrap();
            assert_eq!(text, LARGE.to_string());
        }
        assert_eq!(echo.connections(), 1);
    }
}

#[tokio::test]
async fn a_hundred_requests_at_once_each_get_their_own_answer() {
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        for round in 0..2 {
            let requests = (0..100).map(|number| {
                let request = client.post(format!("{base}/{round}/{number}"));
                async move {
                    let response = request.body(format!("body {number}")).send().await?;
                    Ok::<_, postrider::Error>((number, response.text().await?))
                }
            });
            let answers = timeout(Duration::from_secs(60), join_all(requests)).await;
            for answer in answers.unwrap() {
                let (number, text) = answer.unwrap();
                assert_eq!(text, format!("POST /{round}/{number} body {number}"));
            }
        }
        // Of the many only so many are kept, and none is lost sight of.
        assert!(echo.connections() <= 200);
        until(|| {
            let totals = client.stats().totals;
            (totals.lent, totals.waiting, totals.dialling) == (0, 0, 0)
                && totals.idle <= 64
                && echo.open() == totals.idle
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_on_several_threads_share_the_connections() {
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        let tasks = (0..8).map(|task| {
            let (client, base) = (client.clone(), base.clone());
            tokio::spawn(async move {
                for number in 0..50 {
                    let request = client.get(format!("{base}/{task}/{number}"));
                    let text = request.send().await.unwrap().text().await.unwrap();
                    assert_eq!(text, format!("GET /{task}/{number} "));
                }
            })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
        assert!(echo.connections() <= 16, "{}", echo.connections());
        let counters = client.stats().counters;
        assert!(counters.reuses + counters.handed_on >= 400 - 16);
    }
}

#[tokio::test]
async fn a_thousand_requests_in_a_row_use_one_connection() {
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        for number in 1..=1000 {
            let request = client.get(format!("{base}/{number}"));
            let response = request.send().await.unwrap();
            assert_eq!(response.connection().request(), number);
            assert_eq!(response.text().await.unwrap(), format!("GET /{number} "));
        }
        assert_eq!((echo.connections(), echo.open()), (1, 1));
    }
}

#[tokio::test]
async fn a_client_that_is_dropped_closes_its_connections() {
    for secure in SECURE {
        let (echo, client, base) = start(secure).await;
        let get = || client.get(format!("{base}/a")).send();
        let responses = join_all([get(), get(), get()]).await;
        for response in responses {
            response.unwrap().discard().await.unwrap();
        }
        assert!(echo.open() > 0);
        drop(client);
        until(|| echo.open() == 0).await;
    }
}
