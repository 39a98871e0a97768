//! Which full names a short one may stand for, tried in step by both families.

use std::io;
use std::net::SocketAddr;

use hickory_resolver::proto::rr::Name;
use tokio::sync::watch;

use crate::error::{Nothing, no_such_name};

/// The rules by which a short name stands for several full ones: those of `resolv.conf`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchList {
    pub(crate) domains: Vec<Name>,
    /// A name with so many dots is tried as it is first.
    pub(crate) ndots: usize,
}

impl SearchList {
    /// The full names to try, in this order. None if it is no DNS name at all.
    pub(crate) fn names(&self, name: &str) -> Vec<Name> {
        // Escapes, which `from_ascii` knows, have no place in a host's name.
        let parsed = Name::from_ascii(name).ok();
        let Some(short) = parsed.filter(|_| !name.contains('\\')) else {
            return Vec::new();
        };
        let mut names = Vec::new();
        if !short.is_fqdn() && !is_localhost(name) {
            let below = |domain: &Name| short.clone().append_domain(domain).ok();
            names.extend(self.domains.iter().filter_map(below));
        }
        let dots = name.bytes().filter(|byte| *byte == b'.').count();
        let place = if dots >= self.ndots { 0 } else { names.len() };
        names.insert(place, short);
        for name in &mut names {
            name.set_fqdn(true);
        }
        names
    }
}

/// RFC 6761 §6.3: `localhost` and what is below it is never searched for.
fn is_localhost(name: &str) -> bool {
    let last = name.rsplit('.').next();
    last.is_some_and(|label| label.eq_ignore_ascii_case("localhost"))
}

/// How far the search of one family has come.
#[derive(Clone, Copy, Debug, Default)]
struct Standing {
    /// How many names had no address of it.
    passed: usize,
    is_over: bool,
}

/// The search of one family, in step with that of the other: a name is passed over only if it has
/// no address of either, so that never two names are mixed in one answer.
pub(crate) struct Search {
    mine: watch::Sender<Standing>,
    theirs: watch::Receiver<Standing>,
}

impl Search {
    /// The two sides of one search.
    pub(crate) fn pair() -> [Self; 2] {
        let (one, of_one) = watch::channel(Standing::default());
        let (other, of_other) = watch::channel(Standing::default());
        [
            Self {
                mine: one,
                theirs: of_other,
            },
            Self {
                mine: other,
                theirs: of_one,
            },
        ]
    }

    /// A search of one family, with no other to keep step with.
    pub(crate) fn alone() -> Self {
        let (mine, _) = watch::channel(Standing::default());
        // It has passed over whatever this one will.
        let (_, theirs) = watch::channel(Standing {
            passed: usize::MAX,
            is_over: true,
        });
        Self { mine, theirs }
    }

    /// Asks for one name after another until one of them is the right one.
    ///
    /// A failure is remembered, and told if no later name has an answer; silence ends the search,
    /// since every further name would cost as much time again.
    pub(crate) async fn run<Asked>(
        mut self,
        names: Vec<Name>,
        ask: impl Fn(Name) -> Asked,
    ) -> io::Result<Vec<SocketAddr>>
    where
        Asked: Future<Output = Result<Vec<SocketAddr>, Nothing>>,
    {
        let mut verdict = Nothing::NoName;
        let mut names = names.into_iter();
        let mut next = names.next();
        let mut passed = 0;
        while let Some(name) = next {
            match ask(name).await {
                Ok(addrs) => return Ok(addrs),
                Err(Nothing::Failed(error)) if error.kind() == io::ErrorKind::TimedOut => {
                    return Err(error);
                }
                Err(nothing) => verdict = verdict.and(nothing),
            }
            passed += 1;
            next = names.next();
            if next.is_some() && !self.both_passed(passed).await {
                break;
            }
        }
        match verdict {
            Nothing::NoName => Err(no_such_name()),
            Nothing::NoAddress => Ok(Vec::new()),
            Nothing::Failed(error) => Err(error),
        }
    }

    /// Waits until the other family has passed as many names; `false` if it stopped before.
    async fn both_passed(&mut self, passed: usize) -> bool {
        self.mine.send_modify(|mine| mine.passed = passed);
        let is_told = |theirs: &Standing| theirs.passed >= passed || theirs.is_over;
        let theirs = self.theirs.wait_for(is_told).await;
        theirs.is_ok_and(|theirs| theirs.passed >= passed)
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.mine.send_modify(|mine| mine.is_over = true);
    }
}

#[cfg(test)]
mod tests;
