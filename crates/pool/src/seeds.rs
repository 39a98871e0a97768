//! Random tests that can be repeated.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Runs a test with one seed after the other, until `steps` have been made. It tells how many each
/// run has made, as one may end early.
///
/// `POSTRIDER_POOL_STEPS` sets another number of steps in all, `POSTRIDER_POOL_FIRST` where the
/// seeds begin, `POSTRIDER_POOL_SEED` the one run to repeat. A failure prints its seed.
pub(crate) fn each_seed(steps: u64, run: impl Fn(u64) -> u64) {
    let steps = number("POSTRIDER_POOL_STEPS").unwrap_or(steps);
    assert!(steps > 0, "no steps are no test");
    if let Some(seed) = number("POSTRIDER_POOL_SEED") {
        told(seed, &run);
        return;
    }
    let mut made = 0;
    for seed in number("POSTRIDER_POOL_FIRST").unwrap_or(1).. {
        made += told(seed, &run);
        if made >= steps {
            return;
        }
    }
}

/// Tells of the seed should the run fail.
fn told(seed: u64, run: &impl Fn(u64) -> u64) -> u64 {
    catch_unwind(AssertUnwindSafe(|| run(seed))).unwrap_or_else(|panic| {
        println!("repeat this run with POSTRIDER_POOL_SEED={seed}");
        resume_unwind(panic)
    })
}

/// A variable that is set to something else would otherwise run the default and pass.
fn number(name: &str) -> Option<u64> {
    let value = std::env::var_os(name)?;
    let number = value.to_str().and_then(|it| it.parse().ok());
    Some(number.unwrap_or_else(|| panic!("{name} must be a number, and is {value:?}")))
}
