//! End-to-end tests: a module per behaviour, against scripted servers that
//! record every byte, and against hyper's server.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod api;
mod cancellation;
mod cancelled_futures;
mod chance;
mod chaos;
mod corpus;
mod doomed;
mod dropped_bodies;
mod early_answers;
mod echo;
mod errors;
mod goodbyes;
mod hyper_server;
#[cfg(feature = "interop")]
mod interop;
mod keep_alive;
mod keys;
mod large_bodies;
mod limits;
mod line;
mod manage;
mod panicking_streams;
mod panics;
mod pressure;
mod request_bodies;
mod requests;
mod responses;
mod retry;
mod rotation;
mod runtimes;
mod soak;
mod special;
mod support;
mod timeouts;
mod tls;
mod transport;
