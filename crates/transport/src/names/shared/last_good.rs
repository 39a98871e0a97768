//! The last good answer, by family.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::names::Families;

/// An address, and when it was heard of.
#[derive(Clone, Copy)]
pub(super) struct Dated {
    pub(super) addr: SocketAddr,
    pub(super) at: Instant,
}

/// What a lookup came to.
pub(super) enum Outcome {
    /// There are these addresses and no others.
    Whole(Vec<Dated>),
    /// There may be others, since the resolver failed, if only in part.
    Partial(Vec<Dated>),
}

/// The last good answer: of each family what was heard of it last.
///
/// A resolver that asks for the families apart may fail with one of them. What was known of it then
/// stays, at its own age.
#[derive(Default)]
pub(super) struct LastGood {
    addrs: Vec<Dated>,
    /// When a whole answer was heard last.
    whole_at: Option<Instant>,
}

/// What takes the place of addresses that the resolver does not tell.
pub(super) enum StandIn {
    /// Nothing was heard, and this is all there was.
    Whole(Vec<SocketAddr>),
    /// More may be heard, or there was more.
    Part(Vec<SocketAddr>),
}

impl Outcome {
    /// That there is no such name, or no address of a family, is an answer like another.
    pub(super) fn new(addrs: Vec<Dated>, failures: &[io::Error]) -> Self {
        let is_whole = failures.iter().all(|e| e.kind() == io::ErrorKind::NotFound);
        if is_whole {
            Self::Whole(addrs)
        } else {
            Self::Partial(addrs)
        }
    }

    /// When an address was heard of last.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        let (Self::Whole(addrs) | Self::Partial(addrs)) = self;
        latest(addrs, Families::Both)
    }
}

impl LastGood {
    /// Takes in what a lookup came to.
    ///
    /// One that hung with a family for long may end after a later one: of each family the newer
    /// answer stays.
    pub(super) fn take_in(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Whole(addrs) => {
                self.addrs.clone_from(addrs);
                self.whole_at = Some(Instant::now());
            }
            // What is known keeps its order, which may be the resolver's.
            Outcome::Partial(heard) if heard.is_empty() => {}
            Outcome::Partial(heard) => {
                let newer = |family| {
                    let known_at = latest(&self.addrs, family).max(self.whole_at);
                    let is_news = latest(heard, family) >= known_at;
                    of_family(if is_news { heard } else { &self.addrs }, family)
                };
                self.addrs = FAMILIES.into_iter().flat_map(newer).copied().collect();
            }
        }
    }

    /// The addresses, if all are known and were heard so lately.
    pub(super) fn fresh(&self, fresh_for: Duration) -> Option<Vec<SocketAddr>> {
        let is_fresh = self.whole_at?.elapsed() < fresh_for;
        (is_fresh && !self.is_empty()).then(|| without_dates(&self.addrs))
    }

    /// Those that are not too old, of the families that nothing was heard of.
    pub(super) fn stand_in(&self, heard: &[Dated], stale_for: Duration) -> Option<StandIn> {
        let missing = unheard_of(heard)?;
        let mut usable = self.addrs.clone();
        usable.retain(|known| known.is_of(missing) && known.at.elapsed() < stale_for);
        if usable.is_empty() {
            return None;
        }
        let is_all = self.whole_at.is_some() && usable.len() == self.addrs.len();
        let usable = without_dates(&usable);
        Some(if heard.is_empty() && is_all {
            StandIn::Whole(usable)
        } else {
            StandIn::Part(usable)
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.addrs.is_empty()
    }

    /// When an address was heard of last.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        latest(&self.addrs, Families::Both)
    }
}

impl Dated {
    fn is_of(&self, families: Families) -> bool {
        families.admit(self.addr.ip().to_canonical())
    }
}

pub(super) fn without_dates(addrs: &[Dated]) -> Vec<SocketAddr> {
    addrs.iter().map(|known| known.addr).collect()
}

fn latest(addrs: &[Dated], families: Families) -> Option<Instant> {
    of_family(addrs, families).map(|known| known.at).max()
}

fn of_family(addrs: &[Dated], family: Families) -> impl Iterator<Item = &Dated> {
    addrs.iter().filter(move |known| known.is_of(family))
}

/// The families that nothing was heard of. A part without addresses does not say of which it is.
fn unheard_of(heard: &[Dated]) -> Option<Families> {
    let [ipv6, ipv4] = FAMILIES.map(|family| latest(heard, family));
    match (ipv6, ipv4) {
        (None, None) => Some(Families::Both),
        (None, Some(_)) => Some(Families::OnlyIpv6),
        (Some(_), None) => Some(Families::OnlyIpv4),
        (Some(_), Some(_)) => None,
    }
}

/// IPv6 first, as it would go in the race (RFC 8305 §3).
const FAMILIES: [Families; 2] = [Families::OnlyIpv6, Families::OnlyIpv4];
