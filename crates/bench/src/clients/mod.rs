//! The clients, a module each. All send the same request, with `host` and `accept: */*`, and read
//! the whole body in the same form: into one piece of memory, or piece by piece.

mod bare;
pub(crate) mod connect;
mod framing;
#[cfg(feature = "peers")]
mod hyper;
#[cfg(feature = "peers")]
pub(crate) mod hyper_util;
#[cfg(feature = "peers")]
mod incoming;
mod outgoing;
pub(crate) mod outside;
pub(crate) mod postrider;
#[cfg(feature = "peers")]
pub(crate) mod reqwest;
#[cfg(test)]
mod tests;
#[cfg(feature = "peers")]
mod ureq;

use crate::Failure;
use crate::load::Load;
use crate::probe::Sample;

/// A client and how it is set up.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    /// Its settings, for the report.
    pub(crate) settings: &'static str,
    pub(crate) run: fn(&Load) -> Result<Sample, Failure>,
}

/// Every client of this program, as the table lists them.
pub(crate) const ALL: &[Client] = &[
    bare::CLIENT,
    postrider::CLIENT,
    #[cfg(feature = "peers")]
    hyper::CLIENT,
    #[cfg(feature = "peers")]
    hyper_util::CLIENT,
    #[cfg(feature = "peers")]
    reqwest::CLIENT,
    #[cfg(feature = "peers")]
    ureq::CLIENT,
];

/// Takes part only where a scenario names it.
#[cfg(feature = "peers")]
const APART: &[Client] = &[reqwest::RETRYING];
#[cfg(not(feature = "peers"))]
const APART: &[Client] = &[];

pub(crate) fn find(name: &str) -> Option<&'static Client> {
    let outside = outside::ALL.iter().map(|outside| &outside.client);
    ALL.iter()
        .chain(APART)
        .chain(outside)
        .find(|client| client.name == name)
}
