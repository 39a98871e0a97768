//! What a scenario is.

use bytes::Bytes;

use crate::scenarios::{chunked_small, small_get};

/// A question to all clients, asked in one or more variants.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cases: Vec<Case>,
}

/// One variant: what the server answers, and how clients ask for it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The server knows the case by this path.
    pub(crate) path: &'static str,
    /// The whole answer as it goes over the wire.
    pub(crate) answer: fn() -> Bytes,
    /// Bytes in the decoded body.
    pub(crate) body: usize,
    /// Requests at a time, unless told otherwise.
    pub(crate) in_flight: usize,
    /// Requests in a measured loop, unless told otherwise.
    pub(crate) requests: usize,
}

pub(crate) fn all() -> Vec<Scenario> {
    vec![small_get::scenario(), chunked_small::scenario()]
}

pub(crate) fn find(name: &str) -> Option<Scenario> {
    all().into_iter().find(|scenario| scenario.name == name)
}
