//! Every case of the engine's corpus, through the whole client: what comes of a
//! response, and what goes out for a request.

mod cases;
mod message;
mod reading;
mod requests;
mod responses;
mod slow;

use std::collections::BTreeSet;

use self::cases::{cases, listed, name};

/// Cases that ask for what the client can't do yet: content decoding and proxies.
const LEFT_OUT: [&str; 27] = [
    "asterisk/options-star-via-proxy",
    "content-encoding/304-gzip",
    "content-encoding/deflate-not-deflate",
    "content-encoding/deflate-raw",
    "content-encoding/deflate-zlib",
    "content-encoding/double-gzip",
    "content-encoding/empty-body-gzip",
    "content-encoding/gzip",
    "content-encoding/gzip-bad-crc",
    "content-encoding/gzip-case",
    "content-encoding/gzip-chunked",
    "content-encoding/gzip-not-gzip",
    "content-encoding/gzip-truncated",
    "content-encoding/gzip-until-close",
    "content-encoding/head-gzip",
    "content-encoding/identity",
    "content-encoding/many-codings",
    "content-encoding/x-gzip",
    "proxy/absolute-form",
    "proxy/absolute-form-empty-path",
    "proxy/absolute-form-ipv6",
    "proxy/absolute-form-no-fragment",
    "proxy/absolute-form-no-userinfo",
    "proxy/absolute-form-port",
    "proxy/connect-for-https",
    "proxy/connect-proxy-auth",
    "proxy/proxy-auth",
];

#[test]
fn only_cases_of_decoding_and_proxies_are_left_out() {
    let responses = cases("responses.jsonl");
    let requests = cases("requests.jsonl");
    let decoded = responses
        .iter()
        .filter(|case| case["request"]["decode"] == true);
    let proxied = requests.iter().filter(|case| case["proxy"].is_string());
    let asking: BTreeSet<&str> = decoded.chain(proxied).map(name).collect();
    assert_eq!(asking, BTreeSet::from(LEFT_OUT));
}

#[test]
fn what_the_engine_alone_cannot_run_is_run_here_unless_it_is_left_out() {
    for (name, reason) in listed("waiting.json") {
        let is_run = reason.starts_with("run by the end-to-end tests: ");
        assert_eq!(!is_run, is_left_out(&name), "{name}: {reason}");
    }
    assert!(listed("judged.json").is_empty());
}

fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name)
}

/// For comparisons that tell what was different.
fn same<T: PartialEq + std::fmt::Debug>(got: &T, expected: &T, what: &str) -> Result<(), String> {
    if got == expected {
        Ok(())
    } else {
        Err(format!("{what} is {got:?}, expected is {expected:?}"))
    }
}
