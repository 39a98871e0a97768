//! Settings of one connection in the place of its connector's.

use std::net::{IpAddr, Ipv4Addr};

use postrider_transport::{ConnectErrorKind, ConnectOptions, Endpoint};

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
    assert_eq!(error.kind(), ConnectErrorKind::Connect);
    assert!(error.to_string().contains("No such device"), "{error}");
}
