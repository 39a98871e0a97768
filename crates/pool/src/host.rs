//! What the pool takes from outside: a lock, a runtime to spawn on, and the clock.
//!
//! Under `--cfg postrider_loom` stands `model/host.rs` in its place, so that a model checker
//! decides who gets the lock next, and nothing of tokio is left.

pub(crate) use std::sync::Mutex;

pub(crate) use tokio::runtime::{Handle, Id};
pub(crate) use tokio::sync::Notify;
pub(crate) use tokio::time::{Instant, timeout, timeout_at};
