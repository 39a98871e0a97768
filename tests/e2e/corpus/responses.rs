//! Every response of the corpus, in memory, whole and in pieces: how it is read,
//! and whether the next request goes out on the same connection.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use testing::{Script, Server, Signal};

use super::cases::{cases, name, octets};
use super::reading::{Outcome, compare, read};
use super::{is_left_out, same};
use crate::support::{client_of, ok};

const URL: &str = "http://a.test/";

/// Cases up to this size are also sent in single bytes.
const SHORT: usize = 64 * 1024;

/// Nothing may wait for so long: on paused time it is over at once.
const HANGS: Duration = Duration::from_secs(60);

/// How a response comes.
#[derive(Clone, Copy, Debug)]
enum Delivery {
    Whole,
    SingleBytes,
    SplitAt(usize),
}

#[tokio::test(start_paused = true)]
async fn every_response_is_read_as_expected() {
    let mut failures = Vec::new();
    let mut run = 0;
    for case in cases("responses.jsonl") {
        let deliveries = deliveries(&case);
        run += usize::from(!deliveries.is_empty());
        for delivery in deliveries {
            if let Err(difference) = check(&case, delivery).await {
                failures.push(format!("{} {delivery:?}: {difference}", name(&case)));
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    // 17 are left out; 12 are silent, late or reset, and have tests of their own.
    assert_eq!(run, 388 - 17 - 12);
}

/// None where the case is left out or has a test of its own.
fn deliveries(case: &Value) -> Vec<Delivery> {
    if is_left_out(name(case)) {
        return Vec::new();
    }
    let length = octets(&case["raw"]).len();
    match case["needs"].as_str() {
        None if length > SHORT => vec![Delivery::Whole],
        None => vec![Delivery::Whole, Delivery::SingleBytes],
        Some("byte-by-byte") => vec![Delivery::SingleBytes],
        Some("every-split") => (0..=length).map(Delivery::SplitAt).collect(),
        Some(_) => Vec::new(),
    }
}

async fn check(case: &Value, delivery: Delivery) -> Result<(), String> {
    let written = Signal::new();
    let server = server(case, delivery, &written);
    let client = client_of(&server);
    let reading = read(&client, case, URL, |request| request.timeout(HANGS)).await;
    if let Err(error) = &reading.end {
        same(&error.is_timeout(), &false, "waiting without end")?;
    }
    let outcome = compare(case, &reading).map_err(|difference| match &reading.end {
        Ok(()) => difference,
        Err(error) => format!("{difference}: {error}"),
    })?;
    drop(reading);

    // What was sent behind the response must be there before the next request.
    tokio::select! {
        () = written.wait(), if case["then"] == "keep-open" => {}
        () = server.closed(0) => {}
    }
    let is_reusable = outcome == Outcome::Expected && case["expect"]["reusable"] == true;
    let next = client.get(URL).timeout(HANGS).send().await;
    let next = next.map_err(|error| error.to_string())?.text().await;
    let (text, connections) = if is_reusable {
        ("again", 1)
    } else {
        ("fresh", 2)
    };
    same(&next.unwrap().as_str(), &text, "the next response")?;
    same(&server.connections(), &connections, "number of connections")
}

/// A server that sends the case's response on its first connection, and is ready
/// for another request there; and that answers on all others.
fn server(case: &Value, delivery: Delivery, written: &Signal) -> Arc<Server> {
    let raw = octets(&case["raw"]);
    let read = Script::new().read_request();
    let sent = match delivery {
        Delivery::Whole => read.write(raw),
        Delivery::SingleBytes => {
            let sizes = vec![1; raw.len()];
            read.write_split(raw, &sizes)
        }
        Delivery::SplitAt(place) => read.write_split(raw, &[place]),
    };
    let first = match case["then"].as_str() {
        Some("close") => sent.close(),
        Some("keep-open") => sent.notify(written).then(Script::respond(ok("again"))),
        other => panic!("{other:?} is no end of a case"),
    };
    Arc::new(Server::in_memory([
        first,
        Script::respond_always(ok("fresh")),
    ]))
}
