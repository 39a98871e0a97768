//! A server that drops a tenth of its kept-alive connections: no GET fails of
//! it, and no POST is processed twice.

mod server;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use postrider::{Client, Error, ErrorKind, Sent};

use self::server::{Departure, Flaky};

/// As many requests as the promise is about.
const REQUESTS: usize = 20_000;
const IN_FLIGHT: usize = 16;

/// Sends requests with the paths `/0`, `/1`, ...: what became of each.
async fn ride(
    client: &Client,
    server: &Flaky,
    method: &http::Method,
) -> Vec<(usize, Result<(), Error>)> {
    let next = Arc::new(AtomicUsize::new(0));
    let riders = (0..IN_FLIGHT).map(|_| {
        let (client, next, method) = (client.clone(), Arc::clone(&next), method.clone());
        let addr = server.addr;
        tokio::spawn(async move {
            let mut results = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= REQUESTS {
                    return results;
                }
                let url = format!("http://{addr}/{number}");
                results.push((number, ask(&client, method.clone(), &url).await));
            }
        })
    });
    let results = join_all(riders).await;
    results.into_iter().flat_map(Result::unwrap).collect()
}

async fn ask(client: &Client, method: http::Method, url: &str) -> Result<(), Error> {
    let body = if method == http::Method::POST {
        "an order"
    } else {
        ""
    };
    let response = client.request(method, url).body(body).send().await?;
    assert_eq!(response.text().await?, "ok");
    Ok(())
}

/// Each way of dropping is a test of its own, so that they run side by side.
async fn no_get_fails(how: Departure) {
    let server = Flaky::start(how);
    let client = Client::new();
    let results = ride(&client, &server, &http::Method::GET).await;

    let failures: Vec<_> = results.iter().filter(|(_, it)| it.is_err()).collect();
    assert!(failures.is_empty(), "{}: {failures:?}", failures.len());
    assert_eq!(results.len(), REQUESTS);
    let stats = client.stats();
    assert!(server.drops() > REQUESTS / 20, "{}", server.drops());
    assert_eq!(stats.totals.lent, 0);
    let ridden_again = stats.counters.reuses + stats.counters.handed_on;
    assert!(ridden_again > REQUESTS as u64 / 2, "{stats:?}");
    eprintln!("GET, {how:?}: {} drops, {stats:?}", server.drops());
}

async fn no_post_is_processed_twice(how: Departure) {
    let server = Flaky::start(how);
    let client = Client::new();
    let results = ride(&client, &server, &http::Method::POST).await;
    let processed = server.processed();

    assert_eq!(results.len(), REQUESTS);
    let twice = processed.iter().find(|(_, count)| **count > 1);
    assert_eq!(twice, None);
    let tally = results.iter().fold(Tally::default(), |tally, result| {
        tally.add(result, &processed)
    });
    assert!(server.drops() > REQUESTS / 20, "{}", server.drops());
    if matches!(how, Departure::Silence) {
        // Each was processed and not answered: no client may hide that.
        assert_eq!(tally.lost_answers, server.drops());
    }
    eprintln!("POST, {how:?}: {} drops, {tally:?}", server.drops());
}

/// What became of requests that must not be sent twice.
#[derive(Debug, Default)]
struct Tally {
    answered: usize,
    /// Failed, and processed: the error has said that this may be.
    lost_answers: usize,
    /// Failed, and never processed, though the error could not know.
    in_doubt: usize,
    /// Failed, by its error never processed, and so it was.
    never_sent: usize,
}

impl Tally {
    /// Counts one more, having checked that its error tells the truth.
    fn add(
        mut self,
        (number, result): &(usize, Result<(), Error>),
        processed: &HashMap<String, usize>,
    ) -> Self {
        let is_processed = processed.contains_key(&format!("/{number}"));
        let Err(error) = result else {
            assert!(is_processed, "{number}");
            self.answered += 1;
            return self;
        };
        assert!(
            matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io),
            "{error}"
        );
        let says_possible = error.to_string().contains("may have been processed");
        let is_unsent = error.sent() == Sent::Nothing;
        assert_eq!(says_possible, !is_unsent, "{error}");
        assert_eq!(error.is_retry_safe(), is_unsent, "{error}");
        match (is_processed, is_unsent) {
            (true, false) => self.lost_answers += 1,
            (false, false) => self.in_doubt += 1,
            (false, true) => self.never_sent += 1,
            (true, true) => panic!("the server saw {number}: {error}"),
        }
        self
    }
}

macro_rules! each_way {
    ($($way:ident: $how:expr;)*) => {$(
        mod $way {
            use super::*;

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn no_get_fails() {
                super::no_get_fails($how).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn no_post_is_processed_twice() {
                super::no_post_is_processed_twice($how).await;
            }
        }
    )*};
}

each_way! {
    ended_behind_a_response: Departure::Fin;
    reset_behind_a_response: Departure::Reset;
    ended_within_200_microseconds: Departure::LateFin;
    ended_instead_of_an_answer: Departure::Silence;
}
