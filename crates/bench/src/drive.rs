//! The loop around a client: it warms up, then measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use crate::Failure;
use crate::histogram::Histogram;
use crate::load::{Action, Load};
use crate::probe::{Probe, Quantity, Sample};
use crate::tally::Tally;

/// Makes one request after another; as many workers as requests may be in flight.
pub(crate) trait Worker: Send + 'static {
    /// One request, its answer read to the end; tells how many bytes the answer's body had.
    fn act(&mut self, turn: Turn<'_>) -> impl Future<Output = Result<u64, Failure>> + Send;
}

/// A worker that blocks its thread.
pub(crate) trait BlockingWorker: Send {
    fn act(&mut self, turn: Turn<'_>) -> Result<u64, Failure>;
}

/// One request of many.
#[derive(Clone, Copy)]
pub(crate) struct Turn<'a> {
    /// The number of the origin to ask.
    pub(crate) origin: usize,
    tickets: &'a Tickets,
}

impl<'a> Turn<'a> {
    /// For bodies that are read piece by piece.
    pub(crate) fn tally(self) -> Tally<'a> {
        match self.tickets.action {
            Action::Tokens => Tally::of_tokens(&self.tickets.latencies),
            _ => Tally::new(),
        }
    }
}

impl Load {
    /// Warms up, then measures the loop. The workers outlive the measurement, so that closing
    /// connections is no part of it.
    pub(crate) async fn drive<W: Worker>(&self, workers: Vec<W>) -> Result<Sample, Failure> {
        let workers = fetch(workers, &Tickets::new(self, self.warm_up)).await?;
        let tickets = Tickets::new(self, self.requests);
        let probe = Probe::start(self.quantity)?;
        let workers = fetch(workers, &tickets).await?;
        let sample = probe.stop()?;
        drop(workers);
        Ok(tickets.tell(sample))
    }

    /// The same with a thread for each worker.
    pub(crate) fn drive_threads<W: BlockingWorker>(
        &self,
        mut workers: Vec<W>,
    ) -> Result<Sample, Failure> {
        fetch_on_threads(&mut workers, &Tickets::new(self, self.warm_up))?;
        let tickets = Tickets::new(self, self.requests);
        let probe = Probe::start(self.quantity)?;
        fetch_on_threads(&mut workers, &tickets)?;
        Ok(tickets.tell(probe.stop()?))
    }
}

async fn fetch<W: Worker>(workers: Vec<W>, tickets: &Arc<Tickets>) -> Result<Vec<W>, Failure> {
    let tasks: Vec<_> = workers
        .into_iter()
        .enumerate()
        .map(|(index, mut worker)| {
            let tickets = Arc::clone(tickets);
            tokio::spawn(async move {
                let mut turns = Turns::new(&tickets, index);
                while let Some(turn) = turns.next() {
                    let outcome = worker.act(turn).await;
                    turns.settle(outcome)?;
                }
                Ok::<_, Failure>(worker)
            })
        })
        .collect();
    let mut workers = Vec::with_capacity(tasks.len());
    for task in tasks {
        workers.push(task.await??);
    }
    Ok(workers)
}

fn fetch_on_threads<W: BlockingWorker>(
    workers: &mut [W],
    tickets: &Tickets,
) -> Result<(), Failure> {
    thread::scope(|scope| {
        let threads: Vec<_> = workers
            .iter_mut()
            .enumerate()
            .map(|(index, worker)| {
                scope.spawn(move || {
                    let mut turns = Turns::new(tickets, index);
                    while let Some(turn) = turns.next() {
                        let outcome = worker.act(turn);
                        turns.settle(outcome)?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a worker panicked")?)
    })
}

/// One worker's requests.
struct Turns<'a> {
    tickets: &'a Tickets,
    origin: usize,
    begun: Instant,
}

impl<'a> Turns<'a> {
    fn new(tickets: &'a Tickets, worker: usize) -> Self {
        Self {
            tickets,
            origin: worker % tickets.origins,
            begun: Instant::now(),
        }
    }

    fn next(&mut self) -> Option<Turn<'a>> {
        let turn = Turn {
            origin: self.origin,
            tickets: self.tickets,
        };
        // Where the workers' number divides the origins', each worker has origins of its own.
        self.origin = (self.origin + self.tickets.workers) % self.tickets.origins;
        self.tickets.take().then_some(turn)
    }

    /// An error, unless the worker may go on. One look at the clock ends a request and begins the
    /// next.
    fn settle(&mut self, outcome: Result<u64, Failure>) -> Result<(), Failure> {
        let now = Instant::now();
        if self.tickets.action != Action::Tokens {
            self.tickets.latencies.record(now - self.begun);
        }
        self.begun = now;
        self.tickets.settle(outcome)
    }
}

/// The requests that are left to make, for all workers together, and what has come of the others.
struct Tickets {
    left: AtomicIsize,
    failed: AtomicU64,
    latencies: Histogram,
    action: Action,
    workers: usize,
    origins: usize,
    body: u64,
    quantity: Quantity,
}

impl Tickets {
    fn new(load: &Load, count: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicIsize::new(count.try_into().unwrap_or(isize::MAX)),
            failed: AtomicU64::new(0),
            latencies: Histogram::new(),
            action: load.action,
            workers: load.in_flight,
            origins: load.origins,
            body: load.body,
            quantity: load.quantity,
        })
    }

    fn take(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }

    fn settle(&self, outcome: Result<u64, Failure>) -> Result<(), Failure> {
        match outcome {
            Ok(found) => check(found, self.body),
            Err(_) if self.quantity == Quantity::Failures => {
                self.failed.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }

    fn tell(&self, sample: Sample) -> Sample {
        Sample {
            failures: self.failed.load(Ordering::Relaxed),
            latency: self.latencies.tell(),
            ..sample
        }
    }
}

fn check(found: u64, expected: u64) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(format!("a body of {found} bytes instead of {expected}").into())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::HashSet;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::{Tickets, Turns};
    use crate::cpu::Cores;
    use crate::load::{Action, Copies, Keeping, Load, Road};
    use crate::probe::Quantity;

    pub(crate) fn load() -> Load {
        Load {
            addr: ([127, 0, 0, 1], 8080).into(),
            road: Road::Tcp,
            path: "/small".to_owned(),
            action: Action::Get,
            keeping: Keeping::Kept,
            body: 2,
            origins: 1,
            warm_up: 0,
            requests: 2,
            in_flight: 1,
            threads: 1,
            cores: Cores::Free,
            copies: Copies::AsItLikes,
            quantity: Quantity::Time,
        }
    }

    fn tickets(quantity: Quantity) -> Arc<Tickets> {
        Tickets::new(&Load { quantity, ..load() }, 2)
    }

    #[test]
    fn a_failed_request_ends_the_run_unless_failures_are_counted() {
        assert!(tickets(Quantity::Time).settle(Err("lost".into())).is_err());
        let counting = tickets(Quantity::Failures);
        assert!(counting.settle(Err("lost".into())).is_ok());
        assert!(counting.settle(Ok(2)).is_ok());
        assert_eq!(counting.failed.load(Ordering::Relaxed), 1);
        assert!(tickets(Quantity::Failures).settle(Ok(1)).is_err());
    }

    #[test]
    fn workers_share_no_origin_and_leave_none_out() {
        let load = Load {
            origins: 100,
            in_flight: 20,
            requests: 100,
            ..load()
        };
        let mut seen = HashSet::new();
        for worker in 0..20 {
            let tickets = Tickets::new(&load, 5);
            let mut turns = Turns::new(&tickets, worker);
            seen.extend(std::iter::from_fn(|| turns.next()).map(|turn| turn.origin));
        }
        assert_eq!(seen.len(), 100);
    }

    #[test]
    fn latencies_are_told_where_requests_were_made() {
        let tickets = tickets(Quantity::Time);
        assert_eq!(tickets.latencies.tell(), None);
        let mut turns = Turns::new(&tickets, 0);
        while turns.next().is_some() {
            turns.settle(Ok(2)).unwrap();
        }
        assert!(tickets.latencies.tell().is_some());
    }
}
