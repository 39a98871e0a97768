//! How a client is driven: so many requests, so many at a time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
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
        let workers = self.fetch(workers, self.warm_up).await?;
        let probe = Probe::start(self.quantity)?;
        let workers = self.fetch(workers, self.requests).await?;
        let sample = probe.stop();
        drop(workers);
        sample
    }

    /// The same with a thread for each worker.
    pub(crate) fn drive_threads<W: BlockingWorker>(
        &self,
        mut workers: Vec<W>,
    ) -> Result<Sample, Failure> {
        self.fetch_on_threads(&mut workers, self.warm_up)?;
        let probe = Probe::start(self.quantity)?;
        self.fetch_on_threads(&mut workers, self.requests)?;
        probe.stop()
    }

    async fn fetch<W: Worker>(&self, workers: Vec<W>, count: usize) -> Result<Vec<W>, Failure> {
        let tickets = Arc::new(Tickets::new(count));
        let body = self.body;
        let tasks: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let tickets = Arc::clone(&tickets);
                tokio::spawn(async move {
                    while tickets.take() {
                        check(worker.get().await?, body)?;
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
        &self,
        workers: &mut [W],
        count: usize,
    ) -> Result<(), Failure> {
        let tickets = &Tickets::new(count);
        thread::scope(|scope| {
            let threads: Vec<_> = workers
                .iter_mut()
                .map(|worker| {
                    scope.spawn(move || {
                        while tickets.take() {
                            check(worker.get()?, self.body)?;
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
}

/// The requests that are left to make, for all workers together.
struct Tickets(AtomicIsize);

impl Tickets {
    fn new(count: usize) -> Self {
        Self(AtomicIsize::new(count.try_into().unwrap_or(isize::MAX)))
    }

    fn take(&self) -> bool {
        self.0.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

fn check(found: usize, expected: usize) -> Result<(), Failure> {
    if found == expected {
        return Ok(());
    }
    Err(format!("a body of {found} bytes instead of {expected}").into())
}
