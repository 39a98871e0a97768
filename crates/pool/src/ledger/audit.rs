//! For tests: goes through the books and panics where they do not add up.

use std::collections::HashMap;

use super::indices::{EntryIndex, HomeIndex, LaneIndex, SlotIndex};
use super::line::WaiterState;
use super::slot::SlotState;
use super::{Host, Ledger, Sought};
use crate::reusable::{Key, Reusable};
use crate::stats::Counts;

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Panics unless every count, list and limit holds.
    pub(crate) fn audit(&self) {
        self.audit_counts();
        self.audit_entries();
        self.audit_lanes();
        self.audit_limits();
        self.audit_needs();
        self.audit_counters();
    }

    /// Panics unless nothing at all is left.
    pub(crate) fn audit_empty(&self) {
        self.audit();
        assert_eq!(self.totals, Counts::default());
        assert_eq!(self.slots.len(), 0, "slots");
        assert_eq!(self.waiters.len(), 0, "waiters");
        assert_eq!(self.lanes.len(), 0, "lanes");
        assert_eq!(self.entries.len(), 0, "entries");
        assert_eq!(self.homes.len(), 0, "homes");
        assert!(self.keys.len() == 0);
        assert!(self.needs.is_empty() && self.stranded.is_empty());
    }

    /// What stands where, counted anew.
    fn tallies(&self) -> HashMap<LaneIndex, Tally> {
        let mut lanes: HashMap<LaneIndex, Tally> = HashMap::new();
        for (_, slot) in self.slots.iter() {
            let tally = lanes.entry(slot.lane).or_default();
            match &slot.state {
                SlotState::Dialling(_) => tally.dials += 1,
                SlotState::Cancelled(_) => tally.cancelled += 1,
                SlotState::Lent(_) => tally.lent += 1,
                SlotState::Idle { .. } => tally.idle += 1,
                SlotState::Looked { .. } => {
                    tally.idle += 1;
                    tally.looked += 1;
                }
                SlotState::Doomed(_) => {
                    tally.idle += 1;
                    tally.doomed += 1;
                }
            }
        }
        for (_, waiter) in self.waiters.iter() {
            if let WaiterState::Waiting(waiting) = &waiter.state {
                let tally = lanes.entry(waiting.lane).or_default();
                tally.waiting += 1;
                tally.attempted += usize::from(waiting.dial.begun().is_some());
            }
        }
        lanes
    }

    fn audit_counts(&self) {
        let mut lanes = self.tallies();
        let doomed: usize = lanes.values().map(|tally| tally.doomed).sum();
        assert_eq!(self.doomed, doomed, "doomed");
        let mut totals = Counts::default();
        let mut entries: HashMap<EntryIndex, Counts> = HashMap::new();
        for (index, lane) in self.lanes.iter() {
            let tally = lanes.remove(&index).unwrap_or_default();
            let listed = Tally {
                dials: lane.dials.len() as usize,
                cancelled: lane.cancelled as usize,
                lent: lane.lent() as usize,
                idle: lane.idle.len() as usize,
                looked: lane.looked as usize,
                doomed: lane.doomed as usize,
                waiting: lane.line.len() as usize,
                attempted: lane.line.attempted() as usize,
            };
            assert_eq!(listed, tally, "lane {index:?}");
            tally.add_to(&mut totals);
            tally.add_to(entries.entry(lane.entry).or_default());
        }
        assert!(lanes.is_empty(), "slots or waiters of forgotten lanes");
        assert_eq!(self.totals, totals);
        for (index, _) in self.entries.iter() {
            assert_eq!(Some(self.counts_in(index)), entries.remove(&index));
        }
    }

    fn audit_entries(&self) {
        for (index, entry) in self.entries.iter() {
            let sought = Sought::new(&entry.key, self.hashing());
            let place = self.keys.find(&sought).map(|it| (it.entry, it.first));
            assert_eq!(place, Some((index, entry.lanes[0])));
            let alone = entry.lanes.len() == 1 && !self.is_beyond_limit(index);
            let unasked = if alone { entry.limits.max_idle } else { 0 };
            let unasked = u32::try_from(unasked).unwrap_or(u32::MAX);
            for lane in &entry.lanes {
                assert!([0, unasked].contains(&self.lanes[*lane].idle_unasked));
            }
        }
        assert_eq!(self.keys.len(), self.entries.len());
    }

    fn audit_lanes(&self) {
        let mut homes: HashMap<HomeIndex, (usize, usize)> = HashMap::new();
        for (index, lane) in self.lanes.iter() {
            assert!(lane.slots > 0 || !lane.line.is_empty(), "an empty lane");
            assert!(self.entries[lane.entry].lanes.contains(&index));
            let idle = lane.idle.oldest_first(&self.slots).count();
            assert_eq!(idle, lane.idle.len() as usize);
            // Who has dialled is covered by a dial, and no more than the surplus is dated.
            assert!(
                lane.line.attempted() <= lane.dials.len(),
                "uncovered waiter"
            );
            let surplus = lane.dials.len().saturating_sub(lane.line.len()) as usize;
            assert_eq!(lane.surplus.len(), surplus, "surplus");
            // Nobody waits beside an idle connection that would serve.
            let available = lane.idle.oldest_first(&self.slots);
            let mut available =
                available.filter(|it| matches!(self.slots[*it].state, SlotState::Idle { .. }));
            assert!(
                lane.line.len_for_any() == 0 || available.next().is_none(),
                "an idle connection and a waiter for any"
            );
            let (lanes, idle) = homes.entry(lane.home).or_default();
            *lanes += 1;
            *idle += lane.idle.len() as usize;
        }
        for (index, home) in self.homes.iter() {
            let (lanes, idle) = homes.remove(&index).unwrap_or_default();
            assert_eq!((home.lanes, home.idle.len() as usize), (lanes, idle));
            // What is doomed needs no sweeper: whoever looks at it will close it.
            let mut idle = home.idle.oldest_first(&self.slots);
            let needs_sweeping = !home.surplus.is_empty()
                || idle.any(|it| !matches!(self.slots[it].state, SlotState::Doomed(_)));
            assert!(home.is_swept || !needs_sweeping, "nobody sweeps");
            assert!(home.is_swept || lanes > 0, "an unused home");
            for (since, lane) in &home.surplus {
                assert_eq!(self.lanes[*lane].surplus.first(), Some(*since));
            }
        }
        assert!(homes.is_empty());
    }

    fn audit_limits(&self) {
        assert!(self.totals.connections() <= self.policy.max_connections.max(1));
        for (index, entry) in self.entries.iter() {
            // While there are more than there may be since the limit was lowered, none idles.
            let is_beyond = self.is_beyond_limit(index);
            let waited_for: u32 = entry.lanes.iter().map(|it| self.returning(*it)).sum();
            assert!(!is_beyond || self.staying_in(index) <= waited_for as usize);
        }
        // What is being looked at may be more, if it is waited for.
        let is_there =
            |slot: &&SlotIndex| matches!(self.slots[**slot].state, SlotState::Idle { .. });
        let slots: Vec<_> = self.slots.iter().map(|(index, _)| index).collect();
        for slot in slots.iter().filter(is_there) {
            let entry = self.lanes[self.slots[*slot].lane].entry;
            assert!(
                self.staying_in(entry) <= self.entries[entry].limits.max_idle,
                "too many idle"
            );
            assert!(
                self.totals.idle - self.doomed <= self.policy.max_idle,
                "too many idle"
            );
        }
    }

    /// No wake-up is lost: whoever needs a dial either has no room for it, or it has begun.
    fn audit_needs(&self) {
        for (index, lane) in self.lanes.iter() {
            let returning = lane.looked.min(lane.line.len_for_any());
            let is_short = lane.line.len() > lane.dials.len() + returning;
            let entry = &self.entries[lane.entry];
            let key_is_full =
                self.counts_in(lane.entry).connections() >= entry.limits.max_connections.max(1);
            let all_is_full = self.totals.connections() >= self.policy.max_connections.max(1);
            if is_short && lane.line.next_to_dial(&self.waiters).is_some() {
                assert!(key_is_full || all_is_full, "a dial was forgotten");
                let some_idle = self
                    .slots
                    .iter()
                    .any(|(_, slot)| matches!(slot.state, SlotState::Idle { .. }));
                assert!(key_is_full || !some_idle, "an idle one could make room");
                let unwanted = match key_is_full {
                    true => self.unwanted_dial_of_key(lane.entry),
                    false => self.unwanted_dial(),
                };
                assert_eq!(unwanted, None, "a dial could make room");
            }
            if let Some(need) = lane.need {
                assert!(self.needs.contains(&(need, index)));
            }
        }
        let noted = self.lanes.iter().filter(|(_, lane)| lane.need.is_some());
        assert_eq!(noted.count(), self.needs.len());
        let stranded = |(_, lane): &(_, LaneIndex)| self.lanes[*lane].slots == 0;
        let stranded: Vec<_> = self.needs.iter().copied().filter(stranded).collect();
        assert!(self.stranded.iter().copied().eq(stranded), "stranded");
    }

    fn audit_counters(&self) {
        let counters = &self.counters;
        let ended = counters.dial_failures + counters.dials_cancelled + counters.closes.total();
        let alive = self.totals.connections() as u64;
        assert_eq!(
            counters.dials,
            ended + alive,
            "dials, ends and what is alive"
        );
    }
}

#[derive(Debug, Default, Eq, PartialEq)]
struct Tally {
    dials: usize,
    cancelled: usize,
    lent: usize,
    idle: usize,
    looked: usize,
    doomed: usize,
    waiting: usize,
    attempted: usize,
}

impl Tally {
    fn add_to(&self, counts: &mut Counts) {
        counts.dialling += self.dials + self.cancelled;
        counts.lent += self.lent;
        counts.idle += self.idle;
        counts.waiting += self.waiting;
    }
}
