//! What one small GET over a real socket may cost.

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::child::{self, Server};
use crate::clients::{self, Client};
use crate::load::Load;
use crate::options::Plan;
use crate::probe::Quantity;
use crate::{rounds, scenario, syscalls};

/// For each request, 64 of them in flight on one thread.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct Budget {
    allocations: f64,
    /// So many more than the bare socket's.
    more_syscalls: f64,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            // Seven, and what starting the loop costs.
            allocations: 7.01,
            more_syscalls: 0.05,
        }
    }
}

impl Budget {
    /// On a busy machine connections may rest so long that they are looked at before they are used
    /// again: the best of a few tries counts.
    pub(super) fn is_kept(self) -> Result<bool, Failure> {
        for _ in 0..TRIES {
            let found = Self::count()?;
            println!(
                "small-get  {:>9.3} allocations, budget {}; {:.3} system calls more than the bare \
                 socket, budget {}",
                found.allocations, self.allocations, found.more_syscalls, self.more_syscalls
            );
            if found.allocations <= self.allocations && found.more_syscalls <= self.more_syscalls {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn count() -> Result<Self, Failure> {
        let plan = Plan::new(scenario::find("small-get").ok_or("no small-get")?);
        let case = &plan.scenario.cases[0];
        let server = Server::start(plan.cores(case))?;
        let load = rounds::load(&plan, case, &server);
        let ours = clients::find("postrider").ok_or("no postrider")?;
        let bare = clients::find("bare").ok_or("no bare socket")?;
        let heap = Load {
            quantity: Quantity::Heap,
            ..load.clone()
        };
        let heap = child::run(ours, &heap)?
            .heap
            .ok_or("no count of the heap")?;
        Ok(Self {
            allocations: heap.allocations as f64 / load.requests as f64,
            more_syscalls: total(ours, &load)? - total(bare, &load)?,
        })
    }
}

fn total(client: &Client, load: &Load) -> Result<f64, Failure> {
    let calls = syscalls::count(client, load)?.total();
    calls.ok_or_else(|| "strace is not installed".into())
}

const TRIES: usize = 3;
