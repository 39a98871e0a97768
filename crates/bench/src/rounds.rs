//! The rounds: every client once, then every client again.

use crate::Failure;
use crate::child::{self, Server};
use crate::clients::Client;
use crate::load::Load;
use crate::options::Plan;
use crate::probe::{Quantity, Sample};
use crate::scenario::Case;
use crate::syscalls::{self, Syscalls};

/// What one case's rounds have shown.
pub(crate) struct Finding {
    /// The case's place in its scenario.
    pub(crate) case: usize,
    pub(crate) results: Vec<ClientResult>,
}

/// One client's figures.
pub(crate) struct ClientResult {
    pub(crate) client: &'static Client,
    /// One sample a round.
    pub(crate) times: Vec<Sample>,
    pub(crate) heap: Sample,
    pub(crate) syscalls: Syscalls,
}

pub(crate) fn measure(plan: &Plan) -> Result<Vec<Finding>, Failure> {
    let server = Server::start(plan.cores())?;
    plan.scenario
        .cases
        .iter()
        .enumerate()
        .map(|(index, case)| {
            Ok(Finding {
                case: index,
                results: measure_case(plan, case, &server)?,
            })
        })
        .collect()
}

fn measure_case(plan: &Plan, case: &Case, server: &Server) -> Result<Vec<ClientResult>, Failure> {
    let load = load(plan, case, server);
    let heap_load = Load {
        quantity: Quantity::Heap,
        ..load.clone()
    };
    let mut results = Vec::new();
    for &client in &plan.clients {
        eprintln!("{}: {}: heap and system calls", case.name, client.name);
        results.push(ClientResult {
            client,
            times: Vec::with_capacity(plan.rounds),
            heap: child::run(client, &heap_load)?,
            syscalls: syscalls::count(client, &load)?,
        });
    }
    for round in 0..plan.rounds {
        for place in 0..results.len() {
            // Each round begins with another client, so that none always follows the same one.
            let turn = (place + round) % results.len();
            let result = &mut results[turn];
            let sample = child::run(result.client, &load)?;
            eprintln!(
                "{}: round {}/{}: {:<10} {:>9.2} us of CPU a request",
                case.name,
                round + 1,
                plan.rounds,
                result.client.name,
                sample.cpu().as_secs_f64() * 1e6 / load.requests as f64,
            );
            result.times.push(sample);
        }
    }
    Ok(results)
}

fn load(plan: &Plan, case: &Case, server: &Server) -> Load {
    let (requests, in_flight) = (plan.requests(case), plan.in_flight(case));
    Load {
        addr: server.addr,
        path: case.path.to_owned(),
        body: case.body,
        warm_up: (requests / 10).max(in_flight * 4),
        requests,
        in_flight,
        threads: plan.threads,
        cores: plan.cores(),
        quantity: Quantity::Time,
    }
}
