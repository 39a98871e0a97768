//! Servers that tell what request they read: hyper's, in this process, and h11.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use ::hyper::body::Incoming;
use ::hyper::server::conn::http1;
use ::hyper::service::service_fn;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::Builder;

use super::corpus::latin1;
use super::process::ask;
use super::requests::Message;
use super::sent::{Sent, lines};

type Read = Result<Message, String>;

pub(crate) fn hyper(sent: &[Sent]) -> Vec<Read> {
    let runtime = Builder::new_current_thread().build().unwrap();
    let messages = sent.iter().map(|sent| {
        let mut message = runtime.block_on(serve(&sent.wire))?;
        // A URL without a path is the same as with a slash to its type, and
        // written with it.
        if message.target.strip_suffix('/') == Some(&sent.message.target) {
            message.target.pop();
        }
        Ok(message)
    });
    messages.collect()
}

/// Gives one connection these bytes, and its end. It must read one request.
async fn serve(wire: &[u8]) -> Read {
    let (mut client, server) = duplex(1 << 20);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let service = service_fn(|request| {
        let seen = Arc::clone(&seen);
        async move {
            let read = message(request).await;
            seen.lock().unwrap().push(read);
            Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
        }
    });
    client.write_all(wire).await.unwrap();
    client.shutdown().await.unwrap();
    let connection = http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(server), service);
    let ended = connection.await.map_err(|error| error.to_string());
    client.read_to_end(&mut Vec::new()).await.unwrap();
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    match (seen.pop(), seen.len()) {
        (Some(read), 0) => ended.and(read),
        (Some(_), more) => Err(format!("{} requests", more + 1)),
        (None, _) => Err(format!("no request: {ended:?}")),
    }
}

async fn message(request: Request<Incoming>) -> Read {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    let trailers = body.trailers().map(lines).unwrap_or_default();
    Ok(Message {
        method: head.method.to_string(),
        target: head.uri.to_string(),
        fields: lines(&head.headers),
        body: body.to_bytes().into(),
        trailers,
    })
}

pub(crate) fn h11(sent: &[Sent]) -> Vec<Read> {
    let questions: Vec<Value> = sent
        .iter()
        .map(|sent| {
            let wire: String = sent.wire.iter().copied().map(char::from).collect();
            json!({ "wire": wire })
        })
        .collect();
    let answers = ask("python3", "h11_server.py", &questions);
    answers.iter().map(answer).collect()
}

fn answer(answer: &Value) -> Read {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    if let Some(error) = answer.get("error") {
        return Err(text(error));
    }
    if answer["behind"] != 0 {
        return Err(format!("{} bytes behind the request", answer["behind"]));
    }
    let fields = |value: &Value| {
        let lines = value.as_array().unwrap().iter();
        let lines = lines.map(|line| (text(&line[0]), latin1(line[1].as_str().unwrap())));
        lines.collect()
    };
    Ok(Message {
        method: text(&answer["method"]),
        target: text(&answer["target"]),
        fields: fields(&answer["fields"]),
        body: latin1(answer["body"].as_str().unwrap()),
        trailers: fields(&answer["trailers"]),
    })
}
