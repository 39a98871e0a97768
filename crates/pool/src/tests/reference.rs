//! The reference that the pool is held against: the same promises, written down as naively as
//! possible, in vectors that are searched from end to end. One runtime, time in milliseconds.
//!
//! Longer than other files, as the promises are to be read in one place.

use std::collections::{BTreeMap, BTreeSet};

use super::stage::Station;
use crate::Want;

/// The rules of a run. Lifetimes have no jitter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) max_connections: usize,
    pub(super) max_idle: usize,
    pub(super) key_max_connections: usize,
    pub(super) key_max_idle: usize,
    pub(super) key_max_waiting: usize,
    pub(super) idle_timeout: u64,
    pub(super) lifetime: u64,
    pub(super) max_uses: u64,
}

#[derive(Debug)]
pub(super) struct Reference {
    rules: Rules,
    pub(super) now: u64,
    /// Oldest first.
    pub(super) idle: Vec<Conn>,
    pub(super) lent: Vec<Conn>,
    /// Oldest first.
    pub(super) dials: Vec<Dial>,
    /// All keys together, in the order of coming.
    pub(super) line: Vec<Waiter>,
    /// What waiters have been given.
    pub(super) given: BTreeMap<u32, Given>,
    pub(super) closed: BTreeSet<u32>,
    /// Since when a connection's peer has ended it.
    pub(super) ended: BTreeMap<u32, u64>,
    /// For each key, since when its surplus dials are surplus.
    surplus: BTreeMap<Station, Vec<u64>>,
    /// How many have come so far.
    came: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Conn {
    pub(super) number: u32,
    pub(super) key: Station,
    /// The place in the order of coming of whoever has it, or had it last.
    place: u32,
    born: u64,
    /// When it last served, or was made.
    since: u64,
    /// When it was laid down to idle.
    laid: u64,
    uses: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Dial {
    /// Also that of the connection that comes of it.
    pub(super) number: u32,
    key: Station,
    /// The number of the waiter whose dial it is.
    owner: u32,
    /// Who had come when it began.
    begun: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) number: u32,
    key: Station,
    want: Want,
    /// Its place in the order of coming.
    place: u32,
    /// The number of its dial, if that has not begun.
    dial: Option<u32>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Given {
    Idle { number: u32, idle_for: u64 },
    HandedOn { number: u32 },
    Dialled { number: u32 },
    Failed,
    Panicked,
    LineFull,
}

impl Reference {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            now: 0,
            idle: Vec::new(),
            lent: Vec::new(),
            dials: Vec::new(),
            line: Vec::new(),
            given: BTreeMap::new(),
            closed: BTreeSet::new(),
            ended: BTreeMap::new(),
            surplus: BTreeMap::new(),
            came: 0,
        }
    }

    /// The idle connection that a lease gets, with how long it has idled.
    pub(super) fn lease(&mut self, key: Station) -> Option<(u32, u64)> {
        let found = loop {
            let Some(conn) = self.take_newest(key) else {
                break None;
            };
            if self.ended.contains_key(&conn.number) {
                self.close(conn);
                continue;
            }
            let place = self.next_place();
            break Some(self.lend(conn, place));
        };
        self.follow();
        found
    }

    pub(super) fn wait(&mut self, number: u32, key: Station, want: Want) {
        let place = self.next_place();
        self.enter(number, key, want, place);
        let waiting = self.line.iter().filter(|it| it.key == key).count();
        let held_back = waiting.saturating_sub(self.dials_of(key));
        let has_dialled = self
            .line
            .iter()
            .any(|it| it.number == number && it.dial.is_none());
        let is_served = self.given.contains_key(&number);
        if !is_served && !has_dialled && held_back > self.rules.key_max_waiting {
            self.line.retain(|it| it.number != number);
            self.given.insert(number, Given::LineFull);
            self.follow();
        }
    }

    /// A connection is closed by its holder, who becomes a waiter of this number in its old place.
    pub(super) fn refuse(&mut self, conn: u32, number: u32, want: Want) {
        let conn = self.take_lent(conn);
        self.close(conn);
        self.enter(number, conn.key, want, conn.place);
    }

    /// A waiter leaves, perhaps with something given to it but not fetched.
    pub(super) fn leave(&mut self, number: u32) {
        self.line.retain(|it| it.number != number);
        match self.given.remove(&number) {
            Some(
                Given::Idle { number, .. } | Given::HandedOn { number } | Given::Dialled { number },
            ) => {
                let lent = self.lent.iter_mut().find(|it| it.number == number);
                lent.expect("what was given is lent").uses -= 1;
                self.take_back(number);
            }
            Some(Given::Failed | Given::Panicked | Given::LineFull) | None => self.follow(),
        }
    }

    pub(super) fn release(&mut self, number: u32) {
        let lent = self.lent.iter_mut().find(|it| it.number == number);
        lent.expect("it is lent").since = self.now;
        self.take_back(number);
    }

    fn take_back(&mut self, number: u32) {
        let conn = self.take_lent(number);
        let head = self.line.iter();
        let head = head
            .filter(|it| it.key == conn.key && it.want == Want::Any)
            .copied()
            .next();
        let is_spent =
            conn.born + self.rules.lifetime <= self.now || conn.uses >= self.rules.max_uses;
        match head {
            _ if is_spent => self.close(conn),
            Some(head) if self.owes_room(conn, head) => self.close(conn),
            Some(head) => {
                self.check_fairness(head);
                let (number, _) = self.lend(conn, head.place);
                self.give(head.number, Given::HandedOn { number });
            }
            None => self.lay_down(conn),
        }
        self.follow();
    }

    /// A lease is dropped.
    pub(super) fn drop_lease(&mut self, number: u32) {
        let conn = self.take_lent(number);
        self.close(conn);
        self.follow();
    }

    pub(super) fn dial_arrives(&mut self, number: u32) {
        let dial = self.take_dial(number);
        let conn = Conn {
            number,
            key: dial.key,
            place: 0,
            born: self.now,
            since: self.now,
            laid: self.now,
            uses: 0,
        };
        let own = self.line.iter();
        let own = own
            .filter(|it| it.number == dial.owner && it.want == Want::Fresh)
            .copied()
            .next();
        let recipient = own.or_else(|| {
            let mut line = self.line.iter().filter(|it| it.key == dial.key);
            line.next().copied()
        });
        match recipient {
            Some(waiter) => {
                self.lend(conn, waiter.place);
                self.give(waiter.number, Given::Dialled { number });
            }
            None => self.lay_down(conn),
        }
        self.follow();
    }

    /// A dial fails or panics, as `how` says.
    pub(super) fn dial_falls(&mut self, number: u32, how: Given) {
        let dial = self.take_dial(number);
        let of_key = |it: &&Waiter| it.key == dial.key;
        let dialled: Vec<_> = self
            .line
            .iter()
            .filter(of_key)
            .filter(|it| it.dial.is_none())
            .map(|it| it.number)
            .collect();
        if dialled.len() > self.dials_of(dial.key) {
            let own = dialled.iter().find(|it| **it == dial.owner);
            let unlucky = *own.unwrap_or(&dialled[0]);
            self.give(unlucky, how);
        }
        let has_lent = self.lent.iter().any(|it| it.key == dial.key);
        if how == Given::Failed && self.dials_of(dial.key) == 0 && !has_lent {
            let early: Vec<_> = self
                .line
                .iter()
                .filter(of_key)
                .filter(|it| it.place <= dial.begun)
                .map(|it| it.number)
                .collect();
            for waiter in early {
                self.give(waiter, how);
            }
        }
        self.follow();
    }

    pub(super) fn close_idle(&mut self, is_meant: impl Fn(&Conn) -> bool) {
        for conn in self.idle.clone() {
            if is_meant(&conn) {
                self.take_idle(conn.number);
                self.close(conn);
            }
        }
        self.follow();
    }

    /// The sweeper has closed an idle connection: was it right?
    pub(super) fn swept(&mut self, number: u32) {
        let conn = self.take_idle(number);
        let dead = self.dead_since(&conn);
        assert!(dead <= self.now, "{conn:?} was closed at {}", self.now);
        self.close(conn);
        self.follow();
    }

    /// A dial has been cancelled: was it the right one, at the right time?
    pub(super) fn cancelled(&mut self, number: u32) {
        let position = self.dials.iter().position(|it| it.number == number);
        let position = position.expect("it is dialled");
        let dial = self.dials.remove(position);
        let younger = self.dials[position..].iter();
        let younger = younger.filter(|it| it.key == dial.key);
        assert_eq!(younger.count(), 0, "not the youngest was cancelled");
        let surplus = self.surplus.get_mut(dial.key).expect("there is surplus");
        let since = surplus.remove(0);
        assert!(since + GRACE <= self.now, "cancelled within its grace");
        self.follow();
    }

    /// The sweeper comes once a second: has it forgotten anything?
    pub(super) fn check_sweeper(&self) {
        for conn in &self.idle {
            let dead = self.dead_since(conn);
            assert!(
                self.now < dead.saturating_add(A_TICK),
                "{conn:?} idles at {}",
                self.now
            );
        }
        for (key, since) in &self.surplus {
            let overdue = since.iter().find(|it| *it + GRACE + A_TICK <= self.now);
            assert_eq!(overdue, None, "a surplus dial of {key} goes on");
        }
    }

    /// Begins the dials that are needed and possible, and brings the surplus up to date.
    fn follow(&mut self) {
        self.note_surplus();
        while let Some(waiter) = self.next_dial() {
            let key = self.line[waiter].key;
            if self.connections_of(key) >= self.rules.key_max_connections {
                let victim = self.idle.iter().find(|it| it.key == key);
                self.make_way(*victim.expect("who wants it fresh makes this one go"));
            }
            if self.connections() >= self.rules.max_connections {
                match self.idle.first() {
                    Some(oldest) => self.make_way(*oldest),
                    None => self.give_up_dial(),
                }
            }
            let waiter = &mut self.line[waiter];
            self.dials.push(Dial {
                number: waiter.dial.take().expect("who needs a dial has one"),
                key,
                owner: waiter.number,
                begun: self.came,
            });
        }
    }

    fn note_surplus(&mut self) {
        for key in KEYS {
            let waiting = self.line.iter().filter(|it| it.key == key).count();
            let surplus = self.dials_of(key).saturating_sub(waiting);
            let now = self.now;
            self.surplus.entry(key).or_default().resize(surplus, now);
        }
    }

    /// The youngest dial of a key that has more than it needs makes room.
    fn give_up_dial(&mut self) {
        let youngest = self.youngest_surplus().expect("there is room to be made");
        self.dials.remove(youngest);
        self.note_surplus();
    }

    fn youngest_surplus(&self) -> Option<usize> {
        let has_surplus = |key| self.surplus.get(key).is_some_and(|it| !it.is_empty());
        self.dials.iter().rposition(|it| has_surplus(it.key))
    }

    /// The position of the waiter that dials next, if there is one and room for it.
    fn next_dial(&self) -> Option<usize> {
        let (waiter, _) = self.needy().next()?;
        let is_possible = self.connections() < self.rules.max_connections
            || !self.idle.is_empty()
            || self.youngest_surplus().is_some();
        is_possible.then_some(waiter)
    }

    /// Who needs a dial that its key's limit allows, in the order of coming.
    fn needy(&self) -> impl Iterator<Item = (usize, &Waiter)> {
        let firsts = self.line.iter().enumerate().filter(|(position, waiter)| {
            let before = &self.line[..*position];
            let is_first = !before
                .iter()
                .any(|it| it.key == waiter.key && it.dial.is_some());
            waiter.dial.is_some() && is_first
        });
        firsts.filter(|(_, waiter)| {
            let key = waiter.key;
            let waiting = self.line.iter().filter(|it| it.key == key).count();
            let has_room = self.connections_of(key) < self.rules.key_max_connections;
            let can_make_room =
                waiter.want == Want::Fresh && self.idle.iter().any(|it| it.key == key);
            waiting > self.dials_of(key) && (has_room || can_make_room)
        })
    }

    fn owes_room(&self, conn: Conn, head: Waiter) -> bool {
        self.needy().any(|(_, it)| {
            let is_hopeless = it.key == conn.key || self.connections_of(it.key) == 0;
            it.place < head.place && is_hopeless
        })
    }

    /// No returned connection goes past somebody who came earlier and whom none will ever serve,
    /// as his key has none: so he is served after as many returns as others came before him.
    fn check_fairness(&self, head: Waiter) {
        let mut earlier = self.line.iter().filter(|it| it.place < head.place);
        let starving = earlier.find(|it| self.connections_of(it.key) == 0);
        assert!(starving.is_none(), "{head:?} went before {starving:?}");
    }

    /// An idle connection at once, or a place in the line.
    fn enter(&mut self, number: u32, key: Station, want: Want, place: u32) {
        if want == Want::Any
            && let Some(conn) = self.take_newest(key)
        {
            let (given, idle_for) = self.lend(conn, place);
            let given = Given::Idle {
                number: given,
                idle_for,
            };
            self.given.insert(number, given);
            return self.follow();
        }
        let position = self.line.partition_point(|it| it.place < place);
        let waiter = Waiter {
            number,
            key,
            want,
            place,
            dial: Some(number),
        };
        self.line.insert(position, waiter);
        self.exchange_dials(position);
        self.follow();
    }

    /// Those of a key whose dial has begun are the first who came: whoever comes back among them
    /// exchanges its dial for that of the last of them.
    fn exchange_dials(&mut self, position: usize) {
        let heir = self.line[position];
        let later = self.line[position..].iter_mut();
        let mut later = later.filter(|it| it.key == heir.key && it.dial.is_none());
        let Some(last) = later.next_back() else {
            return;
        };
        last.dial = heir.dial;
        let begun = self.dials.iter_mut().find(|it| it.owner == last.number);
        if let Some(begun) = begun {
            begun.owner = heir.number;
        }
        self.line[position].dial = None;
    }

    fn next_place(&mut self) -> u32 {
        self.came += 1;
        self.came
    }

    fn take_newest(&mut self, key: Station) -> Option<Conn> {
        loop {
            let newest = self.idle.iter().rev().find(|it| it.key == key)?.number;
            let conn = self.take_idle(newest);
            if self.expires(&conn) > self.now {
                return Some(conn);
            }
            self.close(conn);
        }
    }

    fn lend(&mut self, mut conn: Conn, place: u32) -> (u32, u64) {
        conn.uses += 1;
        conn.place = place;
        self.lent.push(conn);
        (conn.number, self.now - conn.since)
    }

    fn lay_down(&mut self, mut conn: Conn) {
        conn.laid = self.now;
        self.idle.push(conn);
        let of_key: Vec<_> = self.idle.iter().filter(|it| it.key == conn.key).collect();
        if of_key.len() > self.rules.key_max_idle {
            self.make_way(*of_key[0]);
        }
        if self.idle.len() > self.rules.max_idle {
            self.make_way(self.idle[0]);
        }
    }

    fn make_way(&mut self, conn: Conn) {
        self.take_idle(conn.number);
        self.close(conn);
    }

    fn give(&mut self, waiter: u32, given: Given) {
        self.line.retain(|it| it.number != waiter);
        self.given.insert(waiter, given);
    }

    fn close(&mut self, conn: Conn) {
        assert!(self.closed.insert(conn.number), "closed twice");
    }

    fn take_idle(&mut self, number: u32) -> Conn {
        let position = self.idle.iter().position(|it| it.number == number);
        self.idle.remove(position.expect("it idles"))
    }

    fn take_lent(&mut self, number: u32) -> Conn {
        let position = self.lent.iter().position(|it| it.number == number);
        self.lent.remove(position.expect("it is lent"))
    }

    fn take_dial(&mut self, number: u32) -> Dial {
        let position = self.dials.iter().position(|it| it.number == number);
        self.dials.remove(position.expect("it is dialled"))
    }

    fn expires(&self, conn: &Conn) -> u64 {
        let by_idling = conn.since + self.rules.idle_timeout;
        by_idling.min(conn.born + self.rules.lifetime)
    }

    fn dead_since(&self, conn: &Conn) -> u64 {
        let ended = self.ended.get(&conn.number);
        let ended = ended.map_or(u64::MAX, |ended| *ended);
        ended.min(self.expires(conn)).max(conn.laid)
    }

    fn connections(&self) -> usize {
        self.idle.len() + self.lent.len() + self.dials.len()
    }

    fn connections_of(&self, key: Station) -> usize {
        let idle = self.idle.iter().filter(|it| it.key == key).count();
        let lent = self.lent.iter().filter(|it| it.key == key).count();
        idle + lent + self.dials_of(key)
    }

    fn dials_of(&self, key: Station) -> usize {
        self.dials.iter().filter(|it| it.key == key).count()
    }
}

pub(super) const KEYS: [Station; 3] = ["a", "b", "c"];

/// The policy's default.
const GRACE: u64 = 5_000;

/// Once a second, rounded up to the next quarter.
const A_TICK: u64 = 1_250;
