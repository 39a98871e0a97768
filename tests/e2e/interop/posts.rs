//! Orders to servers whose processes are replaced meanwhile: what fails says
//! truthfully whether the server can have seen it, and nothing is sent twice.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::{Client, Error, ErrorKind, Sent, TlsSettings};
use tokio::time::sleep;

use super::program::Program;
use super::{apache, nginx};

#[tokio::test]
async fn nginx_gets_no_order_twice_and_none_that_was_not_sent() {
    orders(&nginx::start()).await;
}

#[tokio::test]
async fn apache_gets_no_order_twice_and_none_that_was_not_sent() {
    orders(&apache::start()).await;
}

async fn orders(program: &Program) {
    fs::write(program.root().join("small"), "hello").unwrap();
    let settings = TlsSettings::builder()
        .add_roots_pem(program.root_certificate())
        .only_added_roots();
    let client = Client::builder().tls(settings.build().unwrap());
    let client = client.build().unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let number = Arc::new(AtomicUsize::new(0));
    let ports = program.ports();
    let urls = [
        format!("http://127.0.0.1:{}/small?order=", ports.hasty),
        format!("https://127.0.0.1:{}/small?order=", ports.hasty_tls),
    ];
    let callers = (0..8).map(|caller| {
        let (client, is_over, number) = (client.clone(), Arc::clone(&is_over), Arc::clone(&number));
        let url = urls[caller % 2].clone();
        tokio::spawn(async move {
            let mut outcomes = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let order = number.fetch_add(1, Ordering::Relaxed);
                let outcome = place(&client, format!("{url}{order}.")).await;
                outcomes.push((order, outcome));
                // Some connections are idle when the server closes them.
                sleep(Duration::from_millis(caller as u64 % 4 * 7)).await;
            }
            outcomes
        })
    });
    let callers: Vec<_> = callers.collect();
    for _ in 0..4 {
        sleep(Duration::from_millis(400)).await;
        program.reload();
    }
    sleep(Duration::from_millis(400)).await;
    is_over.store(true, Ordering::Relaxed);
    let outcomes = join_all(callers).await.into_iter().flat_map(Result::unwrap);
    let outcomes: Vec<_> = outcomes.collect();

    let answered = outcomes.iter().filter(|(_, outcome)| outcome.is_ok());
    let mut seen = HashMap::new();
    for line in program.log_of("/small?order=", answered.count()) {
        *seen.entry(line.uri).or_insert(0) += 1;
    }
    assert!(outcomes.len() > 50, "{}", outcomes.len());
    for (order, outcome) in outcomes {
        let times = seen.get(&format!("/small?order={order}.")).copied();
        match outcome {
            Ok(()) => assert_eq!(times, Some(1), "{order}"),
            Err(error) => {
                let may_have_come = error.sent() != Sent::Nothing;
                assert!(
                    times.is_none_or(|times| times == 1 && may_have_come),
                    "{order}: {error}"
                );
                assert!(
                    matches!(error.kind(), ErrorKind::Closed | ErrorKind::Io),
                    "{error}"
                );
                assert_eq!(error.is_retry_safe(), !may_have_come, "{error}");
                let words = "(the request may have been processed)";
                assert_eq!(error.to_string().ends_with(words), may_have_come, "{error}");
            }
        }
    }
}

/// What the answer says is not regarded.
async fn place(client: &Client, url: String) -> Result<(), Error> {
    let response = client.post(url).body("an order").send().await?;
    response.discard().await
}
