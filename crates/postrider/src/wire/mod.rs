//! Where tokio's I/O meets the protocol: the only place that does both.
//!
//! [`Transfer`] is one exchange on one connection, driven by whoever polls it:
//! first the future of `send`, then the response's body. [`Upload`] is what is
//! left to write of it, `staged` the part of that which is ready, `fill` reads,
//! `drain` gives connections back, also after a response that a caller dropped.

mod drain;
mod fill;
mod staged;
mod transfer;
mod upload;

pub(crate) use staged::spare_head;
pub(crate) use transfer::Transfer;
pub(crate) use upload::Upload;
