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
    pub(super) fn is_kept(self) -> Result<bool, Failure> {
        let plan = Plan::new(scenario::find("small-get").ok_or("no small-get")?);
        let case = &plan.scenario.cases[0];
        let server = Server::start(plan.cores(case))?;
        let load = rounds::load(&plan, case, &server);
        let allocations = allocations(&load)?;
        println!(
            "small-get  {allocations:>9.3} allocations, budget {}",
            self.allocations
        );
        Ok(allocations <= self.allocations && self.has_few_syscalls(&load)?)
    }

    /// On a busy machine connections may rest so long that they are looked at before they are used
    /// again: the best of a few tries counts. What is allocated hangs on nothing of that kind.
    fn has_few_syscalls(self, load: &Load) -> Result<bool, Failure> {
        for _ in 0..TRIES {
            let more = total("postrider", load)? - total("bare", load)?;
            println!(
                "small-get  {more:>9.3} system calls more than the bare socket, budget {}",
                self.more_syscalls
            );
            if more <= self.more_syscalls {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// For each request.
fn allocations(load: &Load) -> Result<f64, Failure> {
    let heap = Load {
        quantity: Quantity::Heap,
        ..load.clone()
    };
    let sample = child::run(client("postrider")?, &heap)?;
    let heap = sample.heap.ok_or("no count of the heap")?;
    Ok(heap.allocations as f64 / load.requests as f64)
}

fn total(name: &str, load: &Load) -> Result<f64, Failure> {
    let calls = syscalls::count(client(name)?, load)?.total();
    calls.ok_or_else(|| "strace is not installed".into())
}

fn client(name: &str) -> Result<&'static Client, Failure> {
    clients::find(name).ok_or_else(|| format!("no client is called {name}").into())
}

const TRIES: usize = 3;
