//! What we encode, read back by strict servers as the same request.

use std::collections::BTreeMap;

use super::corpus::requests;
use super::mutate::Random;
use super::sent::{Sent, of_case, of_chance};
use super::servers::{h11, hyper};
use super::setting;

const RANDOM_REQUESTS: u64 = 2000;

/// A request as somebody reads it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) fields: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Vec<(String, Vec<u8>)>,
}

#[test]
fn requests_of_the_corpus_are_read_back_the_same() {
    let sent: Vec<Sent> = requests().iter().filter_map(of_case).collect();
    assert!(sent.len() > 60, "only {} were sent", sent.len());
    read_back(&sent);
}

#[test]
fn requests_by_chance_are_read_back_the_same() {
    let seed = setting("POSTRIDER_SEED", super::SEED);
    let count = setting("POSTRIDER_MUTATIONS", RANDOM_REQUESTS);
    let sent: Vec<Sent> = (0..count)
        .map(|index| of_chance(&mut Random::new(seed, index)))
        .collect();
    read_back(&sent);
}

fn read_back(sent: &[Sent]) {
    for (server, messages) in [("hyper", hyper(sent)), ("h11", h11(sent))] {
        for (sent, message) in sent.iter().zip(messages) {
            let wire = sent.wire.escape_ascii();
            match message {
                Ok(message) => sent
                    .message
                    .assert_same(&message, &format!("{server}: {wire}")),
                Err(error) => panic!("{server} refuses: {error}\n{wire}"),
            }
        }
    }
}

impl Message {
    fn assert_same(&self, read: &Self, of: &str) {
        assert_eq!(self.method, read.method, "{of}");
        assert_eq!(self.target, read.target, "{of}");
        assert_eq!(by_name(&self.fields), by_name(&read.fields), "{of}");
        assert_eq!(self.body, read.body, "{of}");
        assert_eq!(by_name(&self.trailers), by_name(&read.trailers), "{of}");
    }
}

/// The order of lines means something within a name only.
fn by_name(lines: &[(String, Vec<u8>)]) -> BTreeMap<&str, Vec<&[u8]>> {
    let mut names: BTreeMap<&str, Vec<&[u8]>> = BTreeMap::new();
    for (name, value) in lines {
        names.entry(name).or_default().push(value);
    }
    names
}
