//! The engine's tests from outside: the corpus, states, limits and properties.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[expect(unreachable_pub, reason = "public in the fuzz crate")]
#[path = "../../fuzz/src/lib.rs"]
mod fuzz;

mod bodies;
mod corpus;
mod encoding;
mod errors;
mod fuzz_corpus;
mod limits;
mod memory;
mod properties;
mod requests;
mod responses;
mod scenario;
mod states;
mod upgrades;
