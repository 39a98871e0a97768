//! Whether there is IPv6 to test with.

use std::net::{Ipv6Addr, TcpListener};

/// Whether this machine has an IPv6 loopback address, which many containers lack.
///
/// A test that needs one has nothing to test without, and returns:
///
/// ```
/// # fn a_server_on_ipv6_is_reached() {
/// if !postrider_testing::has_ipv6() {
///     return;
/// }
/// # }
/// ```
///
/// # Panics
///
/// If there is none, and the environment variable `REQUIRE_IPV6` is set: where all tests are meant to
/// be run, none is to be passed over unnoticed.
#[must_use]
pub fn has_ipv6() -> bool {
    let has_it = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    assert!(
        has_it || std::env::var_os("REQUIRE_IPV6").is_none(),
        "this machine has no IPv6 loopback address, and REQUIRE_IPV6 is set"
    );
    has_it
}
