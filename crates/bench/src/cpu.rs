//! Where the client and the server run.

use std::str::FromStr;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use crate::Failure;

/// How the cores are shared out.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Cores {
    /// The client stays on the first core and the server on the last, where there are two.
    Apart,
    /// The system moves both as it likes.
    Free,
}

pub(crate) fn place_client(cores: Cores) -> Result<(), Failure> {
    match (cores, allowed()?.as_slice()) {
        (Cores::Apart, [first, _, ..]) => stay_on(*first),
        _ => Ok(()),
    }
}

/// The core on which this process, a server, stays from now on, if it stays on one.
pub(crate) fn place_server(cores: Cores) -> Result<Option<usize>, Failure> {
    let core = server_core(cores)?;
    core.map_or(Ok(()), stay_on)?;
    Ok(core)
}

/// The core on which a server stays, if it stays on one.
pub(crate) fn server_core(cores: Cores) -> Result<Option<usize>, Failure> {
    Ok(match (cores, allowed()?.as_slice()) {
        (Cores::Apart, [_, .., last]) => Some(*last),
        _ => None,
    })
}

impl Cores {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Apart => "apart",
            Self::Free => "free",
        }
    }
}

impl FromStr for Cores {
    type Err = Failure;

    fn from_str(name: &str) -> Result<Self, Failure> {
        match name {
            "apart" => Ok(Self::Apart),
            "free" => Ok(Self::Free),
            _ => Err("cores are shared out apart or free".into()),
        }
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
