use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::Answers;
use crate::endpoint::Endpoint;
use crate::error::{ConnectErrorKind, Failure, Phase};
use crate::eyeballs::{Batch, Supply};

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
pub(crate) struct Screen {
    endpoint: Endpoint,
    families: Families,
    filter: Option<AddressFilter>,
}

impl Screen {
    pub(crate) fn new(
        endpoint: Endpoint,
        families: Families,
        filter: Option<AddressFilter>,
    ) -> Self {
        Self {
            endpoint,
            families,
            filter,
        }
    }

    fn admit(&self, addrs: Vec<SocketAddr>) -> Batch {
        let of_family: Vec<_> = addrs
            .into_iter()
            .filter(|addr| self.families.admit(addr))
            .collect();
        if of_family.is_empty() {
            return Err(Failure::new(ConnectErrorKind::NoAddress, Phase::Resolve));
        }
        let admitted: Vec<_> = of_family
            .into_iter()
            .filter(|addr| self.passes_filter(addr.ip()))
            .map(|addr| self.with_port(addr))
            .collect();
        if admitted.is_empty() {
            return Err(Failure::new(
                ConnectErrorKind::AddressRefused,
                Phase::Resolve,
            ));
        }
        Ok(admitted)
    }

    fn passes_filter(&self, ip: IpAddr) -> bool {
        match &self.filter {
            Some(filter) => filter(&self.endpoint, ip),
            None => true,
        }
    }

    fn with_port(&self, mut addr: SocketAddr) -> SocketAddr {
        if addr.port() == 0 {
            addr.set_port(self.endpoint.port);
        }
        addr
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
    answers: Answers,
    screen: Screen,
}

impl Screened {
    pub(crate) fn new(answers: Answers, screen: Screen) -> Self {
        Self { answers, screen }
    }
}

impl Supply for Screened {
    async fn next(mut self) -> Option<(Self, Batch)> {
        let batch = match self.answers.next().await? {
            Ok(addrs) => self.screen.admit(addrs),
            Err(error) => Err(Failure::resolving(error)),
        };
        Some((self, batch))
    }
}
