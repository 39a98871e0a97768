//! The waiting line where each connection that is handed on turns out closed:
//! the server closes after every answer and does not say so.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Client, Counts};
use testing::{Script, Server};

use crate::support::ok;

/// A server whose every connection serves one request.
fn closing_silently(requests: usize) -> Server {
    let script = Script::new().read_request().write(ok("once")).close();
    Server::start(vec![script; 2 * requests])
}

fn one_at_a_time() -> Client {
    let builder = Client::builder().pool_max_connections_per_host(1);
    builder.build().unwrap()
}

#[tokio::test]
async fn a_dead_connection_costs_nobody_his_place_in_the_line() {
    const REQUESTS: usize = 64;
    let server = closing_silently(REQUESTS);
    let client = one_at_a_time();
    let served = Arc::new(Mutex::new(Vec::new()));
    let requests = (0..REQUESTS).map(|number| {
        let sending = client.get(server.url("/")).send();
        let served = Arc::clone(&served);
        async move {
            let response = sending.await.unwrap();
            served.lock().unwrap().push(number);
            assert_eq!(response.text().await.unwrap(), "once");
        }
    });
    join_all(requests).await;
    let in_order: Vec<_> = (0..REQUESTS).collect();
    assert_eq!(*served.lock().unwrap(), in_order);
}

#[tokio::test]
async fn who_is_in_line_at_the_shutdown_is_served_although_connections_close() {
    let server = closing_silently(6);
    let client = one_at_a_time();
    let get = |client: Client, url| async move {
        let response = client.get(url).send().await?;
        response.text().await
    };
    let requests: Vec<_> = (0..6)
        .map(|_| tokio::spawn(get(client.clone(), server.url("/"))))
        .collect();
    while client.stats().totals.waiting < 5 {
        tokio::task::yield_now().await;
    }
    let left = client.shutdown(Duration::from_secs(10)).await;
    assert_eq!(left, Counts::default());
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap(), "once");
    }
}
