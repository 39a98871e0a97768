//! Every response of the corpus, whole and in pieces.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use postrider_protocol::{
    Authority, BodyLength, Exchange, Limits, Outcome, RequestHead, Scheme, Target,
};
use serde_json::Value;

use crate::corpus::{cases, is_also_ok, latin1, listed, octets};
use crate::fuzz::drive::{Reading, Then, read};
use crate::fuzz::splits::cuts;

/// What an exchange with the default limits may hold back.
const HELD: usize = 128 * 1024;

#[test]
fn every_case_is_read_as_expected() {
    let waiting = listed("waiting.json");
    let judged = listed("judged.json");
    let mut failures = Vec::new();
    let mut run = 0;
    for case in cases("responses.jsonl") {
        let name = case["name"].as_str().unwrap();
        if waiting.contains_key(name) || judged.contains_key(name) {
            continue;
        }
        run += 1;
        let text = octets(&case["raw"]);
        let reading = read(exchange(&case), HELD, [&text[..]], then(&case));
        if let Err(difference) = compare(&case, &reading) {
            failures.push(format!("{name}: {difference}\n    {:?}", reading.end));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert_eq!(run + skipped(&waiting) + skipped(&judged), 388);
}

#[test]
fn a_case_in_pieces_is_read_as_the_whole() {
    for case in cases("responses.jsonl") {
        let text = octets(&case["raw"]);
        let whole = read(exchange(&case), HELD, [&text[..]], Then::Close);
        let splits = if text.len() < 64 * 1024 {
            let bytes = read(exchange(&case), HELD, text.chunks(1), Then::Close);
            assert_eq!(whole, bytes, "{} byte by byte", case["name"]);
            0..100
        } else {
            0..1
        };
        for seed in splits {
            let pieces = read(exchange(&case), HELD, cuts(&text, seed), Then::Close);
            assert_eq!(whole, pieces, "{} in pieces of seed {seed}", case["name"]);
        }
    }
}

#[test]
fn what_is_listed_as_waiting_or_judged_exists() {
    let responses = cases("responses.jsonl");
    let requests = cases("requests.jsonl");
    let names: Vec<_> = responses
        .iter()
        .chain(&requests)
        .map(|case| case["name"].as_str().unwrap())
        .collect();
    for name in listed("waiting.json")
        .keys()
        .chain(listed("judged.json").keys())
    {
        assert!(names.contains(&name.as_str()), "{name} is no case");
    }
}

fn skipped(listed: &std::collections::BTreeMap<String, String>) -> usize {
    let responses = cases("responses.jsonl");
    let names = responses.iter().map(|case| case["name"].as_str().unwrap());
    names.filter(|name| listed.contains_key(*name)).count()
}

fn exchange(case: &Value) -> Exchange {
    let request = &case["request"];
    let method: Method = request["method"].as_str().unwrap().parse().unwrap();
    let mut headers = HeaderMap::new();
    for line in request["headers"].as_array().into_iter().flatten() {
        let name = HeaderName::from_bytes(&octets(&line[0])).unwrap();
        headers.append(name, HeaderValue::from_bytes(&octets(&line[1])).unwrap());
    }
    let uri = Uri::from_static("/");
    let target = match method {
        Method::CONNECT => Target::Authority,
        _ => Target::Origin(&uri),
    };
    let (authority, _) = Authority::parse("a.test", Scheme::Http).unwrap();
    let head = RequestHead::new(&method, target, &authority, &headers, BodyLength::None);
    Exchange::start(&head, &Limits::default(), &mut Vec::new()).unwrap()
}

fn then(case: &Value) -> Then {
    match case["then"].as_str() {
        Some("close") => Then::Close,
        Some("keep-open") => Then::KeepOpen,
        other => panic!("{other:?} is no end of a case"),
    }
}

fn outcome(reading: &Reading) -> &'static str {
    let has_final_head = reading
        .heads
        .iter()
        .any(|head| head.status == 101 || !head.status.is_informational());
    match (&reading.end, has_final_head) {
        (Some(Ok(())), _) => "response",
        (Some(Err(_)), false) => "error",
        (Some(Err(_)), true) => "response-then-body-error",
        (None, _) => "still waiting",
    }
}

/// What is different from what the case expects.
fn compare(case: &Value, reading: &Reading) -> Result<(), String> {
    let expect = &case["expect"];
    let outcome = outcome(reading);
    if expect["outcome"] != outcome {
        let is_kept = reading.outcome == Outcome::Reusable && then(case) == Then::KeepOpen;
        return same(&is_also_ok(case, outcome), &true, "outcome is also ok")
            .and_then(|()| same(&is_kept, &false, "reusable"));
    }
    compare_heads(expect, reading)?;
    compare_body(expect, reading)?;
    if outcome == "response" && then(case) == Then::KeepOpen {
        let is_reusable = reading.outcome == Outcome::Reusable;
        same(
            &is_reusable,
            &expect["reusable"].as_bool().unwrap(),
            "reusable",
        )?;
    }
    if let Some(leftover) = expect.get("leftover") {
        same(&reading.leftover, &octets(leftover), "leftover")?;
    }
    Ok(())
}

fn compare_heads(expect: &Value, reading: &Reading) -> Result<(), String> {
    let Some((head, informational)) = reading.heads.split_last() else {
        return Ok(());
    };
    if let Some(status) = expect["status"].as_u64() {
        same(&u64::from(head.status.as_u16()), &status, "status")?;
    }
    if let Some(reason) = expect["reason"].as_str() {
        same(&head.reason, &latin1(reason).into(), "reason")?;
    }
    if let Some(codes) = expect["informational"].as_array() {
        let got: Vec<_> = informational
            .iter()
            .map(|head| head.status.as_u16())
            .collect();
        same(
            &Value::from(got),
            &Value::from(codes.clone()),
            "informational",
        )?;
    }
    for (name, values) in expect["headers"].as_object().into_iter().flatten() {
        same(&lines(&head.headers, name), &all_octets(values), name)?;
    }
    for name in expect["headers_absent"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap();
        same(&head.headers.contains_key(name), &false, name)?;
    }
    Ok(())
}

fn compare_body(expect: &Value, reading: &Reading) -> Result<(), String> {
    if let Some(length) = expect["body_len"].as_u64() {
        same(&(reading.body.len() as u64), &length, "length of the body")?;
    }
    if let Some(body) = expect.get("body") {
        let body = octets(body);
        if expect["outcome"] == "response" {
            same(&reading.body, &body, "body")?;
        } else {
            same(
                &body.starts_with(&reading.body),
                &true,
                "beginning of the body",
            )?;
        }
    }
    if let Some(trailers) = expect["trailers"].as_object() {
        let got = reading.trailers.clone().unwrap_or_default();
        same(&got.keys().count(), &trailers.len(), "number of trailers")?;
        for (name, values) in trailers {
            same(&lines(&got, name), &all_octets(values), name)?;
        }
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(got: &T, expected: &T, what: &str) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what} is {got:?}, expected is {expected:?}"))
    }
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<Vec<u8>> {
    let lines = headers.get_all(name).iter();
    lines.map(|value| value.as_bytes().to_vec()).collect()
}

fn all_octets(values: &Value) -> Vec<Vec<u8>> {
    values.as_array().unwrap().iter().map(octets).collect()
}
