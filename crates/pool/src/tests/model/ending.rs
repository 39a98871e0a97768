//! The end of a run: everything is let go of, and nothing may be left.

use std::sync::Arc;
use std::time::Duration;

use super::super::reference::A_QUARTER;
use super::super::stage::Stage;
use super::shutting_down::Shutdown;
use super::{Homes, Run};
use crate::{Counts, Lease};

impl Run {
    pub(super) fn end(mut self) {
        self.wake_all();
        let handle = self.homes.handle(self.homes.alive()[0]);
        let _guard = handle.enter();
        self.asks.clear();
        self.warmings.clear();
        if !matches!(self.shutdown, Shutdown::UnderWay { .. }) && self.chance.below(2) == 0 {
            self.abandon();
        } else {
            self.close_all();
        }
    }

    /// In a pool that is open, or has been shut down.
    fn close_all(mut self) {
        self.leases.into_values().for_each(Lease::release);
        pass(&mut self.homes, 7);
        self.stage.pool.close_idle();
        pass(&mut self.homes, 22);
        self.stage.audit_empty();
        assert_eq!(self.homes.tasks(), 0, "tasks");
    }

    /// In a pool whose last handle goes while connections are lent.
    fn abandon(mut self) {
        let Stage { pool, stable } = self.stage;
        let shared = Arc::clone(pool.shared());
        drop(pool);
        self.homes.run(&self.homes.alive());
        let lent = Counts {
            lent: self.leases.len() + self.reference.settling.len(),
            ..Counts::default()
        };
        assert_eq!(shared.update(|ledger, _| ledger.totals()), lent);
        for (number, lease) in self.leases {
            lease.release();
            assert!(stable.records().closed.contains(&number));
        }
        pass(&mut self.homes, 2);
        shared.update(|ledger, _| ledger.audit_empty());
        assert_eq!(self.homes.tasks(), 0, "tasks");
    }
}

fn pass(homes: &mut Homes, seconds: u64) {
    for _ in 0..seconds * 1_000 / A_QUARTER {
        homes.pass(Duration::from_millis(A_QUARTER));
        homes.run(&homes.alive());
    }
}
