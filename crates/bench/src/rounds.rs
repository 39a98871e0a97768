//! The rounds: every client once, then every client again.

use crate::Failure;
use crate::child::{self, Server};
use crate::clients::Client;
use crate::load::{Keeping, Load};
use crate::options::Plan;
use crate::probe::{Quantity, Sample};
use crate::quiet::{Disturbance, Watch};
use crate::scenario::{Case, Door, Tracing};
use crate::server::doors::Arrivals;
use crate::syscalls::{self, Syscalls};

/// What one case's rounds have shown.
pub(crate) struct Finding {
    pub(crate) case: Case,
    pub(crate) results: Vec<ClientResult>,
    /// One a round.
    pub(crate) disturbances: Vec<Disturbance>,
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
    let cases = plan.scenario.cases.iter();
    cases
        .map(|case| {
            let server = plan.start_server(case)?;
            measure_case(plan, case, &server)
        })
        .collect()
}

fn measure_case(plan: &Plan, case: &Case, server: &Server) -> Result<Finding, Failure> {
    let load = load(plan, case, server);
    let heap_load = Load {
        quantity: Quantity::Heap,
        ..load.clone()
    };
    let label = format!("{}, {}", plan.scenario.name, case.name);
    let rounds = plan.rounds(case);
    let mut results = Vec::new();
    for &client in &plan.clients {
        eprintln!("{label}: {}: heap and system calls", client.name);
        results.push(ClientResult {
            client,
            times: Vec::with_capacity(rounds),
            heap: run(client, &heap_load, case, server)?,
            syscalls: match case.tracing {
                Tracing::Counted => syscalls::count(client, &load)?,
                Tracing::Spared => Syscalls::Unknown,
            },
        });
    }
    let mut disturbances = Vec::with_capacity(rounds);
    for round in 0..rounds {
        let watch = Watch::begin();
        for place in 0..results.len() {
            // Each round begins with another client, so that none always follows the same one.
            let turn = (place + round) % results.len();
            let result = &mut results[turn];
            let sample = run(result.client, &load, case, server)?;
            eprintln!(
                "{label}: round {}/{rounds}: {:<10} {:>9.2} us of CPU a request",
                round + 1,
                result.client.name,
                sample.cpu().as_secs_f64() * 1e6 / load.requests as f64,
            );
            result.times.push(sample);
        }
        disturbances.push(watch.end());
    }
    Ok(Finding {
        case: case.clone(),
        results,
        disturbances,
    })
}

fn run(client: &Client, load: &Load, case: &Case, server: &Server) -> Result<Sample, Failure> {
    let before = server.arrivals()?;
    let sample = child::run(client, load)?;
    if let (Some(before), Some(after)) = (before, server.arrivals()?) {
        let mut arrivals = after.since(before);
        // The second asking came in too.
        arrivals.accepted -= 1;
        if !is_as_intended(case, load, arrivals) {
            return Err(format!("{}, {}: {arrivals:?}", case.name, client.name).into());
        }
    }
    Ok(sample)
}

/// Whether the connections and handshakes are those that the case is about.
fn is_as_intended(case: &Case, load: &Load, arrivals: Arrivals) -> bool {
    let requests = (load.warm_up + load.requests) as u64;
    match (case.keeping, case.door) {
        // One for each in flight, or for each origin; half will do, since of many threads some get no
        // turn before others have returned their connections. Pools that dial while they wait for another's
        // connection end up with more: with nearly twice as many here.
        (Keeping::Kept, _) => {
            let least = match load.origins {
                1 => load.in_flight as u64,
                origins => origins as u64,
            };
            let least = least.min(requests);
            (least.div_ceil(2)..=least * 3).contains(&arrivals.accepted)
        }
        (Keeping::Fresh, Door::Plain | Door::Everywhere) => arrivals.accepted == requests,
        (Keeping::Fresh, Door::Forgetful) => arrivals.full == requests && arrivals.resumed == 0,
        // Only those that are the first have nothing to resume.
        (Keeping::Fresh, Door::Tls) => {
            arrivals.full + arrivals.resumed == requests && arrivals.full <= load.in_flight as u64
        }
    }
}

pub(crate) fn load(plan: &Plan, case: &Case, server: &Server) -> Load {
    let (requests, in_flight) = (plan.requests(case), plan.in_flight(case));
    Load {
        addr: server.doors.addr(case.door),
        road: server.doors.road(case.door),
        path: case.path.to_owned(),
        action: case.action,
        keeping: case.keeping,
        body: case.body,
        origins: case.origins,
        warm_up: case.warm_up.requests(requests, in_flight),
        requests,
        in_flight,
        threads: plan.threads(case),
        cores: plan.cores(case),
        copies: case.copies,
        quantity: Quantity::Time,
    }
}

#[cfg(test)]
mod tests {
    use super::is_as_intended;
    use crate::drive::tests::load;
    use crate::load::{Keeping, Load};
    use crate::scenario::{self, Door};
    use crate::server::doors::Arrivals;

    #[test]
    fn kept_connections_are_as_many_as_requests_in_flight() {
        let case = scenario::find("small-get").unwrap().cases.remove(0);
        let load = Load {
            in_flight: 64,
            requests: 1000,
            ..load()
        };
        let is_right = |accepted| {
            let (full, resumed) = (0, 0);
            let arrivals = Arrivals {
                accepted,
                full,
                resumed,
            };
            is_as_intended(&case, &load, arrivals)
        };
        assert!(is_right(64) && is_right(121));
        assert!(!is_right(31) && !is_right(1000));
    }

    #[test]
    fn connections_that_are_not_new_are_noticed() {
        let scenario = scenario::find("fresh-connections").unwrap();
        let of = |door| {
            scenario
                .cases
                .iter()
                .find(|case| case.door == door && case.keeping == Keeping::Fresh)
                .unwrap()
        };
        let arrivals = |accepted, full, resumed| Arrivals {
            accepted,
            full,
            resumed,
        };
        for (door, arrivals, is_right) in [
            (Door::Plain, arrivals(2, 0, 0), true),
            (Door::Plain, arrivals(1, 0, 0), false),
            (Door::Forgetful, arrivals(2, 2, 0), true),
            (Door::Forgetful, arrivals(2, 1, 1), false),
            (Door::Tls, arrivals(2, 1, 1), true),
            (Door::Tls, arrivals(2, 2, 0), false),
            (Door::Tls, arrivals(1, 0, 1), false),
        ] {
            assert_eq!(is_as_intended(of(door), &load(), arrivals), is_right);
        }
    }
}
