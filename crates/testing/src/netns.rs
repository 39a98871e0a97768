//! Networks of a test's own, with faults that loopback has not. Needs Linux, root, `unshare` and
//! `ip`; what is missing fails the test.
//!
//! A test that needs one is two: one that is run as any other and calls [`run_apart`], and an
//! ignored one that it names, which runs in a process with a network of its own.
//!
//! ```no_run
//! #[test]
//! fn a_black_hole_is_given_up() {
//!     postrider_testing::netns::run_apart("a_black_hole_is_given_up_inside");
//! }
//!
//! #[test]
//! #[ignore = "run by the test above, on a network of its own"]
//! fn a_black_hole_is_given_up_inside() {
//!     postrider_testing::netns::lay_cable();
//!     // Connect to `postrider_testing::netns::IPV4_BLACK_HOLE`.
//! }
//! ```

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Runs an ignored test of this program, by its whole name, on a network of its own. There is
/// loopback, and whoever asks the system for a name asks a name server at 127.0.0.1:53, where
/// [`Forwarder`] can stand.
///
/// # Panics
///
/// If the test fails, or there is none of that name.
pub fn run_apart(test: &str) {
    let mut command = Command::new("unshare");
    command.args(["--net", "--mount", "sh", "-c", IN_THERE, "sh"]);
    let inside = this_test(&mut command, test).output();
    let inside = inside.unwrap_or_else(|error| panic!("unshare: {error}"));
    let told = String::from_utf8_lossy(&inside.stdout) + String::from_utf8_lossy(&inside.stderr);
    assert!(
        inside.status.success() && told.contains("1 passed"),
        "{told}"
    );
}

const IN_THERE: &str = "
    set -e
    ip link set lo up
    mount -t tmpfs none /mnt
    echo nameserver 127.0.0.1 >/mnt/resolv.conf
    mount --bind /mnt/resolv.conf /etc/resolv.conf
    exec \"$@\"";

/// Has `ip` do what each line says, as `link set lo up`.
///
/// # Panics
///
/// If it does not.
pub fn ip(lines: &[&str]) {
    for line in lines {
        let status = Command::new("ip").args(line.split(' ')).status();
        let is_done = status.is_ok_and(|status| status.success());
        assert!(is_done, "ip {line}");
    }
}

/// Lays a cable of which nobody holds the other end. [`IPV4`] and [`IPV6`] are on this one, and
/// the addresses with faults beyond it.
///
/// # Panics
///
/// If that can't be done.
pub fn lay_cable() {
    ip(&[
        "link add veth0 type veth peer name veth1",
        "link set veth0 up",
        "link set veth1 up",
        "addr add 192.0.2.1/24 dev veth0",
        "addr add 2001:db8::1/64 dev veth0 nodad",
        "addr add fe80::1/64 dev veth0 nodad",
        // Who has a neighbour that is not there sends into the void.
        "neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev veth0 nud permanent",
        "neigh add 2001:db8::9 lladdr 02:00:00:00:00:01 dev veth0 nud permanent",
        "route add unreachable 198.51.100.0/24",
        "route add unreachable 2001:db8:1::/48",
        "route add blackhole 203.0.113.0/24",
        "route add blackhole 2001:db8:2::/48",
    ]);
}

/// Where listeners can stand.
pub const IPV4: &str = "192.0.2.1";
/// Where listeners can stand.
pub const IPV6: &str = "[2001:db8::1]";
/// Where listeners can stand, by the zone `veth0`.
pub const LINK_LOCAL: &str = "fe80::1";
/// Takes what is sent to it, and never answers.
pub const IPV4_BLACK_HOLE: &str = "192.0.2.9:80";
/// Takes what is sent to it, and never answers.
pub const IPV6_BLACK_HOLE: &str = "[2001:db8::9]:80";
/// Ought to be on the cable, and is not: the kernel asks for it for three seconds.
pub const IPV4_WITHOUT_NEIGHBOUR: &str = "192.0.2.50:80";
/// Ought to be on the cable, and is not: the kernel asks for it for three seconds.
pub const IPV6_WITHOUT_NEIGHBOUR: &str = "[2001:db8::50]:80";
/// The kernel knows that it can't be reached.
pub const IPV4_WITHOUT_ROUTE: &str = "198.51.100.1:80";
/// The kernel knows that it can't be reached.
pub const IPV6_WITHOUT_ROUTE: &str = "[2001:db8:1::1]:80";
/// Behind a blackhole route: the kernel knows of that, and refuses at once.
pub const IPV4_BLACKHOLE_ROUTE: &str = "203.0.113.1:80";
/// Behind a blackhole route: the kernel knows of that, and refuses at once.
pub const IPV6_BLACKHOLE_ROUTE: &str = "[2001:db8:2::1]:80";

/// The peer at the other end of a cable of its own, on a network of its own, which can vanish. It
/// ends with this value.
#[derive(Debug)]
pub struct FarEnd(Child);

impl FarEnd {
    /// Where it listens.
    pub const ADDR: SocketAddr =
        SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(198, 18, 0, 2), 80));

    /// Runs an ignored test of this program as the peer, and returns when it listens.
    ///
    /// That test calls [`arrive`](Self::arrive), listens at [`ADDR`](Self::ADDR), and goes on for
    /// ever.
    ///
    /// # Panics
    ///
    /// If it does not listen after ten seconds.
    #[must_use]
    pub fn start(test: &str) -> Self {
        ip(&["link add veth2 type veth peer name veth3"]);
        let mut command = Command::new("unshare");
        let peer = this_test(command.arg("--net"), test).spawn();
        let peer = Self(peer.unwrap_or_else(|error| panic!("unshare: {error}")));
        let its = format!("/proc/{}/ns/net", peer.0.id());
        let ours = fs::read_link("/proc/self/ns/net").ok();
        until("the peer is apart", || {
            fs::read_link(&its).is_ok_and(|its| Some(its) != ours)
        });
        ip(&[
            &format!("link set veth3 netns {}", peer.0.id()),
            "addr add 198.18.0.1/30 dev veth2",
            "link set veth2 up",
        ]);
        until("the peer listens", || is_listening(Self::ADDR));
        peer
    }

    /// Called by the peer: takes up its end of the cable.
    ///
    /// # Panics
    ///
    /// If there is none after ten seconds.
    pub fn arrive() {
        until("there is a cable", || {
            let shown = Command::new("ip").args(["link", "show", "veth3"]).output();
            shown.is_ok_and(|shown| shown.status.success())
        });
        ip(&["addr add 198.18.0.2/30 dev veth3", "link set veth3 up"]);
    }

    /// What is sent to it is from now on for somebody who is not there.
    ///
    /// # Panics
    ///
    /// If that can't be done.
    pub fn vanish(&self) {
        ip(&["neigh replace 198.18.0.2 lladdr 02:00:00:00:00:01 dev veth2 nud permanent"]);
    }
}

impl Drop for FarEnd {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// dnsmasq, as it stands in homes and on machines of developers, at 127.0.0.1:53. It ends with
/// this value.
#[derive(Debug)]
pub struct Forwarder(Child);

impl Forwarder {
    /// Starts it, and returns when it listens. It asks nobody but `upstream`.
    ///
    /// # Panics
    ///
    /// If it does not listen after ten seconds.
    #[must_use]
    pub fn start(upstream: SocketAddr) -> Self {
        let dnsmasq = Command::new("dnsmasq")
            .args(["--keep-in-foreground", "--conf-file=/dev/null"])
            .args(["--no-resolv", "--no-hosts", "--pid-file", "--user=root"])
            .args(["--bind-interfaces", "--listen-address=127.0.0.1"])
            .arg(format!("--server={}#{}", upstream.ip(), upstream.port()))
            .spawn();
        let started = Self(dnsmasq.unwrap_or_else(|error| panic!("dnsmasq: {error}")));
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, 53));
        until("dnsmasq listens", || is_listening(addr));
        started
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        end(&mut self.0);
    }
}

/// Nothing can be done if it has ended by itself.
fn end(process: &mut Child) {
    let _ = process.kill();
    let _ = process.wait();
}

fn this_test<'a>(command: &'a mut Command, test: &str) -> &'a mut Command {
    let this = std::env::current_exe().unwrap_or_else(|error| panic!("this program: {error}"));
    command
        .arg(this)
        .args(["--exact", "--ignored", test, "--nocapture"])
}

fn is_listening(addr: SocketAddr) -> bool {
    TcpStream::connect_timeout(&addr, Duration::from_millis(200)).is_ok()
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "not so: {what}");
        sleep(Duration::from_millis(5));
    }
}
