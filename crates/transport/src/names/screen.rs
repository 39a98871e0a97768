use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Answers;
use crate::endpoint::Endpoint;
use crate::error::{ConnectErrorKind, Failure, Phase};
use crate::eyeballs::{Batch, Supply};
use crate::guard::guarded_call;

pub(crate) type AddressFilter = Arc<dyn Fn(&Endpoint, IpAddr) -> bool + Send + Sync>;

/// The families of addresses that may be used.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Families {
    #[default]
    Both,
    OnlyIpv4,
    OnlyIpv6,
    Neither,
}

/// Which addresses of an endpoint may be tried.
pub(super) struct Screen<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) families: Families,
    pub(super) filter: Option<&'a AddressFilter>,
}

impl Screen<'_> {
    /// The address with its port, if it may be tried.
    pub(super) fn admit(&self, addr: SocketAddr) -> Result<SocketAddr, Failure> {
        self.judge(addr)
            .map_err(|kind| Failure::new(kind, Phase::Resolve))
    }

    /// Those that may be tried. Where there are none, the filter's verdict says more than a
    /// family's.
    fn admit_all(&self, addrs: Vec<SocketAddr>) -> Batch {
        let mut admitted = Vec::with_capacity(addrs.len());
        let mut verdict = ConnectErrorKind::NoAddress;
        for addr in addrs {
            match self.judge(addr) {
                Ok(addr) => admitted.push(addr),
                Err(ConnectErrorKind::NoAddress) => {}
                Err(kind) => verdict = kind,
            }
        }
        if admitted.is_empty() {
            return Err(Failure::new(verdict, Phase::Resolve));
        }
        Ok(admitted)
    }

    fn judge(&self, mut addr: SocketAddr) -> Result<SocketAddr, ConnectErrorKind> {
        if !self.families.admit(&addr) {
            return Err(ConnectErrorKind::NoAddress);
        }
        if let Some(filter) = self.filter {
            let passes = guarded_call(|| filter(self.endpoint, addr.ip()));
            if !passes.map_err(|_| ConnectErrorKind::Panicked)? {
                return Err(ConnectErrorKind::AddressRefused);
            }
        }
        if addr.port() == 0 {
            addr.set_port(self.endpoint.port);
        }
        Ok(addr)
    }
}

impl Families {
    /// Those that can be reached from a local address.
    pub(crate) fn reached_from(self, local: Option<IpAddr>) -> Self {
        match local {
            Some(IpAddr::V4(_)) => self.without_ipv6(),
            Some(IpAddr::V6(_)) => self.without_ipv4(),
            None => self,
        }
    }

    fn without_ipv4(self) -> Self {
        match self {
            Self::Both | Self::OnlyIpv6 => Self::OnlyIpv6,
            Self::OnlyIpv4 | Self::Neither => Self::Neither,
        }
    }

    fn without_ipv6(self) -> Self {
        match self {
            Self::Both | Self::OnlyIpv4 => Self::OnlyIpv4,
            Self::OnlyIpv6 | Self::Neither => Self::Neither,
        }
    }

    fn admit(self, addr: &SocketAddr) -> bool {
        match self {
            Self::Both => true,
            Self::OnlyIpv4 => addr.is_ipv4(),
            Self::OnlyIpv6 => addr.is_ipv6(),
            Self::Neither => false,
        }
    }
}

/// Answers of which only admitted addresses pass.
pub(crate) struct Screened {
    pub(super) answers: Answers,
    pub(super) endpoint: Endpoint,
    pub(super) families: Families,
    pub(super) filter: Option<AddressFilter>,
}

impl Screened {
    fn screen(&self) -> Screen<'_> {
        Screen {
            endpoint: &self.endpoint,
            families: self.families,
            filter: self.filter.as_ref(),
        }
    }
}

impl Supply for Screened {
    async fn next(mut self) -> Option<(Self, Batch)> {
        let batch = match self.answers.next().await? {
            Ok(addrs) => self.screen().admit_all(addrs),
            Err(error) => Err(Failure::resolving(error)),
        };
        Some((self, batch))
    }
}
