//! Keeps persistent connections alive for reuse: lends, queues, limits, retires.
//!
//! This is no HTTP client and knows nothing of HTTP: a [`Pool<K, T>`](Pool) keeps connections `T`
//! under keys `K`. What a connection is, how it is made, when an exchange on it is over and
//! whether it is still alive, its user says ([`Reusable`], and the closures given to
//! [`Pool::lease`] and [`Pool::wait`]). It is no pool of workers or of database sessions either:
//! nothing is reset, and nothing is kept at a minimum.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use postrider_pool::{Policy, Pool, Reusable, Source, Want};
//!
//! struct Horse;
//!
//! impl Reusable for Horse {
//!     type Error = Infallible;
//!
//!     fn has_ended(&mut self) -> bool {
//!         false
//!     }
//!
//!     fn idle_limit(&self) -> Option<Duration> {
//!         None
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let pool: Pool<&str, Horse> = Pool::new(Policy::default());
//!
//! // None idles yet, so one is dialled. `release` is the proof that the ride is over.
//! let lease = pool.wait("station", Want::Any, || async { Ok(Horse) }).await?;
//! assert_eq!(lease.source(), Source::Dialled);
//! lease.release();
//!
//! // The next one finds it saddled, and looks it over before mounting.
//! let now = tokio::time::Instant::now();
//! let lease = pool.lease("station", now, |_horse, idle_for| idle_for.as_secs() < 60);
//! assert!(lease.is_some());
//! assert_eq!(pool.totals().lent, 1);
//! # Ok::<(), postrider_pool::WaitError<Infallible>>(())
//! # }).unwrap();
//! ```
//!
//! # How it works
//!
//! - Idle connections are lent most recently used first; the one that has idled longest goes when
//!   there are too many. A *sweeper* task looks at them about once a second while there are any.
//! - Who finds none idle joins the *line* of the key. Dials are tasks of the pool: at most as many
//!   as there are waiters, and not tied to the waiter whose dial it was. A returned connection or
//!   a finished dial, whichever comes first, goes to the head of the line.
//! - Limits, per key and in total, count connections that are idle, lent or being dialled. Where a
//!   limit is in the way, an idle connection that is of no use to the waiter makes room, or else a
//!   dial that nobody waits for. Whoever came earlier and has no connection under its key goes
//!   before those to whom one could be handed on.
//! - A connection is lent on the runtime it was dialled on only. The limits hold over all.
//! - Whatever can be abandoned is a value whose `Drop` puts things right: [`Lease`], [`Wait`], and
//!   the pool's own tasks.
//!
//! # The map
//!
//! `ledger/` is the books: plain data that is told what happened and when, under one lock, with no
//! task, no clock and no I/O. Around it is a thin skin on tokio: `pool`, `lease`, `wait` and `manage`
//! (what users call), `dial` (a dial's task), `sweep` (the sweeper), `shared` (the lock, and what is
//! done after unlocking) and `clocks`. What these take from tokio stands in `host`; a model
//! checker's stands there for the scenarios in `model/`. No lock is held across an await, a system
//! call, a callback or the drop of a connection.

mod clocks;
mod contain;
mod dial;
mod error;
#[cfg(not(postrider_loom))]
mod host;
#[cfg(postrider_loom)]
#[path = "model/host.rs"]
mod host;
mod lease;
mod leaving;
mod ledger;
mod manage;
mod policy;
mod pool;
mod reusable;
#[cfg(test)]
mod seeds;
mod shared;
mod stats;
mod sweep;
mod wait;

#[cfg(test)]
#[cfg(postrider_loom)]
mod model;
#[cfg(test)]
#[cfg(not(postrider_loom))]
mod tests;

pub use error::WaitError;
pub use lease::Lease;
pub use ledger::{Source, Want};
pub use manage::IdleFacts;
pub use policy::{KeyLimits, Policy};
pub use pool::{Builder, Pool};
pub use reusable::{Key, Reusable};
pub use stats::{Closes, Counters, Counts, Retirement, Stats};
pub use wait::Wait;
