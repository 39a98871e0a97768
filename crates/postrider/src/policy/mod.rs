//! Decisions, as pure functions over values: none does anything, and none
//! knows another.

pub(crate) mod retry;
