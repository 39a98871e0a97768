//! The responses of the corpus that are about time: servers that fall silent,
//! drip, break off, or speak when nobody has asked.

use std::sync::Arc;
use std::time::Duration;

use postrider::{Client, RequestBuilder};
use serde_json::Value;
use testing::{Script, Server, Signal};
use tokio::time::Instant;

use super::cases::{cases, name, octets};
use super::reading::{Outcome, compare, read};
use crate::support::{client_of, ok};

const URL: &str = "http://a.test/";

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_server_that_falls_silent_is_left_when_time_is_over() {
    for case in needing("timeout", 7) {
        let script = Script::respond(octets(&case["raw"]));
        let phases = |request: RequestBuilder| {
            let request = request.head_timeout(3 * SECOND);
            request.read_timeout(2 * SECOND)
        };
        let total = |request: RequestBuilder| request.timeout(5 * SECOND);
        let has_head = case["expect"]["outcome"] != "error";
        check_time(&case, &script, phases, if has_head { 2 } else { 3 }).await;
        check_time(&case, &script, total, 5).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_pauses_is_left_when_its_time_is_over() {
    for case in needing("drip-1-byte-per-second,head-timeout-3s", 1) {
        let drip = Script::new()
            .read_request()
            .drip(octets(&case["raw"]), SECOND);
        let head = |request: RequestBuilder| {
            let request = request.head_timeout(3 * SECOND);
            request.read_timeout(2 * SECOND)
        };
        check_time(&case, &drip, head, 3).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_is_no_end_of_a_body() {
    for case in needing("rst", 1) {
        let script = Script::respond(octets(&case["raw"])).reset();
        let server = server(&script);
        let client = client_of(&server);
        let reading = read(&client, &case, URL, |request| request).await;
        assert_eq!(compare(&case, &reading), Ok(Outcome::Expected));
        assert_fresh(&client, URL, &server).await;
    }
}

#[tokio::test]
async fn what_comes_while_a_connection_idles_is_never_a_response() {
    let mut cases = needing("second-write-after-200ms", 2);
    cases.extend(needing("close-after-200ms", 1));
    for case in cases {
        let late = Late::new(&case);
        let server = server(&late.script);
        late.check(&client_of(&server), URL, &server).await;

        let late = Late::new(&case);
        let scripts = [late.script.clone(), Script::respond_always(ok("fresh"))];
        let server = Server::start(scripts);
        let url = server.url("/");
        late.check(&Client::new(), &url, &server).await;
    }
}

/// Something that befalls a connection between two requests.
struct Late<'a> {
    case: &'a Value,
    script: Script,
    /// The connection has become idle.
    idle: Signal,
    /// What comes late has come, where it is not the end.
    come: Signal,
}

impl<'a> Late<'a> {
    fn new(case: &'a Value) -> Self {
        let (idle, come) = (Signal::new(), Signal::new());
        let script = Script::respond(octets(&case["raw"])).wait(&idle);
        let script = match case["expect"].get("leftover") {
            Some(leftover) => script.write(octets(leftover)).notify(&come),
            None => script.close(),
        };
        Self {
            case,
            script,
            idle,
            come,
        }
    }

    async fn check(&self, client: &Client, url: &str, server: &Server) {
        let reading = read(client, self.case, url, |request| request).await;
        assert_eq!(compare(self.case, &reading), Ok(Outcome::Expected));
        assert_eq!(client.stats().totals.idle, 1, "{}", name(self.case));
        self.idle.notify();
        tokio::select! {
            () = self.come.wait() => {}
            () = server.closed(0) => {}
        }
        assert_fresh(client, url, server).await;
    }
}

/// Asserts that a request ends as its case expects, by a limit on time that is
/// over after so many seconds.
async fn check_time(
    case: &Value,
    script: &Script,
    limit: impl Fn(RequestBuilder) -> RequestBuilder,
    seconds: u64,
) {
    let server = server(script);
    let client = client_of(&server);
    let begun = Instant::now();
    let reading = read(&client, case, URL, limit).await;
    assert_eq!(compare(case, &reading), Ok(Outcome::Expected));
    assert!(reading.end.unwrap_err().is_timeout(), "{}", name(case));
    assert_eq!(begun.elapsed().as_secs(), seconds, "{}", name(case));
    assert_fresh(&client, URL, &server).await;
}

/// Asserts that the next request gets the answer to it, on another connection.
async fn assert_fresh(client: &Client, url: &str, server: &Server) {
    let response = client.get(url).send().await.unwrap();
    assert!(!response.connection().is_reused());
    assert_eq!(response.text().await.unwrap(), "fresh");
    assert_eq!(server.connections(), 2);
}

fn needing(need: &str, count: usize) -> Vec<Value> {
    let mut cases = cases("responses.jsonl");
    cases.retain(|case| case["needs"] == need);
    assert_eq!(cases.len(), count, "{need}");
    cases
}

/// A server that plays this on its first connection, and answers on all others.
fn server(first: &Script) -> Arc<Server> {
    let fresh = Script::respond_always(ok("fresh"));
    Arc::new(Server::in_memory([first.clone(), fresh]))
}
