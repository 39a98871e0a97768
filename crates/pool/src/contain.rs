//! Panics of foreign code.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lets foreign code panic without harm to the task that happens to run it, which has nothing to do
/// with it and may hold what others wait for. The panic hook has told of it.
pub(crate) fn contain(foreign: impl FnOnce()) {
    drop(catch_unwind(AssertUnwindSafe(foreign)));
}
