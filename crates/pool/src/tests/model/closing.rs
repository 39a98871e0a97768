//! Closing on demand, and what changes outside the pool.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::super::reference::KEYS;
use super::Run;
use crate::Retirement;

impl Run {
    pub(super) fn close_idle(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let closed = self.stage.pool.close_idle();
        self.settle();
        let expected = self.reference.close_idle(Retirement::Evicted, |_| true);
        assert_eq!(closed, expected);
    }

    pub(super) fn close_idle_for_a_key(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let key = self.chance.pick(&KEYS);
        let closed = self.stage.pool.close_idle_for(&key);
        self.settle();
        let expected = self
            .reference
            .close_idle(Retirement::Evicted, |it| it.lane.0 == key);
        assert_eq!(closed, expected);
    }

    pub(super) fn close_idle_where(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let spared = self.chance.pick(&KEYS);
        let closed = self.stage.pool.close_idle_where(|key| *key != spared);
        self.settle();
        let expected = self
            .reference
            .close_idle(Retirement::Evicted, |it| it.lane.0 != spared);
        assert_eq!(closed, expected);
    }

    pub(super) fn evict(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let odd = |number: u32| !number.is_multiple_of(2);
        let mut seen = Vec::new();
        let evicted = self.stage.pool.evict(|key, horse, facts| {
            seen.push((horse.number, *key, facts.age, facts.idle_for, facts.uses));
            odd(horse.number)
        });
        let now = Duration::from_millis(self.reference.now);
        let idle = self.reference.idle.iter();
        let mut expected: Vec<_> = idle
            .map(|it| {
                let age = now - Duration::from_millis(it.born);
                let idle_for = now - Duration::from_millis(it.since);
                (it.number, it.lane.0, age, idle_for, it.uses)
            })
            .collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected, "what is shown of idle connections");
        self.settle();
        let expected = self
            .reference
            .evict(Retirement::Evicted, |it| odd(it.number));
        assert_eq!(evicted, expected);
    }

    pub(super) fn close_retired(&mut self) {
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        let closed = self.stage.pool.close_retired();
        self.settle();
        let retired = self.reference.retired.clone();
        let expected = self
            .reference
            .evict(Retirement::Replaced, |it| retired.contains_key(&it.number));
        assert_eq!(closed, expected);
    }

    /// From now on others hold for a key: for whoever comes next.
    pub(super) fn change_limits(&mut self) {
        let (key, limits) = (self.chance.pick(&KEYS), self.chance.key_rules());
        let mut all = self
            .outside
            .limits
            .lock()
            .expect("no test panics meanwhile");
        all.insert(key, limits);
    }

    /// From now on peers say something else.
    pub(super) fn change_idle_limit(&mut self) {
        let limit = self
            .chance
            .pick(&[None, None, Some(0), Some(750), Some(4_000)]);
        self.stage.stable.records().idle_limit = limit.map(Duration::from_millis);
        self.reference.idle_limit = limit;
    }

    /// The machine sleeps: only the wall clock goes on.
    pub(super) fn suspend(&mut self) {
        let lead = self.chance.pick(&[400, 600, 1_000, 1_001, 30_000]);
        self.outside.wall.fetch_add(lead, Ordering::SeqCst);
        self.reference.lead += lead;
    }
}
