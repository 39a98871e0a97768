//! Which lanes need a dial, in the order of coming, and which of them nothing else would serve.

use super::indices::{EntryIndex, LaneIndex, Ticket, WaiterIndex};
use super::{Host, Ledger};
use crate::reusable::{Key, Reusable};

impl<K: Key, T: Reusable, H: Host> Ledger<K, T, H> {
    /// Notes which lanes of a key need a dial, and for whom.
    pub(super) fn note_needs(&mut self, entry: EntryIndex) {
        for position in 0..self.entries[entry].lanes.len() {
            self.note_need(self.entries[entry].lanes[position]);
        }
    }

    pub(super) fn note_need(&mut self, index: LaneIndex) {
        let need = self.need_of(index);
        if self.lanes[index].need == need {
            return;
        }
        self.forget_need(index);
        self.lanes[index].need = need;
        self.needs.extend(need.map(|ticket| (ticket, index)));
        self.note_whether_stranded(index);
    }

    pub(super) fn forget_need(&mut self, index: LaneIndex) {
        if let Some(ticket) = self.lanes[index].need.take() {
            self.needs.remove(&(ticket, index));
            self.stranded.remove(&(ticket, index));
        }
    }

    /// Notes whether a lane is stranded, after its first slot has come or its last one has gone.
    pub(super) fn note_whether_stranded(&mut self, index: LaneIndex) {
        let lane = &self.lanes[index];
        let Some(ticket) = lane.need else {
            return;
        };
        if lane.slots == 0 {
            self.stranded.insert((ticket, index));
        } else {
            self.stranded.remove(&(ticket, index));
        }
    }

    /// Whether a connection that is about to be handed on to a lane's `head` must rather make room:
    /// somebody who came earlier needs a dial, and would never be served by a returned connection.
    pub(super) fn owes_room(&mut self, lane: LaneIndex, head: WaiterIndex) -> bool {
        let ticket = self.waiters[head].ticket;
        let came_earlier = |other: Option<Ticket>| other.is_some_and(|other| other < ticket);
        let entry = &self.entries[self.lanes[lane].entry];
        // In the same lane, who came before the first who takes any wants a fresh one.
        let is_owed_in_key = entry
            .lanes
            .iter()
            .filter(|other| **other == lane || self.lanes[**other].slots == 0)
            .any(|other| came_earlier(self.need_of(*other)));
        is_owed_in_key || came_earlier(self.first_stranded())
    }

    /// Who is to dial next in a lane, if more wait there than dials are under way.
    pub(super) fn need_of(&self, index: LaneIndex) -> Option<Ticket> {
        let lane = &self.lanes[index];
        if lane.line.len() <= lane.dials.len() + self.returning(index) {
            return None;
        }
        let (ticket, _) = lane.line.next_to_dial(&self.waiters)?;
        Some(ticket)
    }

    /// The first who is stranded for want of room in total.
    fn first_stranded(&mut self) -> Option<Ticket> {
        while let Some(&(ticket, lane)) = self.stranded.first() {
            if !self.is_full(self.lanes[lane].entry) {
                return Some(ticket);
            }
            // Noted again when something changes for the key.
            self.forget_need(lane);
        }
        None
    }
}
