//! The pool as its users see it, on virtual time.

mod by_hand;
mod cancel;
mod changing;
mod dialling;
mod evicting;
mod keys;
mod lending;
mod limits;
mod managing;
mod model;
mod panics;
mod reference;
mod refusing;
mod runtimes;
mod stage;
mod sweeping;
