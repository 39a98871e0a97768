//! Which addresses of an answer may be tried.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Answers;
use super::left_out::{LeftOut, Objection};
use super::reach::Reach;
use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::eyeballs::{Batch, Supply};
use crate::guard::guarded_call;

pub(crate) type AddressFilter = Arc<dyn Fn(&Endpoint, IpAddr) -> bool + Send + Sync>;

/// Which addresses of an endpoint may be tried.
pub(super) struct Screen<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) reach: Reach,
    pub(super) filter: Option<&'a AddressFilter>,
}

impl Screen<'_> {
    /// The only address with its port, if it may be tried.
    pub(super) fn admit(&self, addr: SocketAddr) -> Result<SocketAddr, Failure> {
        self.judge(addr).map_err(|objection| {
            let mut left_out = LeftOut::default();
            left_out.note(addr.ip(), objection);
            left_out.failure(self.reach, self.endpoint)
        })
    }

    /// Those that may be tried, and the others noted.
    fn admit_all(&self, addrs: Vec<SocketAddr>, left_out: &mut LeftOut) -> Batch {
        let mut admitted = Vec::with_capacity(addrs.len());
        for addr in addrs {
            match self.judge(addr) {
                Ok(addr) => admitted.push(addr),
                Err(objection) => left_out.note(addr.ip(), objection),
            }
        }
        if admitted.is_empty() {
            return Err(left_out.failure(self.reach, self.endpoint));
        }
        Ok(admitted)
    }

    /// Gives what to dial. An IPv4 address that is mapped into IPv6 (RFC 4291 §2.5.5.2) is reached
    /// by IPv4, and is judged and dialled as what it is.
    fn judge(&self, mut addr: SocketAddr) -> Result<SocketAddr, Objection> {
        addr.set_ip(addr.ip().to_canonical());
        if !self.reach.admits(addr.ip()) {
            return Err(Objection::Family);
        }
        if let Some(filter) = self.filter {
            let passes = guarded_call(|| filter(self.endpoint, addr.ip()));
            if !passes.map_err(|_| Objection::Panicked)? {
                return Err(Objection::Filter);
            }
        }
        if addr.port() == 0 {
            addr.set_port(self.endpoint.port);
        }
        Ok(addr)
    }
}

/// Answers of which only admitted addresses pass.
pub(crate) struct Screened {
    pub(super) answers: Answers,
    pub(super) endpoint: Endpoint,
    pub(super) reach: Reach,
    pub(super) filter: Option<AddressFilter>,
    pub(super) left_out: LeftOut,
}

impl Supply for Screened {
    async fn next(mut self) -> Option<(Self, Batch)> {
        let batch = match self.answers.next().await? {
            Ok(addrs) => {
                let screen = Screen {
                    endpoint: &self.endpoint,
                    reach: self.reach,
                    filter: self.filter.as_ref(),
                };
                screen.admit_all(addrs, &mut self.left_out)
            }
            Err(error) => Err(Failure::resolving(error)),
        };
        Some((self, batch))
    }
}
