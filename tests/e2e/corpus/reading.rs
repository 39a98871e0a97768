//! What the client makes of a response, and how that differs from what the case
//! expects.
//!
//! Reason phrases are not compared: the client doesn't tell them.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt;
use postrider::{Client, Error, RequestBuilder, Response};
use serde_json::Value;
use tokio::io::AsyncReadExt;

use super::cases::{elements, is_also_ok, octets};
use super::same;

/// A response as a caller saw it.
#[derive(Debug)]
pub(super) struct Reading {
    pub(super) end: Result<(), Error>,
    informational: Vec<u16>,
    head: Option<(StatusCode, HeaderMap)>,
    body: Vec<u8>,
    trailers: HeaderMap,
    /// What came behind the head of a response that handed the connection over.
    tunnelled: Option<Vec<u8>>,
}

/// Makes the request of a case at `url`, and reads the response to its end.
pub(super) async fn read(
    client: &Client,
    case: &Value,
    url: &str,
    limit: impl Fn(RequestBuilder) -> RequestBuilder,
) -> Reading {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = Arc::clone(&told);
    let request = request(client, case, url)
        .on_informational(move |status, _| telling.lock().unwrap().push(status.as_u16()));
    let mut reading = Reading {
        end: Ok(()),
        informational: Vec::new(),
        head: None,
        body: Vec::new(),
        trailers: HeaderMap::new(),
        tunnelled: None,
    };
    reading.end = match limit(request).send().await {
        Ok(response) => reading.take(response, case).await,
        Err(error) => Err(error),
    };
    reading.informational = told.lock().unwrap().clone();
    reading
}

/// What is different from what the case expects. `Ok` tells whether the outcome
/// was the expected one, and not another that is allowed.
pub(super) fn compare(case: &Value, reading: &Reading) -> Result<Outcome, String> {
    let expect = &case["expect"];
    let outcome = reading.outcome();
    if expect["outcome"] != outcome {
        return if is_also_ok(case, outcome) {
            Ok(Outcome::AlsoOk)
        } else {
            Err(format!(
                "outcome is {outcome}, expected is {}",
                expect["outcome"]
            ))
        };
    }
    compare_head(expect, reading)?;
    compare_body(expect, reading)?;
    Ok(Outcome::Expected)
}

/// Whether a case came out as expected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Expected,
    AlsoOk,
}

impl Reading {
    fn outcome(&self) -> &'static str {
        match (&self.end, &self.head) {
            (Ok(()), _) => "response",
            (Err(_), None) => "error",
            (Err(_), Some(_)) => "response-then-body-error",
        }
    }

    async fn take(&mut self, response: Response, case: &Value) -> Result<(), Error> {
        self.head = Some((response.status(), response.headers().clone()));
        if case["expect"]["tunnel"] == true {
            let leftover = case["expect"].get("leftover");
            let mut early = vec![0; leftover.map(octets).unwrap_or_default().len()];
            let mut stream = response.upgrade()?;
            stream.read_exact(&mut early).await.unwrap();
            self.tunnelled = Some(early);
            return Ok(());
        }
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            match frame?.into_data() {
                Ok(data) => self.body.extend_from_slice(&data),
                Err(frame) => self.trailers = frame.into_trailers().unwrap(),
            }
        }
        Ok(())
    }
}

fn request(client: &Client, case: &Value, url: &str) -> RequestBuilder {
    let request = &case["request"];
    let method: Method = request["method"].as_str().unwrap().parse().unwrap();
    elements(&request["headers"]).fold(client.request(method, url), |request, line| {
        request.header(&octets(&line[0])[..], &octets(&line[1])[..])
    })
}

fn compare_head(expect: &Value, reading: &Reading) -> Result<(), String> {
    if let Some(codes) = expect["informational"].as_array() {
        let got = Value::from(reading.informational.clone());
        same(&got, &Value::from(codes.clone()), "informational")?;
    }
    let Some((status, headers)) = &reading.head else {
        return Ok(());
    };
    if let Some(expected) = expect["status"].as_u64() {
        same(&u64::from(status.as_u16()), &expected, "status")?;
    }
    for (name, values) in expect["headers"].as_object().into_iter().flatten() {
        same(&lines(headers, name), &all_octets(values), name)?;
    }
    for name in elements(&expect["headers_absent"]) {
        let name = name.as_str().unwrap();
        same(&lines(headers, name), &Vec::new(), name)?;
    }
    Ok(())
}

fn compare_body(expect: &Value, reading: &Reading) -> Result<(), String> {
    if let Some(length) = expect["body_len"].as_u64() {
        same(&(reading.body.len() as u64), &length, "length of the body")?;
    }
    if let Some(body) = expect.get("body").map(octets) {
        // Before an error, as much may have come as there was.
        let is_part = reading.end.is_err() && body.starts_with(&reading.body);
        if !is_part {
            same(&reading.body, &body, "body")?;
        }
    }
    if let Some(trailers) = expect["trailers"].as_object() {
        let count = reading.trailers.keys().count();
        same(&count, &trailers.len(), "number of trailers")?;
        for (name, values) in trailers {
            same(&lines(&reading.trailers, name), &all_octets(values), name)?;
        }
    }
    if expect["tunnel"] == true {
        let early = expect.get("leftover").map(octets).unwrap_or_default();
        same(&reading.tunnelled, &Some(early), "behind the head")?;
    }
    Ok(())
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let lines = headers.get_all(name).iter();
    lines.map(|value| value.as_bytes().to_vec()).collect()
}

fn all_octets(values: &Value) -> Vec<Vec<u8>> {
    elements(values).map(octets).collect()
}
