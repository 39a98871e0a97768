//! Servers that answer before they have read the request, and streams that
//! keep what they were given until they are flushed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::StatusCode;
use postrider::{Body, Client, ErrorKind, Sent};
use testing::{Authority, Faulty, Script, Server, Signal};
use tokio::time::timeout;

use crate::support::{builder_of, client_of, ok, received, tls_builder_of, trusting};

const LARGE: usize = 8 * 1024 * 1024;

/// A body of `count` pieces of 64 KiB, chunked.
fn chunks(count: usize) -> Body {
    let pieces = (0..count).map(|_| Ok::<_, io::Error>(Bytes::from(vec![b'x'; 64 * 1024])));
    Body::stream(stream::iter(pieces))
}

/// One piece, and a second when the gate opens.
fn two_pieces(gate: &Signal) -> Body {
    let gate = gate.clone();
    let second = stream::once(async move {
        gate.wait().await;
        Ok(Bytes::from("two"))
    });
    let first = stream::iter([Ok::<_, io::Error>(Bytes::from("one"))]);
    Body::stream(first.chain(second))
}

#[tokio::test]
async fn an_answer_is_heard_although_the_server_has_gone_with_the_upload_unread() {
    let authority = Authority::new();
    for status in [StatusCode::PAYLOAD_TOO_LARGE, StatusCode::OK] {
        let answer =
            format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 6\r\n\r\nenough");
        for secure in [false, true] {
            for end in [
                Script::new().close(),
                Script::new().reset(),
                Script::new().pause(Duration::from_millis(20)).reset(),
            ] {
                for whole in [true, false] {
                    let start = Script::new().read_head().write(answer.clone());
                    let scripts = [start.then(end.clone())];
                    let server = if secure {
                        Server::start_tls(authority.issue(&["127.0.0.1"]), scripts)
                    } else {
                        Server::start(scripts)
                    };
                    let client = trusting(&authority).build().unwrap();
                    let body = if whole {
                        vec![b'x'; LARGE].into()
                    } else {
                        chunks(LARGE / (64 * 1024))
                    };
                    let exchange = async {
                        let response = client.post(server.url("/")).body(body).send().await?;
                        assert_eq!(response.status(), status);
                        response.text().await
                    };
                    let text = timeout(Duration::from_secs(10), exchange)
                        .await
                        .expect("it must not deadlock");
                    assert_eq!(text.unwrap(), "enough", "TLS: {secure}");
                    assert_eq!(client.stats().totals.connections(), 0);
                }
            }
        }
    }
}

#[tokio::test]
async fn a_server_that_answers_and_never_reads_blocks_nobody() {
    for answer in [
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 302 Found\r\nContent-Length: 2\r\n\r\nno",
    ] {
        let server = Server::start([Script::new().read_head().write(answer).stall()]);
        let client = Client::new();
        let exchange = async {
            let request = client.post(server.url("/")).body(vec![b'x'; LARGE]);
            request.send().await?.text().await
        };
        let text = timeout(Duration::from_secs(10), exchange).await.unwrap();
        assert_eq!(text.unwrap(), "no");
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test]
async fn an_early_200_is_given_and_polling_its_body_drives_the_upload_on() {
    let second = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nso far, ")
        .read_some()
        .read(b"3\r\ntwo\r\n0\r\n\r\n".len())
        .write("x")
        .then(Script::respond(ok("next")))]));
    let client = client_of(&server);
    let request = client.post("http://a.test/").body(two_pieces(&second));
    let mut response = request.send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "so far, ");
    assert!(!received(&server, 0).contains("two"));
    second.notify();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "x");
    assert_eq!(response.chunk().await.unwrap(), None);
    assert!(received(&server, 0).ends_with("3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));

    // The upload has ended, and so has the response: nothing is in the way.
    let next = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(next.connection().request(), 2);
    assert_eq!(next.text().await.unwrap(), "next");
}

/// One that answers piece by piece would wait for the rest without end.
#[tokio::test]
async fn an_early_200_that_closes_the_connection_behind_it_still_gets_the_upload() {
    let second = Signal::new();
    let script = Script::new()
        .read_head()
        .write("HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
        .read(b"3\r\none\r\n".len())
        .write("3\r\none\r\n")
        .read(b"3\r\ntwo\r\n".len())
        .write("3\r\ntwo\r\n0\r\n\r\n")
        .close();
    let server = Arc::new(Server::in_memory([script]));
    let client = client_of(&server);
    let request = client.post("http://a.test/").body(two_pieces(&second));
    let exchange = async {
        let mut response = request.send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "one");
        second.notify();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "two");
        assert_eq!(response.chunk().await.unwrap(), None);
    };
    timeout(Duration::from_secs(5), exchange).await.unwrap();
    assert_eq!(client.stats().totals.connections(), 0);
}

#[tokio::test]
async fn an_answer_that_is_over_before_the_upload_costs_the_connection() {
    for answer in [
        ok("early"),
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nearly\r\n0\r\n\r\n".into(),
    ] {
        let server = Arc::new(Server::in_memory([
            Script::new().read_head().read_some().write(answer),
            Script::respond(ok("next")),
        ]));
        let client = client_of(&server);
        let never = Signal::new();
        let request = client.post("http://a.test/").body(two_pieces(&never));
        let response = request.send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "early");
        server.closed(0).await;
        let next = client.get("http://a.test/").send().await.unwrap();
        assert!(!next.connection().is_reused());
        assert_eq!(next.text().await.unwrap(), "next");
        assert!(!received(&server, 0).contains("GET"));
    }
}

#[tokio::test]
async fn a_status_of_failure_stops_the_upload() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 4\r\n\r\nno",
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: /\r\nContent-Length: 4\r\n\r\nno",
        "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 4\r\n\r\nno",
    ] {
        let (second, rest) = (Signal::new(), Signal::new());
        let server = Arc::new(Server::in_memory([Script::new()
            .read_head()
            .read_some()
            .write(answer)
            .wait(&rest)
            .write("!!")
            .read_to_end()]));
        let client = client_of(&server);
        let request = client.post("http://a.test/").body(two_pieces(&second));
        let mut response = request.send().await.unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "no");
        second.notify();
        rest.notify();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "!!");
        assert_eq!(response.chunk().await.unwrap(), None);
        server.closed(0).await;
        assert!(!received(&server, 0).contains("two"), "{answer}");
        assert_eq!(client.stats().totals.connections(), 0);
    }
}

#[tokio::test]
async fn an_error_made_of_an_early_answer_tells_how_much_was_sent() {
    for (length, body, sent) in [
        (0, chunks(1), Sent::Wholly),
        (0, two_pieces(&Signal::new()), Sent::Partly),
        (4, two_pieces(&Signal::new()), Sent::Partly),
        (99, two_pieces(&Signal::new()), Sent::Partly),
    ] {
        let head = format!("HTTP/1.1 409 Conflict\r\nContent-Length: {length}\r\n\r\n");
        let script = match sent {
            Sent::Wholly => Script::new().read_request(),
            _ => Script::new().read_head().read_some(),
        };
        let content = ["", "full"][usize::from(length > 0)];
        let script = script.write(head + content).stall();
        let server = Arc::new(Server::in_memory([script]).buffer_size(1024 * 1024));
        let request = client_of(&server).post("http://a.test/").body(body);
        let error = request.send().await.unwrap().error_for_status();
        assert_eq!(error.unwrap_err().sent(), sent, "{length}");
    }
}

#[tokio::test]
async fn an_error_behind_an_early_answer_tells_when_the_upload_ended() {
    let second = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        .read_some()
        .read(b"3\r\ntwo\r\n0\r\n\r\n".len())
        .close()]));
    let request = client_of(&server).post("http://a.test/");
    let mut response = request.body(two_pieces(&second)).send().await.unwrap();
    assert_eq!(response.timings().sent(), None);
    second.notify();
    let error = response.chunk().await.unwrap_err();
    assert_eq!(error.sent(), Sent::Wholly);
    assert!(error.timings().unwrap().sent().is_some());
    assert_eq!(response.chunk().await.unwrap_err().sent(), Sent::Wholly);
}

#[tokio::test]
async fn a_write_that_fails_hides_no_answer_and_tells_itself_where_there_is_none() {
    for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
        // The stream takes the head and a part, then fails: the answer is there.
        let server = Arc::new(Server::in_memory([Script::new()
            .read_head()
            .write("HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 4\r\n\r\nfull")]));
        let failing = |server: &Arc<Server>| {
            let server = Arc::clone(server);
            Client::builder()
                .connect_with(move |_| {
                    let stream = Faulty::new(server.connect()).fail_write_after(1000, kind);
                    async move { Ok(stream) }
                })
                .build()
                .unwrap()
        };
        let request = failing(&server).post("http://a.test/").body(chunks(4));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::INSUFFICIENT_STORAGE);
        assert_eq!(response.text().await.unwrap(), "full");

        let server = Arc::new(Server::in_memory([Script::new().read_head().close()]));
        let request = failing(&server).post("http://a.test/").body(chunks(4));
        let error = request.send().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error}");
        assert_eq!(error.sent(), Sent::Partly);
        assert!(error.to_string().contains("writing failed: "), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("(the request may have been processed)"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn upload_and_download_move_at_once() {
    let authority = Authority::new();
    for secure in [false, true] {
        let echo = if secure {
            crate::echo::Echo::tls(&authority.issue(&["127.0.0.1"]))
        } else {
            crate::echo::Echo::plain()
        };
        let addr = echo.listen().await;
        let scheme = if secure { "https" } else { "http" };
        let client = trusting(&authority).build().unwrap();
        for _ in 0..2 {
            let request = client
                .post(format!("{scheme}://{addr}/back"))
                .body(chunks(128));
            let exchange = async { request.send().await?.bytes().await };
            let bytes = timeout(Duration::from_secs(20), exchange).await.unwrap();
            assert_eq!(bytes.unwrap().len(), 128 * 64 * 1024);
        }
        assert_eq!(echo.connections(), 1, "both had ended: it is used again");
    }
}

#[tokio::test]
async fn what_a_stream_holds_back_is_flushed() {
    let authority = Authority::new();
    for secure in [false, true] {
        let script = Script::respond_always(ok("heard"));
        let server = Arc::new(if secure {
            Server::in_memory_tls(authority.issue(&["a.test"]), [script])
        } else {
            Server::in_memory([script])
        });
        let builder = if secure {
            tls_builder_of(&server, &authority)
        } else {
            builder_of(&server)
        };
        let client = {
            let server = Arc::clone(&server);
            builder
                .connect_with(move |_| {
                    let stream = Faulty::new(server.connect()).buffer_until_flush();
                    async move { Ok(stream) }
                })
                .build()
                .unwrap()
        };
        let url = if secure {
            "https://a.test/"
        } else {
            "http://a.test/"
        };
        for body in [Body::empty(), "small".into(), chunks(3)] {
            let exchange = async {
                let response = client.post(url).body(body).send().await?;
                response.text().await
            };
            let text = timeout(Duration::from_secs(5), exchange).await.unwrap();
            assert_eq!(text.unwrap(), "heard");
        }
        assert_eq!(server.connections(), 1);
    }
}

#[tokio::test]
async fn a_piece_is_flushed_before_the_next_is_waited_for() {
    let second = Signal::new();
    let server = Arc::new(Server::in_memory([Script::new()
        .read_head()
        .read(b"3\r\none\r\n".len())
        .notify(&second)
        .read(b"3\r\ntwo\r\n0\r\n\r\n".len())
        .write(ok("both"))]));
    let client = {
        let server = Arc::clone(&server);
        Client::builder()
            .connect_with(move |_| {
                let stream = Faulty::new(server.connect()).buffer_until_flush();
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    };
    let request = client.post("http://a.test/").body(two_pieces(&second));
    let exchange = async { request.send().await?.text().await };
    let text = timeout(Duration::from_secs(5), exchange).await.unwrap();
    assert_eq!(text.unwrap(), "both");
}

#[tokio::test]
async fn a_connection_whose_last_flush_is_not_done_is_not_used_again() {
    let never = Signal::new();
    let server = Arc::new(Server::in_memory([Script::respond(ok("early"))]));
    let client = {
        let (server, never) = (Arc::clone(&server), never.clone());
        Client::builder()
            .connect_with(move |_| {
                let stream = Faulty::new(server.connect()).flush_after(&never);
                async move { Ok(stream) }
            })
            .build()
            .unwrap()
    };
    let response = client.get("http://a.test/").send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), "early");
    assert_eq!(client.stats().totals.connections(), 0);
}
