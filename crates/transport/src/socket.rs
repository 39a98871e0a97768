//! TCP sockets: how they are set up, and what is wrong with those that don't connect.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpSocket, TcpStream};

use crate::guard::guarded_call;
use crate::interface::no_such_interface;
use crate::options::ConnectOptions;

/// How often the kernel asks an idle peer whether it still lives.
///
/// This finds peers that vanished while nothing is being sent. Data that is on its way and never
/// acknowledged is bounded by the user timeout instead.
///
/// What the system cannot take is brought to the nearest that it can: times are rounded up to
/// whole seconds and kept within 1 to 32,767 of them, probes within 1 to 127.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long the connection is silent before the first question.
    pub idle: Duration,
    /// From one unanswered question to the next.
    pub interval: Duration,
    /// After how many of them the connection is given up.
    pub probes: u32,
}

impl Keepalive {
    /// Names the three values.
    pub fn new(idle: Duration, interval: Duration, probes: u32) -> Self {
        Self {
            idle,
            interval,
            probes,
        }
    }

    /// As the system can take it.
    fn bounded(self) -> TcpKeepalive {
        let bounded = |time| in_whole(SECOND, time).clamp(SECOND, LONGEST_KEEPALIVE);
        TcpKeepalive::new()
            .with_time(bounded(self.idle))
            .with_interval(bounded(self.interval))
            .with_retries(self.probes.clamp(1, MOST_PROBES))
    }
}

const SECOND: Duration = Duration::from_secs(1);

// Linux refuses more, and what is less than one unit: `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL` and
// `MAX_TCP_KEEPCNT` of its include/net/tcp.h.
const LONGEST_KEEPALIVE: Duration = Duration::from_secs(32_767);
const MOST_PROBES: u32 = 127;

/// Rounds up, since less than was asked for could give a good connection up.
fn in_whole(unit: Duration, time: Duration) -> Duration {
    let units = time.as_nanos().div_ceil(unit.as_nanos());
    unit.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX))
}

/// How TCP sockets are set up before they connect.
#[derive(Clone)]
pub(crate) struct SocketOptions {
    pub(crate) nodelay: bool,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) user_timeout: Option<Duration>,
    pub(crate) local_address: Option<IpAddr>,
    pub(crate) interface: Option<Box<str>>,
    pub(crate) send_buffer: Option<u32>,
    pub(crate) receive_buffer: Option<u32>,
    pub(crate) hook: Option<SocketHook>,
}

pub(crate) type SocketHook = Arc<dyn Fn(&TcpSocket, SocketAddr) -> io::Result<()> + Send + Sync>;

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            keepalive: None,
            user_timeout: None,
            local_address: None,
            interface: None,
            send_buffer: None,
            receive_buffer: None,
            hook: None,
        }
    }
}

impl SocketOptions {
    /// Connects a socket to an address. Options of the endpoint's own come before these. The
    /// socket is made at once, and connected when the future is polled.
    pub(crate) fn connect(
        &self,
        addr: SocketAddr,
        own: Option<&ConnectOptions>,
    ) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
        let socket = self.open(addr, own);
        async move {
            let connected = socket?.connect(addr).await;
            let socket = connected.map_err(|error| in_words(error, addr))?;
            not_to_itself(socket, addr).map(|(socket, _)| socket)
        }
    }

    /// Where connections to the endpoint come from. An IPv4 address that is mapped into IPv6 is
    /// what it is, as that of a peer is.
    pub(crate) fn local_address(&self, own: Option<&ConnectOptions>) -> Option<IpAddr> {
        let given = own.and_then(|own| own.local_address).or(self.local_address);
        given.map(|ip| ip.to_canonical())
    }

    /// Makes a socket that is ready to be connected to an address.
    pub(crate) fn open(
        &self,
        addr: SocketAddr,
        own: Option<&ConnectOptions>,
    ) -> io::Result<TcpSocket> {
        let socket = match addr {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        self.apply(&socket, own)?;
        if let Some(hook) = &self.hook {
            guarded_call(|| hook(&socket, addr))??;
        }
        // After the hook: by then it is decided how the port is taken.
        self.bind(&socket, own)?;
        Ok(socket)
    }

    fn apply(&self, socket: &TcpSocket, own: Option<&ConnectOptions>) -> io::Result<()> {
        socket.set_nodelay(self.nodelay)?;
        if let Some(keepalive) = &self.keepalive {
            SockRef::from(socket).set_tcp_keepalive(&keepalive.bounded())?;
        }
        if let Some(timeout) = self.user_timeout {
            set_user_timeout(socket, timeout)?;
        }
        if let Some(size) = self.send_buffer {
            socket.set_send_buffer_size(size)?;
        }
        if let Some(size) = self.receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        let own_interface = own.and_then(|own| own.interface.as_deref());
        if let Some(interface) = own_interface.or(self.interface.as_deref()) {
            bind_device(socket, interface)?;
        }
        Ok(())
    }

    fn bind(&self, socket: &TcpSocket, own: Option<&ConnectOptions>) -> io::Result<()> {
        let Some(ip) = self.local_address(own) else {
            return Ok(());
        };
        // The system's words alone would seem to be about the address that is connected to.
        socket.bind(SocketAddr::new(ip, 0)).map_err(|error| {
            let words = format!("cannot connect from the local address {ip}: {error}");
            io::Error::new(error.kind(), words)
        })
    }
}

/// What connecting to an address failed of; the system's words for a missing zone explain nothing,
/// nor does its kind: by that of an unreachable network, the error's text would be no more than
/// that.
pub(crate) fn in_words(error: io::Error, addr: SocketAddr) -> io::Error {
    let SocketAddr::V6(six) = addr else {
        return error;
    };
    let is_without_zone = six.ip().is_unicast_link_local() && six.scope_id() == 0;
    if is_without_zone && ZONE_MISSING.contains(&error.kind()) {
        let words = "a link-local address needs a zone, as in [fe80::1%eth0]";
        return io::Error::new(io::ErrorKind::InvalidInput, words);
    }
    let is_unreachable = matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable
    );
    if is_unreachable && six.scope_id() != 0 && !has_interface(six) {
        return no_such_interface(&six.scope_id().to_string());
    }
    error
}

/// Gives a connected socket with its own address, if that is another one than the peer's.
///
/// Where nobody listens at a port of this machine that the kernel gives to clients, it may give just
/// that one to the socket, which then connects to itself (RFC 9293 §3.5): it would echo what is sent
/// to it, and keep the port from the server that is to listen there.
pub(crate) fn not_to_itself(
    socket: TcpStream,
    peer: SocketAddr,
) -> io::Result<(TcpStream, Option<SocketAddr>)> {
    let local = socket.local_addr().ok();
    // Asked by way of `0.0.0.0` or `::`, it has not gone to just that address.
    let is_itself = |local: SocketAddr| {
        local.port() == peer.port() && socket.peer_addr().is_ok_and(|it| it.ip() == local.ip())
    };
    if !local.is_some_and(is_itself) {
        return Ok((socket, local));
    }
    // Otherwise the port would stay taken for a minute.
    let _ = socket.set_zero_linger();
    let words = "nobody listens there, it connected to itself";
    Err(io::Error::new(io::ErrorKind::ConnectionRefused, words))
}

/// Whether the interface of the address is there, which Linux says where a socket is bound to it:
/// to any port, as the address's own may be for the privileged only.
#[cfg(any(target_os = "android", target_os = "linux"))]
fn has_interface(mut addr: SocketAddrV6) -> bool {
    addr.set_port(0);
    let bound = std::net::UdpSocket::bind(addr);
    !matches!(bound, Err(error) if error.raw_os_error() == Some(NO_SUCH_DEVICE))
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn has_interface(_: SocketAddrV6) -> bool {
    true
}

/// What Linux says, to sockets that are bound to no interface: one is as good as a zone.
#[cfg(any(target_os = "android", target_os = "linux"))]
const ZONE_MISSING: [io::ErrorKind; 1] = [io::ErrorKind::InvalidInput];

/// What other systems say, who look for a route first.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
const ZONE_MISSING: [io::ErrorKind; 4] = [
    io::ErrorKind::InvalidInput,
    io::ErrorKind::HostUnreachable,
    io::ErrorKind::NetworkUnreachable,
    io::ErrorKind::AddrNotAvailable,
];

#[cfg(any(target_os = "android", target_os = "linux"))]
fn set_user_timeout(socket: &TcpSocket, timeout: Duration) -> io::Result<()> {
    const MILLISECOND: Duration = Duration::from_millis(1);
    // The system counts in a signed number of 32 bits, and takes zero for no limit at all.
    const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);

    let timeout = in_whole(MILLISECOND, timeout).clamp(MILLISECOND, LONGEST);
    SockRef::from(socket).set_tcp_user_timeout(Some(timeout))
}

/// Only Linux knows it.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn set_user_timeout(_: &TcpSocket, _: Duration) -> io::Result<()> {
    Ok(())
}

#[cfg(any(target_os = "android", target_os = "linux"))]
fn bind_device(socket: &TcpSocket, interface: &str) -> io::Result<()> {
    // Linux binds to no interface at all by an empty name, and looks at 15 bytes up to a NUL.
    let can_exist = (1..=15).contains(&interface.len()) && !interface.contains('\0');
    if !can_exist {
        return Err(no_such_interface(interface));
    }
    let bound = SockRef::from(socket).bind_device(Some(interface.as_bytes()));
    bound.map_err(|error| match error.raw_os_error() {
        Some(NO_SUCH_DEVICE) => no_such_interface(interface),
        // Before Linux 5.7 it was a privilege.
        _ => {
            let words = format!("cannot connect through the interface {interface:?}: {error}");
            io::Error::new(error.kind(), words)
        }
    })
}

/// ENODEV.
#[cfg(any(target_os = "android", target_os = "linux"))]
const NO_SUCH_DEVICE: i32 = 19;

/// To go on without it could leak traffic to another network.
#[cfg(not(any(target_os = "android", target_os = "linux")))]
fn bind_device(_: &TcpSocket, _: &str) -> io::Result<()> {
    let words = "connecting through a given interface is known on Linux only";
    Err(io::Error::new(io::ErrorKind::Unsupported, words))
}

impl fmt::Debug for SocketOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOptions")
            .field("nodelay", &self.nodelay)
            .field("keepalive", &self.keepalive)
            .field("user_timeout", &self.user_timeout)
            .field("local_address", &self.local_address)
            .field("interface", &self.interface)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(addr: &str, kind: io::ErrorKind) -> String {
        in_words(kind.into(), addr.parse().unwrap()).to_string()
    }

    #[test]
    fn a_missing_zone_is_told_whatever_the_system_makes_of_it() {
        for kind in ZONE_MISSING {
            assert_eq!(
                words("[fe80::1]:80", kind),
                "a link-local address needs a zone, as in [fe80::1%eth0]"
            );
        }
    }

    #[test]
    fn what_is_not_for_want_of_a_zone_keeps_its_words() {
        let unreachable = io::ErrorKind::HostUnreachable;
        for addr in ["[fe80::1%1]:80", "[2001:db8::1]:80", "192.0.2.1:80"] {
            assert_eq!(words(addr, unreachable), "host unreachable");
        }
        let refused = io::ErrorKind::ConnectionRefused;
        assert_eq!(words("[fe80::1]:80", refused), "connection refused");
    }

    #[test]
    #[cfg(any(target_os = "android", target_os = "linux"))]
    fn linux_looks_for_no_route_without_a_zone_but_by_a_bound_interface() {
        for (kind, text) in [
            (io::ErrorKind::HostUnreachable, "host unreachable"),
            (io::ErrorKind::NetworkUnreachable, "network unreachable"),
            (io::ErrorKind::AddrNotAvailable, "address not available"),
        ] {
            assert_eq!(words("[fe80::1]:80", kind), text);
        }
    }
}
