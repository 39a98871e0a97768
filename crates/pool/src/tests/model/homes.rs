//! Several runtimes, all on one virtual clock, that run only when they are told to.
//!
//! What a seed does not decide is in which order a runtime that ends drops its tasks: that depends
//! on the numbers tokio has given them, and so on what else runs in the process.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::runtime::{Builder, EnterGuard, Handle, Id, Runtime};
use tokio::task::JoinHandle;
use tokio::time::{Instant, advance};

use super::super::reference::Home;
use super::super::stage::settled;

pub(super) struct Homes {
    runtimes: BTreeMap<Home, Runtime>,
    /// Of all that there have been.
    ids: Vec<Id>,
    pub(super) now: Instant,
}

impl Homes {
    pub(super) fn new() -> Self {
        Self {
            runtimes: BTreeMap::new(),
            ids: Vec::new(),
            // Late enough for any runtime made during the run to be put forward to it.
            now: Instant::now() + Duration::from_secs(3_600),
        }
    }

    pub(super) fn open(&mut self) -> Home {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let home = u32::try_from(self.ids.len()).expect("few runtimes");
        self.ids.push(runtime.handle().id());
        {
            let _guard = runtime.enter();
            put_forward(self.now - Instant::now());
        }
        self.runtimes.insert(home, runtime);
        home
    }

    pub(super) fn end(&mut self, home: Home) {
        self.runtimes.remove(&home);
    }

    /// What is done meanwhile is done on this runtime, without letting it run.
    pub(super) fn enter(&self, home: Home) -> EnterGuard<'_> {
        self.runtimes[&home].enter()
    }

    pub(super) fn handle(&self, home: Home) -> Handle {
        self.runtimes[&home].handle().clone()
    }

    pub(super) fn alive(&self) -> Vec<Home> {
        self.runtimes.keys().copied().collect()
    }

    pub(super) fn home_of(&self, id: Id) -> Home {
        let position = self.ids.iter().position(|it| *it == id);
        position
            .and_then(|it| u32::try_from(it).ok())
            .expect("one of these")
    }

    pub(super) fn id_of(&self, home: Home) -> Id {
        self.runtimes[&home].handle().id()
    }

    pub(super) fn tasks(&self) -> usize {
        let runtimes = self.runtimes.values();
        runtimes.map(|it| it.metrics().num_alive_tasks()).sum()
    }

    pub(super) fn spawn<F>(&self, home: Home, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.runtimes[&home].spawn(task)
    }

    /// What came of a task that has finished.
    pub(super) fn finish<O>(&self, home: Home, task: JoinHandle<O>) -> O {
        self.runtimes[&home].block_on(task).expect("no panic")
    }

    /// Moves all clocks on, those of runtimes that sleep too, and lets none run.
    pub(super) fn pass(&mut self, time: Duration) {
        for runtime in self.runtimes.values() {
            let _guard = runtime.enter();
            put_forward(time);
        }
        self.now += time;
    }

    /// Lets the tasks of these run until they have nothing to do.
    pub(super) fn run(&self, awake: &[Home]) {
        for _ in 0..2 {
            for home in awake {
                self.runtimes[home].block_on(settled());
            }
        }
    }
}

/// `advance` moves the clock when it is first polled; the rest of it would run tasks.
fn put_forward(time: Duration) {
    let advancing = pin!(advance(time));
    let _ = advancing.poll(&mut Context::from_waker(Waker::noop()));
}
