//! Shutting down, on a runtime that goes on meanwhile.

use std::time::Duration;

use tokio::task::JoinHandle;

use super::super::reference::Home;
use super::Run;
use crate::Counts;

pub(super) enum Shutdown {
    AtStep(usize),
    UnderWay {
        on: Home,
        deadline: u64,
        task: JoinHandle<Counts>,
    },
    Over,
}

impl Shutdown {
    pub(super) fn at_step(step: usize) -> Self {
        Self::AtStep(step)
    }

    pub(super) fn is_due(&self, step: usize) -> bool {
        matches!(self, Self::AtStep(at) if *at == step)
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    pub(super) fn is_on(&self, home: Home) -> bool {
        matches!(self, Self::UnderWay { on, .. } if *on == home)
    }
}

impl Run {
    pub(super) fn shut_down(&mut self) {
        if !self.unheard.is_empty() {
            self.wake_all();
        }
        let mut alive = self.homes.alive();
        alive.retain(|home| self.reference.is_awake(*home));
        let on = self.chance.pick(&alive);
        let deadline = 250 * self.chance.below(80) as u64 + 100;
        let pool = self.stage.pool.clone();
        let task = self.homes.spawn(on, async move {
            pool.shutdown(Duration::from_millis(deadline)).await
        });
        let deadline = self.reference.now + deadline;
        self.shutdown = Shutdown::UnderWay { on, deadline, task };
        self.settle();
        self.reference.shut_down();
        self.agree_on_order();
    }

    /// Once the time is over, nobody waits any more.
    pub(super) fn check_deadline(&mut self, before: Counts) {
        let Shutdown::UnderWay { deadline, .. } = self.shutdown else {
            return;
        };
        if deadline > self.reference.now {
            return;
        }
        let after = self.reference.counts();
        self.reference.give_up();
        self.agree_on_order();
        let left = self.end_of_shutdown();
        assert_eq!(left.idle, 0);
        assert!([before.lent, after.lent].contains(&left.lent), "{left:?}");
        assert!([before.waiting, after.waiting].contains(&left.waiting));
        assert!(left.dialling <= before.dialling.max(after.dialling));
    }

    pub(super) fn check_shutdown(&mut self) {
        let Shutdown::UnderWay { task, .. } = &self.shutdown else {
            return;
        };
        assert_eq!(task.is_finished(), self.reference.is_drained(), "drained");
        if task.is_finished() {
            assert_eq!(self.end_of_shutdown(), Counts::default());
        }
    }

    fn end_of_shutdown(&mut self) -> Counts {
        match std::mem::replace(&mut self.shutdown, Shutdown::Over) {
            Shutdown::UnderWay { on, task, .. } => {
                assert!(task.is_finished(), "the shutdown goes on");
                self.homes.finish(on, task)
            }
            Shutdown::AtStep(_) | Shutdown::Over => panic!("nobody shuts down"),
        }
    }
}
