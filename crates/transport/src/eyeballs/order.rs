//! Which address is tried next.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;

/// The addresses that are still to be tried, and which comes next.
///
/// RFC 8305 §4 with a First Address Family Count of 1: the resolver's order within each family
/// (it has sorted by RFC 6724), the families taking turns, the family of its first address first.
/// Addresses may come in several batches; no address comes twice.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    ipv6: VecDeque<SocketAddr>,
    ipv4: VecDeque<SocketAddr>,
    turn: Option<Family>,
    known: HashSet<SocketAddr>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Family {
    Ipv6,
    Ipv4,
}

impl Candidates {
    /// Adds a batch at the end. As long as no address was taken, a batch with IPv6 addresses that
    /// comes after one without gives IPv6 the first turn.
    pub(super) fn add(&mut self, batch: Vec<SocketAddr>) {
        let was_untouched = self.known.len() == self.ipv4.len() && self.ipv6.is_empty();
        let is_new = |addr: &SocketAddr| self.known.insert(*addr);
        let batch: Vec<_> = batch.into_iter().filter(is_new).collect();
        if was_untouched && let Some(addr) = batch.first() {
            self.turn = match self.turn {
                None => Some(family(addr)),
                Some(_) if batch.iter().any(SocketAddr::is_ipv6) => Some(Family::Ipv6),
                turn => turn,
            };
        }
        for addr in batch {
            self.queue(family(&addr)).push_back(addr);
        }
    }

    /// Puts addresses back that were taken, to be the next.
    pub(super) fn give_back(&mut self, addrs: Vec<SocketAddr>) {
        for addr in addrs.into_iter().rev() {
            self.queue(family(&addr)).push_front(addr);
        }
    }

    /// Takes the next address, and passes the turn on.
    pub(super) fn take(&mut self) -> Option<SocketAddr> {
        let turn = self.turn.unwrap_or(Family::Ipv6);
        let taken = match self.queue(turn).pop_front() {
            Some(addr) => addr,
            None => self.queue(turn.other()).pop_front()?,
        };
        self.turn = Some(family(&taken).other());
        Some(taken)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ipv6.is_empty() && self.ipv4.is_empty()
    }

    pub(super) fn has_ipv6(&self) -> bool {
        !self.ipv6.is_empty()
    }

    fn queue(&mut self, family: Family) -> &mut VecDeque<SocketAddr> {
        match family {
            Family::Ipv6 => &mut self.ipv6,
            Family::Ipv4 => &mut self.ipv4,
        }
    }
}

impl Family {
    fn other(self) -> Self {
        match self {
            Self::Ipv6 => Self::Ipv4,
            Self::Ipv4 => Self::Ipv6,
        }
    }
}

fn family(addr: &SocketAddr) -> Family {
    match addr {
        SocketAddr::V6(_) => Family::Ipv6,
        SocketAddr::V4(_) => Family::Ipv4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addrs(names: &str) -> Vec<SocketAddr> {
        let addr = |name: &str| match name.split_at(1) {
            ("6", n) => format!("[2001:db8::{n}]:80"),
            (_, n) => format!("192.0.2.{n}:80"),
        };
        names
            .split_whitespace()
            .map(|name| addr(name).parse().unwrap())
            .collect()
    }

    fn drain(candidates: &mut Candidates) -> Vec<SocketAddr> {
        std::iter::from_fn(|| candidates.take()).collect()
    }

    /// The order in which one batch is tried. `61` is the first IPv6 address, `42` the second of
    /// IPv4.
    fn assert_order(batch: &str, expected: &str) {
        let mut candidates = Candidates::default();
        candidates.add(addrs(batch));
        assert_eq!(drain(&mut candidates), addrs(expected));
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        assert_order("61 62 63 41 42 43", "61 41 62 42 63 43");
        assert_order("41 42 61 62", "41 61 42 62");
        assert_order("61 41 42 43", "61 41 42 43");
        assert_order("61 62 63 41", "61 41 62 63");
    }

    #[test]
    fn one_family_keeps_its_order() {
        assert_order("41 42 43", "41 42 43");
        assert_order("61 62", "61 62");
        assert_order("", "");
    }

    #[test]
    fn an_address_that_comes_twice_is_tried_once() {
        assert_order("41 41 61 41 61", "41 61");
    }

    #[test]
    fn ipv6_that_answers_later_goes_first_if_nothing_was_tried() {
        let mut candidates = Candidates::default();
        candidates.add(addrs("41 42"));
        candidates.add(addrs("61 62"));
        assert_eq!(drain(&mut candidates), addrs("61 41 62 42"));
    }

    #[test]
    fn addresses_that_come_while_racing_take_their_turn() {
        let mut candidates = Candidates::default();
        candidates.add(addrs("41 42 43"));
        assert_eq!(candidates.take(), addrs("41").pop());
        candidates.add(addrs("61"));
        assert_eq!(drain(&mut candidates), addrs("61 42 43"));
    }

    #[test]
    fn addresses_given_back_are_the_next_ones() {
        let mut candidates = Candidates::default();
        candidates.add(addrs("61 62 41 42"));
        let taken = vec![candidates.take().unwrap(), candidates.take().unwrap()];
        candidates.give_back(taken);
        assert_eq!(drain(&mut candidates), addrs("61 41 62 42"));
    }
}
