//! The reference that the pool is held against: the same promises, written down as naively as
//! possible, in vectors that are searched from end to end. Time in milliseconds.
//!
//! It is told what is done to the pool, after the pool, in the same order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::stage::Station;
use crate::{Counters, Counts, Retirement, Want};

mod closing;
mod dialling;
mod lending;
mod needs;
mod runtimes;
mod waiting;

pub(crate) use self::closing::{A_QUARTER, PATIENCE};

/// A runtime, by its number.
pub(crate) type Home = u32;

/// A key on a runtime: connections are lent and handed on within a lane only.
pub(crate) type Lane = (Station, Home);

/// The rules of a run. Lifetimes have no jitter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub(crate) max_connections: usize,
    pub(crate) max_idle: usize,
    pub(crate) idle_timeout: u64,
    pub(crate) lifetime: u64,
    pub(crate) max_uses: u64,
}

/// The limits of a key, which change in the course of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRules {
    pub(crate) max_connections: usize,
    pub(crate) max_idle: usize,
    pub(crate) max_waiting: usize,
}

#[derive(Debug)]
pub(crate) struct Reference {
    rules: Rules,
    /// As they were when somebody last came.
    limits: BTreeMap<Station, KeyRules>,
    service: Service,
    pub(crate) now: u64,
    /// By how much the wall clock has run ahead.
    pub(crate) lead: u64,
    pub(crate) homes: BTreeMap<Home, State>,
    /// In the order in which they were laid down.
    pub(crate) idle: Vec<Conn>,
    pub(crate) lent: Vec<Conn>,
    /// Those of the lent ones that a task of the pool finishes, and since when it does.
    pub(crate) settling: BTreeMap<u32, Option<u64>>,
    /// Oldest first.
    pub(crate) dials: Vec<Dial>,
    /// Those whose task does not know yet that nobody wants them.
    pub(crate) cancelled: Vec<Dial>,
    /// All keys together, in the order of coming.
    pub(crate) line: Vec<Waiter>,
    /// What waiters have been given.
    pub(crate) given: BTreeMap<u32, Given>,
    pub(crate) closed: BTreeSet<u32>,
    /// What the pool has closed by now: decides where the promises leave a choice.
    pub(crate) witness: BTreeSet<u32>,
    /// Since when a connection's peer has ended it.
    pub(crate) ended: BTreeMap<u32, u64>,
    /// Since when a connection must serve no more.
    pub(crate) retired: BTreeMap<u32, u64>,
    /// How long peers say that they keep what is returned or made.
    pub(crate) idle_limit: Option<u64>,
    /// For each lane, since when its surplus dials are surplus.
    surplus: BTreeMap<Lane, Vec<u64>>,
    pub(crate) counters: Counters,
    /// How many have come so far.
    came: u32,
}

/// Whom the pool serves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Service {
    Everybody,
    InLine,
    Nobody,
}

/// What a runtime does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    Awake { since: u64 },
    Asleep,
    Ended,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Conn {
    pub(crate) number: u32,
    pub(crate) lane: Lane,
    /// The place in the order of coming of whoever has it, or had it last.
    place: u32,
    pub(crate) born: u64,
    /// The wall clock's lead at its birth.
    lead: u64,
    /// When it last served, or was made.
    pub(crate) since: u64,
    /// When it was laid down to idle, and until when it may.
    laid: u64,
    until: u64,
    pub(crate) uses: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial {
    /// Also that of the connection that comes of it.
    pub(crate) number: u32,
    pub(crate) lane: Lane,
    /// The number of the waiter whose dial it is.
    owner: u32,
    /// Who had come when it began.
    begun: u32,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) number: u32,
    pub(crate) lane: Lane,
    want: Want,
    /// Its place in the order of coming.
    place: u32,
    since: u64,
    /// The number of its dial, if that has not begun.
    dial: Option<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Given {
    Idle { number: u32, idle_for: u64 },
    HandedOn { number: u32 },
    Dialled { number: u32 },
    Failed,
    Panicked,
    LineFull { limit: usize },
    ShutDown,
    NoRuntime,
}

impl Reference {
    pub(crate) fn new(rules: Rules, homes: &[Home]) -> Self {
        let awake = State::Awake { since: 0 };
        Self {
            rules,
            limits: BTreeMap::new(),
            service: Service::Everybody,
            now: 0,
            lead: 0,
            homes: homes.iter().map(|home| (*home, awake)).collect(),
            idle: Vec::new(),
            lent: Vec::new(),
            settling: BTreeMap::new(),
            dials: Vec::new(),
            cancelled: Vec::new(),
            line: Vec::new(),
            given: BTreeMap::new(),
            closed: BTreeSet::new(),
            witness: BTreeSet::new(),
            ended: BTreeMap::new(),
            retired: BTreeMap::new(),
            idle_limit: None,
            surplus: BTreeMap::new(),
            counters: Counters::default(),
            came: 0,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts_where(|_| true)
    }

    /// What stands under a key.
    pub(crate) fn counts_of(&self, key: Station) -> Counts {
        self.counts_where(|lane| lane.0 == key)
    }

    /// How many idle in a lane.
    pub(crate) fn idle_in(&self, lane: Lane) -> usize {
        self.counts_where(|it| it == lane).idle
    }

    /// The connection that a waiter has been given, if it has.
    pub(crate) fn lent(&self, number: u32) -> &Conn {
        let lent = self.lent.iter().find(|it| it.number == number);
        lent.expect("it is lent")
    }

    pub(crate) fn is_open(&self) -> bool {
        self.service == Service::Everybody
    }

    pub(crate) fn is_drained(&self) -> bool {
        !self.is_open() && self.counts() == Counts::default()
    }

    pub(crate) fn is_awake(&self, home: Home) -> bool {
        matches!(self.homes[&home], State::Awake { .. })
    }

    fn counts_where(&self, is_meant: impl Fn(Lane) -> bool) -> Counts {
        let dials = self.dials.iter().chain(&self.cancelled);
        Counts {
            idle: self.idle.iter().filter(|it| is_meant(it.lane)).count(),
            lent: self.lent.iter().filter(|it| is_meant(it.lane)).count(),
            dialling: dials.filter(|it| is_meant(it.lane)).count(),
            waiting: self.line.iter().filter(|it| is_meant(it.lane)).count(),
        }
    }

    fn connections(&self) -> usize {
        self.counts().connections()
    }

    fn connections_of(&self, key: Station) -> usize {
        self.counts_of(key).connections()
    }

    fn dials_in(&self, lane: Lane) -> usize {
        self.dials.iter().filter(|it| it.lane == lane).count()
    }

    fn waiting_in(&self, lane: Lane) -> usize {
        self.counts_where(|it| it == lane).waiting
    }

    fn surplus_of(&self, lane: Lane) -> usize {
        self.surplus.get(&lane).map_or(0, Vec::len)
    }

    fn limits(&self, key: Station) -> KeyRules {
        self.limits[&key]
    }

    fn next_place(&mut self) -> u32 {
        self.came += 1;
        self.came
    }

    /// Why an idle connection must not be lent any more, if so.
    fn fate(&self, conn: &Conn) -> Option<Retirement> {
        if conn.until <= self.now {
            Some(Retirement::IdleTimeout)
        } else if self.is_too_old(conn) {
            Some(Retirement::Lifetime)
        } else {
            (self.lead - conn.lead > TOLERATED).then_some(Retirement::Suspended)
        }
    }

    fn is_too_old(&self, conn: &Conn) -> bool {
        conn.born + self.rules.lifetime <= self.now
    }

    fn close(&mut self, conn: Conn, reason: Retirement) {
        assert!(self.closed.insert(conn.number), "closed twice");
        self.counters.closes.add(reason);
    }

    fn close_idle_one(&mut self, conn: Conn, reason: Retirement) {
        self.take_idle(conn.number);
        self.close(conn, reason);
    }

    fn take_idle(&mut self, number: u32) -> Conn {
        let position = self.idle.iter().position(|it| it.number == number);
        self.idle.remove(position.expect("it idles"))
    }

    fn take_lent(&mut self, number: u32) -> Conn {
        let position = self.lent.iter().position(|it| it.number == number);
        self.lent.remove(position.expect("it is lent"))
    }

    fn give(&mut self, waiter: Waiter, given: Given) {
        self.line.retain(|it| it.number != waiter.number);
        if let Given::HandedOn { .. } | Given::Dialled { .. } = given {
            self.counters.waits += 1;
            self.counters.wait_time += Duration::from_millis(self.now - waiter.since);
        }
        self.given.insert(waiter.number, given);
    }
}

impl Given {
    pub(crate) fn connection(self) -> Option<u32> {
        match self {
            Self::Idle { number, .. } | Self::HandedOn { number } | Self::Dialled { number } => {
                Some(number)
            }
            Self::Failed
            | Self::Panicked
            | Self::LineFull { .. }
            | Self::ShutDown
            | Self::NoRuntime => None,
        }
    }
}

pub(crate) const KEYS: [Station; 3] = ["a", "b", "c"];

/// How far the clocks may drift apart.
const TOLERATED: u64 = 1_000;
