//! Keeps the client and the server off each other's core, where there are two.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use crate::Failure;

/// A client of one thread stays on the first core; with more threads it goes where it likes.
pub(crate) fn place_client(threads: usize) -> Result<(), Failure> {
    match (threads, allowed()?.as_slice()) {
        (1, [first, _, ..]) => stay_on(*first),
        _ => Ok(()),
    }
}

/// The server stays on the last core.
pub(crate) fn place_server() -> Result<(), Failure> {
    match allowed()?.as_slice() {
        [_, .., last] => stay_on(*last),
        _ => Ok(()),
    }
}

fn allowed() -> Result<Vec<usize>, Failure> {
    let set = sched_getaffinity(THIS)?;
    Ok((0..CpuSet::count())
        .filter(|&core| set.is_set(core).unwrap_or(false))
        .collect())
}

fn stay_on(core: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(core)?;
    Ok(sched_setaffinity(THIS, &set)?)
}

const THIS: Pid = Pid::from_raw(0);
