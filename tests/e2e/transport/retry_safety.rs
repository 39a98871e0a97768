//! Which failures to connect are worth another try, and which would be the same.

use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use postrider::ConnectErrorKind::{self as Kind, TimedOut};
use postrider::{Answers, Client, ClientBuilder, ConnectPhase, ErrorKind, TlsErrorKind};
use testing::{Authority, MemoryStream, Script, Server, Tls};

use super::{Asking, always, closed_port, failure, trusting};

#[track_caller]
fn check(told: (Option<Kind>, bool), kind: Kind, is_retry_safe: bool) {
    assert_eq!(told, (Some(kind), is_retry_safe));
}

async fn told(builder: ClientBuilder, url: &str) -> (Option<Kind>, bool) {
    let client = builder.build().unwrap();
    let error = failure(&client, url).await;
    println!("{error}");
    (error.connect_kind(), error.is_retry_safe())
}

fn resolving(answer: impl Fn() -> Answers + Send + Sync + 'static) -> ClientBuilder {
    let resolver = Asking(move |_: &str| answer());
    Client::builder().connector(|it| it.resolver(resolver))
}

/// A network that fails every socket so.
fn failing(kinds: &'static [io::ErrorKind]) -> ClientBuilder {
    let addrs = (1..).map(|n| SocketAddr::from(([127, 0, 0, n], 9)));
    let hook = move |addr: SocketAddr| {
        let IpAddr::V4(ip) = addr.ip() else { panic!() };
        Err(kinds[usize::from(ip.octets()[3]) - 1].into())
    };
    Client::builder()
        .resolve("api.test", addrs.take(kinds.len()))
        .connector(|it| it.socket_hook(move |_, addr| hook(addr)))
}

const URL: &str = "http://api.test/";

#[tokio::test]
async fn a_name_that_is_missing_stays_so_and_a_resolver_that_fails_may_recover() {
    let fails = |kind: io::ErrorKind| {
        resolving(move || Answers::from_lookup(async move { Err(kind.into()) }))
    };
    let missing = fails(io::ErrorKind::NotFound);
    check(told(missing, URL).await, Kind::NameNotFound, false);
    check(
        told(fails(io::ErrorKind::Other), URL).await,
        Kind::Resolve,
        true,
    );
    let phase = ConnectPhase::Resolve;
    let slow = fails(io::ErrorKind::TimedOut);
    check(told(slow, URL).await, TimedOut { phase }, true);
    let panicking = resolving(|| panic!("resolving"));
    check(told(panicking, URL).await, Kind::Panicked, false);
}

#[tokio::test]
async fn an_address_that_may_not_be_used_stays_so_where_it_stands_in_the_url() {
    let six = "http://[::1]/";
    let only_ipv4 = Client::builder().connector(|it| it.only_ipv4());
    check(told(only_ipv4, six).await, Kind::NoAddress, false);
    // A name may lead elsewhere the next time.
    let unanswered = resolving(|| Answers::ready([]));
    check(told(unanswered, URL).await, Kind::NoAddress, true);
    let refusing = Client::builder().connector(|it| it.address_filter(|_, _| false));
    check(told(refusing, six).await, Kind::AddressRefused, false);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interface_or_a_zone_that_is_wrong_stays_so() {
    let none = Client::builder().connector(|it| it.interface("none0"));
    check(
        told(none, "http://127.0.0.1/").await,
        Kind::NoInterface,
        false,
    );
    let zone = told(Client::builder(), "http://[fe80::1%25none0]/");
    check(zone.await, Kind::NoInterface, false);
    // A zone is missing here, and there can be none there.
    check(
        told(Client::builder(), "http://[fe80::1]/").await,
        Kind::Connect,
        false,
    );
    check(
        told(Client::builder(), "http://[::1%251]/").await,
        Kind::Resolve,
        false,
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_interface_without_a_route_may_get_one() {
    if !testing::has_ipv6() {
        return;
    }
    let loopback = Client::builder().connector(|it| it.interface("lo"));
    check(
        told(loopback, "http://[fe80::dead]/").await,
        Kind::Unreachable,
        true,
    );
}

#[cfg(unix)]
#[tokio::test]
async fn what_the_network_fails_of_may_pass() {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, Other, TimedOut as Late};

    check(
        told(failing(&[ConnectionRefused]), URL).await,
        Kind::Refused,
        true,
    );
    check(
        told(failing(&[HostUnreachable]), URL).await,
        Kind::Unreachable,
        true,
    );
    check(told(failing(&[Other]), URL).await, Kind::Connect, true);
    let various = failing(&[Other, io::ErrorKind::InvalidInput]);
    check(told(various, URL).await, Kind::Connect, true);
    let phase = ConnectPhase::Connect;
    check(told(failing(&[Late]), URL).await, TimedOut { phase }, true);
    let panicking = Client::builder().connector(|it| it.socket_hook(|_, _| panic!("at a socket")));
    let url = format!("http://{}/", closed_port());
    check(told(panicking, &url).await, Kind::Panicked, false);
}

#[tokio::test(start_paused = true)]
async fn what_a_connect_function_fails_of_may_pass_unless_it_panics() {
    let failing = Client::builder()
        .connect_with(|_| async { Err::<MemoryStream, _>(io::ErrorKind::Other.into()) });
    check(told(failing, URL).await, Kind::Custom, true);
    let slow = Client::builder().connect_with(|_| pending::<io::Result<MemoryStream>>());
    let phase = ConnectPhase::Connect;
    check(told(slow, URL).await, TimedOut { phase }, true);
    let panicking = Client::builder().connect_with(|_| async {
        if true {
            panic!("connecting")
        }
        Ok(tokio::io::empty())
    });
    check(told(panicking, URL).await, Kind::Panicked, false);
}

#[tokio::test]
async fn what_is_wrong_with_tls_stays_so_but_for_an_end_and_a_timeout() {
    let authority = Authority::new();
    let client = || {
        Client::builder()
            .tls(trusting(&authority).build().unwrap())
            .connector(|it| it.tls_timeout(Duration::from_millis(100)))
    };
    let phase = ConnectPhase::Tls;
    let fatal = |alert: u8| {
        Script::new()
            .read_some()
            .write(vec![21, 3, 3, 0, 2, 2, alert])
    };
    for (script, kind, is_retry_safe) in [
        (
            Script::new().read_some().close(),
            Kind::Tls(TlsErrorKind::Closed),
            true,
        ),
        (Script::new().stall(), TimedOut { phase }, true),
        (fatal(112), Kind::Tls(TlsErrorKind::Alert), false),
        (fatal(70), Kind::Tls(TlsErrorKind::Incompatible), false),
    ] {
        let server = Server::start([script]);
        let url = server.url("/").replace("http:", "https:");
        check(told(client(), &url).await, kind, is_retry_safe);
    }
    let here = || authority.issue(&[&Ipv4Addr::LOCALHOST.to_string()]);
    let stranger = Authority::new().issue(&["127.0.0.1"]);
    for (tls, kind) in [
        (Tls::new(stranger), Kind::Tls(TlsErrorKind::UnknownIssuer)),
        (Tls::new(here()).alpn(&["h2"]), Kind::AlpnMismatch),
    ] {
        let server = Server::start_tls(tls, always("never"));
        check(told(client(), &server.url("/")).await, kind, false);
    }
}

/// The dial's own task panics where tokio can tell no time.
#[test]
fn a_runtime_without_time_stays_so() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let request = Client::new().get("http://127.0.0.1:9/").send();
    let error = runtime.unwrap().block_on(request).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect);
    assert_eq!(error.connect_kind(), None);
    assert_eq!(
        error.to_string(),
        "GET http://127.0.0.1:9/: connecting panicked: \
         in code of the user's own, or for want of tokio's I/O and time"
    );
    assert!(error.is_connect() && !error.is_retry_safe());
}
