//! What one client process has to do.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http::Uri;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::cpu::Cores;
use crate::probe::Quantity;

/// So many requests, so many at a time; told to the child as JSON.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Load {
    pub(crate) addr: SocketAddr,
    pub(crate) road: Road,
    pub(crate) path: String,
    pub(crate) action: Action,
    pub(crate) keeping: Keeping,
    /// Bytes that every response's body must have.
    pub(crate) body: u64,
    /// Over how many loopback addresses the requests are spread; 1 is `addr` alone.
    pub(crate) origins: usize,
    /// Requests before the measured ones: they open the connections and touch the memory.
    pub(crate) warm_up: usize,
    pub(crate) requests: usize,
    pub(crate) in_flight: usize,
    /// Worker threads of the runtime; 1 is the runtime of one thread.
    pub(crate) threads: usize,
    pub(crate) cores: Cores,
    pub(crate) copies: Copies,
    pub(crate) quantity: Quantity,
}

/// How the client's C library copies memory.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum Copies {
    AsItLikes,
    /// See METHOD in `publish/page.rs`. Other libraries than glibc do not know the variable.
    WithoutRepMovsb,
}

impl Copies {
    /// For the client's process.
    pub(crate) fn environment(self) -> Option<(&'static str, &'static str)> {
        const NEVER: &str = "glibc.cpu.x86_rep_movsb_threshold=268435456";
        match self {
            Self::AsItLikes => None,
            Self::WithoutRepMovsb => Some(("GLIBC_TUNABLES", NEVER)),
        }
    }
}

/// What lies between client and server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Road {
    Tcp,
    /// TLS 1.3. The certificate, in DER, is the only one to trust.
    Tls {
        certificate: Vec<u8>,
    },
}

/// What each request is, and how its response is read.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Action {
    /// GET, the body into one piece of memory; the bare socket uses that piece again.
    Get,
    /// GET, the body into one piece of memory that is new for everyone.
    Collect,
    /// GET, the body read piece by piece, and each piece dropped.
    Stream,
    /// As `Stream`; the pieces tell when they were sent.
    Tokens,
    /// POST of a small JSON document, the answer read as by `Get`.
    Post,
    /// PUT of so many bytes, known beforehand, piece by piece.
    Upload { bytes: u64 },
}

/// What becomes of a connection after the answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) enum Keeping {
    Kept,
    /// The server says `Connection: close`, and the next request needs another.
    Fresh,
}

impl Load {
    pub(crate) fn url(&self, origin: usize) -> String {
        let scheme = match self.road {
            Road::Tcp => "http",
            Road::Tls { .. } => "https",
        };
        format!("{scheme}://{}{}", self.origin(origin), self.path)
    }

    /// One for each origin.
    pub(crate) fn uris(&self) -> Result<Arc<[Uri]>, Failure> {
        (0..self.origins)
            .map(|origin| Ok(self.url(origin).parse()?))
            .collect()
    }

    /// Where an origin listens: all of 127.0.0.0/8 is this machine.
    pub(crate) fn origin(&self, number: usize) -> SocketAddr {
        let byte = |number: usize| u8::try_from(number % 250 + 1).unwrap_or(1);
        match self.origins {
            1 => self.addr,
            _ => {
                let ip = Ipv4Addr::new(127, 0, byte(number / 250), byte(number));
                (ip, self.addr.port()).into()
            }
        }
    }

    pub(crate) fn runtime(&self) -> Result<Runtime, Failure> {
        let mut builder = match self.threads {
            1 => Builder::new_current_thread(),
            _ => Builder::new_multi_thread(),
        };
        Ok(builder.worker_threads(self.threads).enable_all().build()?)
    }
}

impl Action {
    /// Whether the response is read piece by piece.
    pub(crate) fn is_piecewise(self) -> bool {
        matches!(self, Self::Stream | Self::Tokens)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::drive::tests::load;
    use crate::load::{Load, Road};

    #[test]
    fn every_origin_has_an_address_of_its_own() {
        let load = Load {
            origins: 1000,
            ..load()
        };
        let addrs: HashSet<_> = (0..1000).map(|origin| load.origin(origin)).collect();
        assert_eq!(addrs.len(), 1000);
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback()));
    }

    #[test]
    fn the_road_is_the_urls_scheme() {
        let certificate = Vec::new();
        let tls = Load {
            road: Road::Tls { certificate },
            ..load()
        };
        assert_eq!(load().url(0), "http://127.0.0.1:8080/small");
        assert_eq!(tls.url(0), "https://127.0.0.1:8080/small");
    }
}
