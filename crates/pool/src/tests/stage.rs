//! The stage: horses for connections, dials that end when the test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use tokio::runtime::Id;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::by_hand::Ask;
use crate::{Lease, Policy, Pool, Retirement, Reusable, WaitError, Want};

pub(super) type Answer = Result<Lease<Station, Horse>, WaitError<Fall>>;
pub(super) type Station = &'static str;
type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A pool of horses, and everything that a test can do to it from outside.
#[derive(Clone)]
pub(super) struct Stage {
    pub(super) pool: Pool<Station, Horse>,
    pub(super) stable: Stable,
}

/// A connection. Its number is that of the dial that made it.
#[derive(Debug)]
pub(super) struct Horse {
    pub(super) number: u32,
    stable: Stable,
}

/// Why a dial failed.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Fall(pub(super) &'static str);

/// What is known of all horses.
#[derive(Clone, Debug, Default)]
pub(super) struct Stable(Arc<Mutex<Records>>);

#[derive(Debug, Default)]
pub(super) struct Records {
    /// The dials under way, by number in the order of their beginning.
    pub(super) dials: BTreeMap<u32, oneshot::Sender<Outcome>>,
    /// The exchanges that tasks of the pool are to finish, by the number of the horse.
    pub(super) jobs: BTreeMap<u32, oneshot::Sender<Outcome>>,
    /// Horses whose peer has ended them.
    pub(super) ended: BTreeSet<u32>,
    /// Horses that must serve no more.
    pub(super) retired: BTreeSet<u32>,
    /// Horses dropped, in that order.
    pub(super) closed: Vec<u32>,
    pub(super) idle_limit: Option<Duration>,
    pub(super) looks: u32,
    made: u32,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Arrive,
    Fall(&'static str),
    Panic,
}

impl Stage {
    pub(super) fn with(policy: Policy) -> Self {
        let builder = Pool::<Station, Horse>::builder(policy);
        Self::of(builder.wall_clock(|| SystemTime::UNIX_EPOCH).build())
    }

    pub(super) fn of(pool: Pool<Station, Horse>) -> Self {
        Self {
            pool,
            stable: Stable::default(),
        }
    }

    /// Joins the line; the dial, once begun, waits for [`Stage::arrive`] or the like.
    pub(super) fn wait(&self, key: Station, want: Want) -> Ask {
        Ask::new(self.pool.wait(key, want, self.stable.dial()))
    }

    /// The same, with a dial of this number.
    pub(super) fn ask_as(&self, number: u32, key: Station, want: Want) -> Ask {
        let dial = self.stable.dial_as(number);
        Ask::new(self.pool.wait(key, want, dial))
    }

    /// Refuses a connection as its peer has closed it.
    pub(super) fn refuse(&self, lease: Lease<Station, Horse>, want: Want) -> Ask {
        Ask::new(lease.refuse(Retirement::Stale, want, self.stable.dial()))
    }

    /// The same, with a dial of this number.
    pub(super) fn refuse_as(&self, number: u32, lease: Lease<Station, Horse>, want: Want) -> Ask {
        let dial = self.stable.dial_as(number);
        Ask::new(lease.refuse(Retirement::Stale, want, dial))
    }

    pub(super) fn ask(&self, key: Station) -> Ask {
        self.wait(key, Want::Any)
    }

    /// A connection straight from its dial.
    pub(super) async fn fresh(&self, key: Station) -> Lease<Station, Horse> {
        let mut ask = self.wait(key, Want::Fresh);
        settled().await;
        let dial = self.dials().pop().expect("a dial has begun");
        self.arrive(dial).await;
        ask.lease()
    }

    /// That many idle connections, the last the most recently used.
    pub(super) async fn idle(&self, key: Station, count: usize) -> Vec<u32> {
        let mut leases = Vec::new();
        for _ in 0..count {
            leases.push(self.fresh(key).await);
        }
        let numbers = leases.iter().map(|lease| lease.number).collect();
        leases.into_iter().for_each(Lease::release);
        numbers
    }

    pub(super) fn lease(&self, key: Station) -> Option<Lease<Station, Horse>> {
        self.pool.lease(key, Instant::now(), |_, _| true)
    }

    /// The numbers of the dials under way.
    pub(super) fn dials(&self) -> Vec<u32> {
        let mut records = self.stable.records();
        // A dial that was cancelled has dropped its end.
        records.dials.retain(|_, sender| !sender.is_closed());
        records.dials.keys().copied().collect()
    }

    pub(super) async fn arrive(&self, dial: u32) {
        self.end_dial(dial, Outcome::Arrive).await;
    }

    pub(super) async fn end_dial(&self, dial: u32, outcome: Outcome) {
        let sender = self.stable.records().dials.remove(&dial);
        let sender = sender.expect("the dial is under way");
        sender
            .send(outcome)
            .expect("the dial has not been cancelled");
        settled().await;
    }

    /// Lets a dial arrive that has been given up, and whose task does not know that yet.
    pub(super) async fn end_sleeping_dial(&self, dial: u32) {
        let sender = self.stable.records().dials.remove(&dial);
        let sent = sender.expect("the dial sleeps").send(Outcome::Arrive);
        sent.expect("it has not been polled since");
        settled().await;
    }

    pub(super) fn closed(&self) -> Vec<u32> {
        self.stable.records().closed.clone()
    }

    /// Idle, lent, dialling, waiting.
    pub(super) fn counts(&self) -> [usize; 4] {
        let totals = self.pool.totals();
        [totals.idle, totals.lent, totals.dialling, totals.waiting]
    }

    pub(super) fn audit(&self) {
        self.pool.shared().update(|ledger, _| ledger.audit());
    }

    /// See [`Ledger::dials_in_order`](crate::ledger::Ledger).
    pub(super) fn dials_in_order(&self) -> [Vec<(Station, Id)>; 2] {
        let shared = self.pool.shared();
        shared.update(|ledger, _| ledger.dials_in_order())
    }

    /// Where somebody waits.
    pub(super) fn lines(&self) -> Vec<(Station, Id)> {
        let shared = self.pool.shared();
        shared.update(|ledger, _| ledger.lines())
    }

    pub(super) fn is_swept(&self, runtime: Id) -> bool {
        let shared = self.pool.shared();
        shared.update(|ledger, _| ledger.is_swept(runtime))
    }

    pub(super) fn audit_empty(&self) {
        self.pool.shared().update(|ledger, _| ledger.audit_empty());
    }
}

impl Stable {
    pub(super) fn records(&self) -> MutexGuard<'_, Records> {
        self.0
            .lock()
            .expect("no test panics with the records in hand")
    }

    /// A dial that ends when it is told to.
    pub(super) fn dial(
        &self,
    ) -> impl FnOnce() -> BoxFuture<Result<Horse, Fall>> + Clone + Send + 'static + use<> {
        let stable = self.clone();
        move || {
            let number = stable.number();
            stable.dial_as(number)()
        }
    }

    /// The same, with a number chosen by the test.
    pub(super) fn dial_as(
        &self,
        number: u32,
    ) -> impl FnOnce() -> BoxFuture<Result<Horse, Fall>> + Send + 'static + use<> {
        let stable = self.clone();
        move || {
            let (sender, outcome) = oneshot::channel();
            stable.records().dials.insert(number, sender);
            Box::pin(async move {
                match outcome.await {
                    Ok(Outcome::Arrive) => Ok(Horse { number, stable }),
                    Ok(Outcome::Fall(why)) => Err(Fall(why)),
                    Ok(Outcome::Panic) => std::panic::resume_unwind(Box::new("a dial panics")),
                    Err(_) => Err(Fall("the test forgot the dial")),
                }
            })
        }
    }

    /// Finishes an exchange when it is told to.
    pub(super) fn job(
        &self,
    ) -> impl FnOnce(Horse) -> BoxFuture<Option<Horse>> + Send + 'static + use<> {
        let stable = self.clone();
        move |horse| {
            let (sender, outcome) = oneshot::channel();
            stable.records().jobs.insert(horse.number, sender);
            Box::pin(async move {
                match outcome.await {
                    Ok(Outcome::Arrive) => Some(horse),
                    Ok(Outcome::Fall(_)) | Err(_) => None,
                    Ok(Outcome::Panic) => std::panic::resume_unwind(Box::new("a job panics")),
                }
            })
        }
    }

    /// Dials that end when they are told to, each clone with the next number after `before`.
    pub(super) fn dials_after(
        &self,
        before: u32,
    ) -> impl FnOnce() -> BoxFuture<Result<Horse, Fall>> + Clone + Send + 'static + use<> {
        let stable = self.clone();
        let number = Numbered {
            number: before,
            last: Arc::new(AtomicU32::new(before)),
        };
        move || {
            // As a whole, so that it is the whole that is cloned.
            let number = number;
            stable.dial_as(number.number)()
        }
    }

    /// A dial that needs no telling.
    pub(super) fn ready(
        &self,
    ) -> impl FnOnce() -> Ready<Result<Horse, Fall>> + Clone + Send + 'static + use<> {
        let stable = self.clone();
        move || ready(Ok(stable.horse()))
    }

    pub(super) fn horse(&self) -> Horse {
        Horse {
            number: self.number(),
            stable: self.clone(),
        }
    }

    fn number(&self) -> u32 {
        let mut records = self.records();
        records.made += 1;
        records.made
    }
}

/// Its clones are numbered in the order in which they are made.
struct Numbered {
    number: u32,
    last: Arc<AtomicU32>,
}

impl Clone for Numbered {
    fn clone(&self) -> Self {
        Self {
            number: self.last.fetch_add(1, Ordering::SeqCst) + 1,
            last: Arc::clone(&self.last),
        }
    }
}

impl Reusable for Horse {
    type Error = Fall;

    fn has_ended(&mut self) -> bool {
        let mut records = self.stable.records();
        records.looks += 1;
        records.ended.contains(&self.number)
    }

    fn is_retired(&self) -> bool {
        self.stable.records().retired.contains(&self.number)
    }

    fn idle_limit(&self) -> Option<Duration> {
        self.stable.records().idle_limit
    }
}

impl Drop for Horse {
    fn drop(&mut self) {
        self.stable.records().closed.push(self.number);
    }
}

/// Lets the pool's tasks run until they have nothing to do.
pub(super) async fn settled() {
    for _ in 0..6 {
        tokio::task::yield_now().await;
    }
}

/// Lets time pass in steps short enough for the sweeper to come each time.
pub(super) async fn pass(time: Duration) {
    let until = Instant::now() + time;
    loop {
        settled().await;
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        tokio::time::advance(left.min(Duration::from_millis(250))).await;
    }
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn per_key(limits: crate::KeyLimits) -> Policy {
    Policy::default().with_per_key(limits)
}
