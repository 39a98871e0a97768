//! How a client is driven: so many requests, so many at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, AtomicU64, Ordering};
use std::thread;

use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::cpu::Cores;
use crate::probe::{Probe, Quantity, Sample};

/// What one client process has to do.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) addr: SocketAddr,
    pub(crate) path: String,
    /// Bytes that every response's body must have.
    pub(crate) body: usize,
    /// Requests before the measured ones: they open the connections and touch the memory.
    pub(crate) warm_up: usize,
    pub(crate) requests: usize,
    pub(crate) in_flight: usize,
    /// Worker threads of the runtime; 1 is the runtime of one thread.
    pub(crate) threads: usize,
    pub(crate) cores: Cores,
    pub(crate) quantity: Quantity,
}

/// Makes one request after another; as many workers as requests may be in flight.
pub(crate) trait Worker: Send + 'static {
    /// One request, its body read to the end; tells how many bytes the body had.
    fn get(&mut self) -> impl Future<Output = Result<usize, Failure>> + Send;
}

/// A worker that blocks its thread.
pub(crate) trait BlockingWorker: Send {
    fn get(&mut self) -> Result<usize, Failure>;
}

impl Load {
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.addr, self.path)
    }

    pub(crate) fn runtime(&self) -> Result<Runtime, Failure> {
        let mut builder = match self.threads {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        Ok(builder.worker_threads(self.threads).enable_all().build()?)
    }

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
        .map(|mut worker| {
            let tickets = Arc::clone(tickets);
            tokio::spawn(async move {
                while tickets.take() {
                    tickets.settle(worker.get().await)?;
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
            .map(|worker| {
                scope.spawn(move || {
                    while tickets.take() {
                        tickets.settle(worker.get())?;
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

/// The requests that are left to make, for all workers together, and how many of them have failed.
struct Tickets {
    left: AtomicIsize,
    failed: AtomicU64,
    body: usize,
    quantity: Quantity,
}

impl Tickets {
    fn new(load: &Load, count: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicIsize::new(count.try_into().unwrap_or(isize::MAX)),
            failed: AtomicU64::new(0),
            body: load.body,
            quantity: load.quantity,
        })
    }

    fn take(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }

    /// An error, unless the worker may go on.
    fn settle(&self, outcome: Result<usize, Failure>) -> Result<(), Failure> {
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
            ..sample
        }
    }
}

fn check(found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(format!("a body of {found} bytes instead of {expected}").into())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::Ordering;

    use super::{Load, Tickets};
    use crate::cpu::Cores;
    use crate::probe::Quantity;

    fn tickets(quantity: Quantity) -> Arc<Tickets> {
        let load = Load {
            addr: ([127, 0, 0, 1], 8080).into(),
            path: "/small".to_owned(),
            body: 2,
            warm_up: 0,
            requests: 2,
            in_flight: 1,
            threads: 1,
            cores: Cores::Free,
            quantity,
        };
        Tickets::new(&load, load.requests)
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
}
