//! Code of the user's own that panics while a request is made or sent: it is
//! that request's error, and hurts nobody else.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use postrider::{Body, BoxError, Client, Error, ErrorKind, Sent};
use testing::{Script, Server, Signal};

use crate::support::{builder_of, ok, received, until};

/// A body of three pieces that panics where it is told to.
struct Panicking {
    place: Place,
    pieces: usize,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    IsEndStream,
    SizeHint,
    FirstFrame,
    LastFrame,
    Drop,
}

impl Panicking {
    fn at(place: Place) -> Body {
        Body::wrap(Self { place, pieces: 0 })
    }

    fn panic_at(&self, place: Place) {
        assert_ne!(self.place, place, "a bug");
    }
}

impl http_body::Body for Panicking {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.pieces += 1;
        match self.pieces {
            1 => self.panic_at(Place::FirstFrame),
            3 => self.panic_at(Place::LastFrame),
            4.. => return Poll::Ready(None),
            _ => {}
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"piece")))))
    }

    fn is_end_stream(&self) -> bool {
        self.panic_at(Place::IsEndStream);
        false
    }

    fn size_hint(&self) -> SizeHint {
        self.panic_at(Place::SizeHint);
        SizeHint::default()
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.panic_at(Place::Drop);
        }
    }
}

/// A client that may have one connection only, whose slot is therefore missed
/// by the next request if it is lost.
fn narrow(server: &Arc<Server>) -> Client {
    let builder = builder_of(server).pool_max_connections(1);
    builder.build().unwrap()
}

fn always() -> [Script; 1] {
    [Script::respond_always(ok("ok"))]
}

async fn assert_unhurt(client: &Client) {
    let totals = client.stats().totals;
    assert_eq!((totals.lent, totals.dialling, totals.waiting), (0, 0, 0));
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "ok");
}

fn assert_told(error: &Error) {
    assert_eq!(error.kind(), ErrorKind::RequestBody, "{error}");
    let words = "the request body failed: it panicked";
    assert!(error.to_string().ends_with(words), "{error}");
    assert!(!error.is_retry_safe());
}

#[tokio::test]
async fn a_body_that_panics_at_any_point_fails_its_own_request_only() {
    for place in [
        Place::IsEndStream,
        Place::SizeHint,
        Place::FirstFrame,
        Place::LastFrame,
    ] {
        let server = Arc::new(Server::in_memory(always()));
        let client = narrow(&server);
        for warm in [false, true] {
            let request = client.post("http://a.test/").body(Panicking::at(place));
            let error = request.send().await.unwrap_err();
            assert_told(&error);
            let is_unsent = matches!(place, Place::IsEndStream | Place::SizeHint);
            if is_unsent {
                assert_eq!(error.sent(), Sent::Nothing, "{place:?} {warm}");
            }
            assert_unhurt(&client).await;
        }
    }
}

#[tokio::test]
async fn a_body_that_panics_when_it_is_dropped_is_no_harm_to_the_pool() {
    let server = Arc::new(Server::in_memory(always()));
    let client = narrow(&server);
    let request = client
        .post("http://a.test/")
        .body(Panicking::at(Place::Drop));
    // The panic may surface; it is the task's own.
    let _ = tokio::spawn(async move { request.send().await?.text().await }).await;
    until(|| client.stats().totals.lent == 0).await;
    assert_unhurt(&client).await;
}

#[tokio::test]
async fn a_factory_that_panics_fails_its_own_request_only() {
    let server = Arc::new(Server::in_memory(always()));
    let client = narrow(&server);
    for _ in 0..2 {
        let body = Body::factory(|| panic!("a bug"));
        let request = client.put("http://a.test/").body(body);
        let error = request.send().await.unwrap_err();
        assert_told(&error);
        assert_eq!(error.sent(), Sent::Nothing);
        assert_unhurt(&client).await;
    }
    assert_eq!(server.connections(), 1);
    assert!(!received(&server, 0).contains("PUT"));
}

/// The first time all was well.
#[tokio::test]
async fn a_factory_that_panics_at_the_retry_fails_its_own_request_only() {
    let server = Arc::new(Server::in_memory([
        Script::respond(ok("ok")).read_request().close(),
        Script::respond_always(ok("ok")),
    ]));
    let client = narrow(&server);
    assert_unhurt(&client).await;
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let body = Body::factory(move || match count.fetch_add(1, Ordering::Relaxed) {
        0 => Body::from("an order"),
        _ => panic!("a bug"),
    });
    let request = client.put("http://a.test/").body(body);
    let error = request.send().await.unwrap_err();
    assert_told(&error);
    assert_eq!(made.load(Ordering::Relaxed), 2);
    assert_eq!(error.sent(), Sent::Wholly, "the server has seen the first");
    assert!(received(&server, 0).ends_with("an order"));
    assert_unhurt(&client).await;
}

/// The slot goes to the one who waits for it.
#[tokio::test]
async fn a_request_in_line_behind_one_that_panics_is_served() {
    let go = Signal::new();
    let server = Arc::new(Server::in_memory(always()));
    let client = narrow(&server);
    let wait = go.clone();
    let pieces = futures_util::stream::once(async move {
        wait.wait().await;
        panic!("a bug") as Result<Bytes, BoxError>
    });
    let request = client.post("http://a.test/").body(Body::stream(pieces));
    let first = tokio::spawn(request.send());
    until(|| client.stats().totals.lent == 1).await;
    let second = {
        let client = client.clone();
        tokio::spawn(async move { client.get("http://a.test/").send().await?.text().await })
    };
    until(|| client.stats().totals.waiting == 1).await;
    go.notify();
    assert_told(&first.await.unwrap().unwrap_err());
    assert_eq!(second.await.unwrap().unwrap(), "ok");
}

/// It runs on the caller's own task, and the panic is that task's.
#[tokio::test]
async fn a_report_of_informational_responses_that_panics_loses_no_slot() {
    let early = "HTTP/1.1 103 Early Hints\r\n\r\n".to_owned() + &ok("ok");
    let server = Arc::new(Server::in_memory([
        Script::respond(early),
        Script::respond_always(ok("ok")),
    ]));
    let client = narrow(&server);
    let request = client.get("http://a.test/");
    let request = request.on_informational(|_, _| panic!("a bug"));
    let outcome = tokio::spawn(async move { request.send().await.map(drop) }).await;
    assert!(!matches!(outcome, Ok(Ok(()))), "it is not passed over");
    assert_unhurt(&client).await;
    assert_eq!(server.connections(), 2, "what it left was not reused");
}
