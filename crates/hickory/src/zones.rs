//! Sockets that reach name servers with link-local addresses.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hickory_resolver::net::runtime::{
    DnsUdpSocket, QuicSocketBinder, RuntimeProvider, TokioHandle, TokioRuntimeProvider, TokioTime,
};

/// The zones of name servers with link-local addresses, as routers at home have them.
///
/// hickory keeps addresses without them. So an address has one zone only, the first that was given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Zones(Arc<[(Ipv6Addr, u32)]>);

impl Zones {
    pub(crate) fn of(servers: &[SocketAddr]) -> Self {
        let zoned = servers.iter().filter_map(|server| match server {
            SocketAddr::V6(six) if six.scope_id() != 0 => Some((*six.ip(), six.scope_id())),
            _ => None,
        });
        Self(zoned.collect())
    }

    /// Those that `resolv.conf` names, which hickory drops when it reads it.
    #[cfg(any(unix, windows))]
    pub(crate) fn of_system() -> Self {
        let file = std::fs::read("/etc/resolv.conf").unwrap_or_default();
        Self::of(&zoned_servers(&String::from_utf8_lossy(&file)))
    }

    fn complete(&self, mut server: SocketAddr) -> SocketAddr {
        if let SocketAddr::V6(six) = &mut server
            && let Some((_, zone)) = self.0.iter().find(|(ip, _)| ip == six.ip())
        {
            six.set_scope_id(*zone);
        }
        server
    }
}

/// The name servers with a zone. One whose interface is not there is left out.
#[cfg(any(unix, windows))]
fn zoned_servers(file: &str) -> Vec<SocketAddr> {
    use std::net::ToSocketAddrs;

    let servers = file
        .lines()
        .filter_map(|line| line.strip_prefix("nameserver"));
    servers
        .filter_map(|server| {
            let server = server.split_whitespace().next()?;
            let (ip, _) = server.split_once('%')?;
            // Only the system knows an interface by its name. It asks nobody about an address.
            ip.parse::<Ipv6Addr>().ok()?;
            (server, 53).to_socket_addrs().ok()?.next()
        })
        .collect()
}

/// tokio, with sockets that know the zones of name servers.
#[derive(Clone)]
pub(crate) struct Zoned {
    tokio: TokioRuntimeProvider,
    zones: Zones,
}

impl Zoned {
    pub(crate) fn new(zones: Zones) -> Self {
        Self {
            tokio: TokioRuntimeProvider::default(),
            zones,
        }
    }
}

impl RuntimeProvider for Zoned {
    type Handle = TokioHandle;
    type Timer = TokioTime;
    type Udp = ZonedSocket;
    type Tcp = <TokioRuntimeProvider as RuntimeProvider>::Tcp;

    fn create_handle(&self) -> Self::Handle {
        self.tokio.create_handle()
    }

    fn connect_tcp(
        &self,
        server: SocketAddr,
        local: Option<SocketAddr>,
        limit: Option<Duration>,
    ) -> BoxFuture<Self::Tcp> {
        let server = self.zones.complete(server);
        self.tokio.connect_tcp(server, local, limit)
    }

    fn bind_udp(&self, local: SocketAddr, server: SocketAddr) -> BoxFuture<Self::Udp> {
        let binding = self.tokio.bind_udp(local, server);
        let zones = self.zones.clone();
        Box::pin(async move {
            let socket = binding.await?;
            Ok(ZonedSocket { socket, zones })
        })
    }

    fn quic_binder(&self) -> Option<&dyn QuicSocketBinder> {
        self.tokio.quic_binder()
    }
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

pub(crate) struct ZonedSocket {
    socket: <TokioRuntimeProvider as RuntimeProvider>::Udp,
    zones: Zones,
}

impl DnsUdpSocket for ZonedSocket {
    type Time = TokioTime;

    fn poll_recv_from(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        DnsUdpSocket::poll_recv_from(&self.socket, cx, buf)
    }

    fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        buf: &[u8],
        server: SocketAddr,
    ) -> Poll<io::Result<usize>> {
        let server = self.zones.complete(server);
        DnsUdpSocket::poll_send_to(&self.socket, cx, buf, server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn zones_are_read_from_the_systems_configuration() {
        let file = "# nameserver fe80::1%lo\n\
                    nameserver 192.0.2.53\n\
                    nameserver fe80::1\n\
                    nameserver\tfe80::2%lo # of the router\n\
                    nameserver fe80::3%1\n\
                    nameserver fe80::4%nosuchif0\n\
                    nameserver a.test%lo\n\
                    search lo";
        let servers = zoned_servers(file);
        let expected = ["[fe80::2%1]:53", "[fe80::3%1]:53"].map(|addr| addr.parse().unwrap());
        assert_eq!(servers, expected);
    }

    #[test]
    fn a_server_gets_its_own_zone_and_no_other() {
        let servers = ["[fe80::1%7]:53", "[fe80::2]:53", "192.0.2.53:53"];
        let zones = Zones::of(&servers.map(|addr| addr.parse().unwrap()));
        for (server, completed) in [
            ("[fe80::1]:5353", "[fe80::1%7]:5353"),
            ("[fe80::2]:53", "[fe80::2]:53"),
            ("192.0.2.53:53", "192.0.2.53:53"),
        ] {
            let server = zones.complete(server.parse().unwrap());
            assert_eq!(server, completed.parse().unwrap());
        }
    }
}
