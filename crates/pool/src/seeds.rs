//! Random tests that can be repeated.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs a test of `length` steps with one seed after the other, until `steps` have been made.
///
/// `POSTRIDER_POOL_STEPS` sets another number of steps in all, `POSTRIDER_POOL_FIRST` where the
/// seeds begin, `POSTRIDER_POOL_SEED` the one run to repeat. A failure prints its seed.
pub(crate) fn each_seed(steps: u64, length: u64, run: impl Fn(u64)) {
    let number = |name| std::env::var(name).ok().and_then(|it| it.parse().ok());
    let steps = number("POSTRIDER_POOL_STEPS").unwrap_or(steps);
    let first = number("POSTRIDER_POOL_FIRST").unwrap_or(1);
    let seeds = match number("POSTRIDER_POOL_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + steps / length,
    };
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| run(seed))) {
            println!("repeat this run with POSTRIDER_POOL_SEED={seed}");
            resume_unwind(panic);
        }
    }
}
