//! What is remembered of names, and of how many.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use tokio::runtime::Id;
use tokio::sync::watch;
use tokio::time::Instant;

use super::heard::Report;
use super::last_good::LastGood;

/// The names that are being looked up, and those that were found.
#[derive(Default)]
pub(super) struct Memory {
    pub(super) names: HashMap<Box<str>, Name>,
    /// How many new names come in before some are looked for that can go.
    spared: usize,
}

/// How many names are remembered. While almost as many are looked up at once, there may be an
/// eighth more.
pub(super) const MOST_NAMES: usize = 1024;

#[derive(Default)]
pub(super) struct Name {
    pub(super) under_way: Vec<OpenLookup>,
    pub(super) last_good: LastGood,
}

/// A lookup under way, or one whose runtime was shut down under it.
pub(super) struct OpenLookup {
    pub(super) number: u64,
    pub(super) runtime: Id,
    pub(super) since: Instant,
    /// Its task alone keeps it.
    pub(super) report: Weak<watch::Sender<Report>>,
}

impl Memory {
    /// What is known of a name that is asked for.
    pub(super) fn enter(&mut self, name: &str) -> &mut Name {
        if !self.names.contains_key(name) {
            self.make_room();
        }
        self.names.entry(name.into()).or_default()
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut Name> {
        self.names.get_mut(name)
    }

    pub(super) fn forget(&mut self, name: &str) {
        self.names.remove(name);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Name> {
        self.names.get(name)
    }

    /// Forgets the oldest names that nobody asks about, if with a new one there would be too many.
    ///
    /// All names have to be looked at for that, perhaps in vain: so not for each new one, but
    /// when there are an eighth more.
    fn make_room(&mut self) {
        self.spared = self.spared.saturating_sub(1);
        if self.names.len() < MOST_NAMES || self.spared > 0 {
            return;
        }
        self.forget_oldest(self.names.len() + 1 - MOST_NAMES * 7 / 8);
        self.spared = self.names.len() / 8;
        if self.names.len() < MOST_NAMES {
            // After a peak; else it changes nothing.
            self.names.shrink_to(2 * MOST_NAMES);
        }
    }

    fn forget_oldest(&mut self, excess: usize) {
        let resting = self.names.values().filter(|known| !known.is_asked());
        let mut ages: Vec<_> = resting.map(Name::heard_at).collect();
        let mut excess = excess.min(ages.len());
        let Some(last) = excess.checked_sub(1) else {
            return;
        };
        let youngest_to_go = *ages.select_nth_unstable(last).1;
        self.names.retain(|_, known| {
            let goes = excess > 0 && !known.is_asked() && known.heard_at() <= youngest_to_go;
            excess -= usize::from(goes);
            !goes
        });
    }
}

impl Name {
    /// The reports of the lookups that had begun then and are still under way.
    pub(super) fn reports_begun_by(
        &self,
        at: Option<Instant>,
    ) -> impl Iterator<Item = Arc<watch::Sender<Report>>> {
        let begun = self
            .under_way
            .iter()
            .filter(move |lookup| Some(lookup.since) <= at);
        begun.filter_map(|lookup| lookup.report.upgrade())
    }

    /// Whether there is anything to remember.
    pub(super) fn is_blank(&self) -> bool {
        self.under_way.is_empty() && self.last_good.is_empty()
    }

    /// Whether it is being looked up now.
    pub(super) fn is_asked(&self) -> bool {
        self.under_way.iter().any(OpenLookup::is_alive)
    }

    /// When it was last found; never, where a lookup's runtime was shut down before it found
    /// anything.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        self.last_good.heard_at()
    }
}

impl OpenLookup {
    /// A lookup whose task is gone can no longer answer; its runtime was shut down.
    pub(super) fn is_alive(&self) -> bool {
        self.report.strong_count() > 0
    }
}
