//! Settings of one connection in the place of its connector's.

use std::net::{IpAddr, Ipv4Addr};

use postrider_transport::{ConnectErrorKind, ConnectOptions, Connector, Endpoint};

use crate::support::{failure, knowing, listen, listen_at, plain, plain_at};

pub(crate) fn with(endpoint: Endpoint, change: impl FnOnce(&mut ConnectOptions)) -> Endpoint {
    let mut options = ConnectOptions::default();
    change(&mut options);
    endpoint.with_options(options)
}

const SECOND: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const THIRD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

#[tokio::test]
async fn an_own_local_address_is_what_the_server_sees() {
    let (listener, addr) = listen().await;
    let connector = knowing(&[addr]).local_address(THIRD).build();
    let own = with(plain("a.test", 80), |o| o.local_address = Some(SECOND));
    for (endpoint, from) in [(own, SECOND), (plain("a.test", 80), THIRD)] {
        let connected = connector.connect(&endpoint).await.unwrap();
        let (_, client) = listener.accept().await.unwrap();
        assert_eq!(client.ip(), from);
        assert_eq!(connected.facts.local, Some(client));
    }
}

#[tokio::test]
async fn an_own_local_address_decides_the_family() {
    if !testing::has_ipv6() {
        return;
    }
    let (_v4, v4) = listen().await;
    let (_v6, v6) = listen_at("[::1]:0").await;
    // The connector's own address would allow the other family only.
    let connector = knowing(&[v6, v4]).local_address("::1".parse().unwrap());
    let connector = connector.build();
    let own = with(plain("a.test", 80), |o| o.local_address = Some(SECOND));
    let facts = connector.connect(&own).await.unwrap().facts;
    assert_eq!(facts.remote, Some(v4));
    assert!(facts.attempts.is_empty());

    let own = with(plain_at(v6), |o| o.local_address = Some(SECOND));
    let error = failure(&connector, &own).await;
    assert_eq!(error.kind(), ConnectErrorKind::NoAddress);
    assert_eq!(
        error.to_string(),
        "could not resolve [::1]: \
         only IPv4 addresses can be reached from the local address 127.0.0.2"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_own_interface_is_used_and_a_missing_one_fails() {
    use std::sync::{Arc, Mutex};

    let (_listener, addr) = listen().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&seen);
    let connector = knowing(&[addr])
        .interface("nosuchif0")
        .socket_hook(move |fd, _| {
            let device = socket2::SockRef::from(&fd).device()?;
            recorder.lock().unwrap().push(device);
            Ok(())
        })
        .build();
    let own = with(plain("a.test", 80), |o| o.interface = Some("lo".into()));
    connector.connect(&own).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), [Some(b"lo".to_vec())]);

    let missing = with(plain("a.test", 80), |o| {
        o.interface = Some("nosuchif1".into());
    });
    let error = failure(&connector, &missing).await;
    assert_eq!(error.kind(), ConnectErrorKind::NoInterface);
    let words = r#"could not connect to a.test:80: no such interface: "nosuchif1" ("#;
    assert!(error.to_string().starts_with(words), "{error}");
}

/// The kernel takes an empty name for none at all, and looks at 15 bytes up to a NUL.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_name_that_no_interface_can_have_binds_to_none() {
    let (_listener, addr) = listen().await;
    let long = "l".repeat(16);
    for (name, told) in [
        ("", ""),
        ("lo\0x", r"lo\0x"),
        ("lo\0", r"lo\0"),
        (&long, &long),
    ] {
        let text = format!("could not connect to {addr}: no such interface: \"{told}\"");
        let connector = Connector::builder().interface(name).build();
        let error = failure(&connector, &plain_at(addr)).await;
        assert_eq!(error.kind(), ConnectErrorKind::NoInterface);
        assert_eq!(error.to_string(), text);

        let own = with(plain_at(addr), |o| o.interface = Some(name.into()));
        let error = failure(&Connector::builder().build(), &own).await;
        assert_eq!(error.to_string(), text);
    }
}
