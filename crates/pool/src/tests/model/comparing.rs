//! Whether the pool stands as the reference does.

use std::collections::BTreeSet;

use super::super::reference::{Dial, KEYS, Lane};
use super::Run;
use crate::Counts;

impl Run {
    pub(super) fn compare(&mut self) {
        self.stage.audit();
        let closed: BTreeSet<u32> = self.stage.closed().into_iter().collect();
        assert_eq!(closed, self.reference.closed, "closed connections");
        self.compare_stats();
        self.compare_dials();
        for (number, ask) in &self.asks {
            let is_given = self.reference.given.contains_key(number);
            assert!(ask.is_woken() || !is_given, "waiter {number} was not woken");
        }
        self.check_warmings();
        self.check_shutdown();
    }

    /// Where several things happen at the same time, dials begin in any order, and some may begin
    /// only to be cancelled at once.
    pub(super) fn agree_on_order(&mut self) {
        let [begun, cancelled] = self.dials_in_order();
        sort(&mut self.reference.dials, &begun);
        sort(&mut self.reference.cancelled, &cancelled);
        let counters = self.stage.pool.stats().counters;
        let expected = &mut self.reference.counters;
        let under_way = expected.dials - expected.dials_cancelled;
        expected.dials = counters.dials;
        expected.dials_cancelled = counters.dials - under_way;
    }

    fn compare_stats(&self) {
        let mut stats = self.stage.pool.stats();
        assert_eq!(stats.totals, self.reference.counts(), "totals");
        assert_eq!(stats.totals, self.stage.pool.totals());
        let keys = KEYS.map(|key| (key, self.reference.counts_of(key)));
        let known = keys.into_iter().filter(|it| it.1 != Counts::default());
        stats.keys.sort_unstable_by_key(|it| it.0);
        assert_eq!(stats.keys, known.collect::<Vec<_>>(), "keys");
        assert_eq!(stats.counters, self.reference.counters, "counters");
    }

    fn compare_dials(&self) {
        let reference = &self.reference;
        let dials = reference.dials.iter();
        let expected: BTreeSet<_> = dials
            .filter(|it| reference.is_awake(it.lane.1))
            .map(|it| it.number)
            .collect();
        let mut dials: BTreeSet<_> = self.stage.dials().into_iter().collect();
        // Those whose runtime sleeps may be given up without knowing it.
        dials.retain(|number| reference.is_awake(self.dialled_on[number]));
        assert_eq!(dials, expected, "dials");
        let lanes = [&reference.dials, &reference.cancelled].map(|dials| {
            let lanes = dials.iter().map(|it| it.lane);
            lanes.collect::<Vec<_>>()
        });
        assert_eq!(self.dials_in_order(), lanes, "the order of dials");
    }

    fn dials_in_order(&self) -> [Vec<Lane>; 2] {
        let dials = self.stage.dials_in_order();
        dials.map(|dials| {
            let lanes = dials.into_iter();
            let lanes = lanes.map(|(key, id)| (key, self.homes.home_of(id)));
            lanes.collect()
        })
    }
}

fn sort(dials: &mut Vec<Dial>, order: &[Lane]) {
    for (position, lane) in order.iter().enumerate() {
        let next = dials.iter().skip(position).position(|it| it.lane == *lane);
        if let Some(next) = next {
            let dial = dials.remove(position + next);
            dials.insert(position, dial);
        }
    }
}
