//! Replays what the fuzzer found worth keeping.

use std::fs;
use std::path::Path;

use crate::fuzz;

#[test]
fn saved_responses_give_only_our_errors() {
    replay("response", fuzz::response::check);
}

#[test]
fn saved_responses_are_read_the_same_in_pieces() {
    replay("splits", fuzz::splits::check);
}

#[test]
fn saved_chunked_bodies_are_read_as_the_grammar_says() {
    replay("chunked", fuzz::chunked::check);
}

#[test]
fn saved_requests_are_each_read_as_one() {
    replay("request", fuzz::request::check);
}

fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut run = 0;
    for input in fs::read_dir(folder.join(target)).unwrap() {
        check(&fs::read(input.unwrap().path()).unwrap());
        run += 1;
    }
    assert!(run > 50, "{run} inputs of {target} are saved");
}
