//! A peer that vanishes from the network without a word, and what finds it out.
//!
//! Needs Linux, root, `unshare` and `ip`.

use std::net::SocketAddr;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use postrider::{Client, ConnectorBuilder, ErrorKind, Keepalive, Sent};
use testing::Server;

use super::networks::{ip_each, run_apart};
use crate::support::until;
use crate::transport::always;

#[test]
fn a_peer_that_vanishes_costs_a_request_the_time_that_was_set() {
    run_apart("interop::vanishing::with_a_vanishing_peer");
}

/// Linux itself goes on for a quarter of an hour.
#[tokio::test]
#[ignore = "run by the test above, in namespaces of its own"]
async fn with_a_vanishing_peer() {
    let peer = Peer::start().await;
    let url = format!("http://{PEER}/");
    let second = Duration::from_secs(1);
    let impatient = Client::builder().connector(|it| it.user_timeout(second));
    let asking = |it: ConnectorBuilder| it.keepalive(Keepalive::new(second, second, 2));
    let asking = Client::builder().connector(asking);
    let [impatient, asking] = [impatient, asking].map(|it| it.build().unwrap());
    for client in [&impatient, &asking] {
        let response = client.get(&url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), "here");
    }

    peer.vanish();
    // The kernel takes the request, and hears nothing of it.
    let began = Instant::now();
    let error = impatient.post(&url).body("pay").send().await.unwrap_err();
    let took = began.elapsed().as_millis();
    assert!((1000..3000).contains(&took), "{took} ms");
    assert_eq!(
        error.to_string(),
        format!(
            "POST {url}: waiting for the response from {PEER}: reading failed: \
             Connection timed out (os error 110) (the request may have been processed)"
        )
    );
    assert_eq!((error.kind(), error.sent()), (ErrorKind::Io, Sent::Wholly));
    assert!(!error.is_retry_safe());

    // And an idle connection goes as soon as nobody answers for it.
    until(|| asking.stats().totals.idle == 0).await;
    let took = began.elapsed().as_millis();
    assert!(took < 7000, "{took} ms");
    assert_eq!(asking.stats().counters.closes.total(), 1);
}

const PEER: &str = "198.18.0.2:80";

/// The other end of a cable, on a network of its own; it ends with the test.
struct Peer(Child);

impl Peer {
    async fn start() -> Self {
        ip_each(&["link add veth2 type veth peer name veth3"]);
        let process = Command::new("unshare")
            .arg("--net")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "--ignored", "interop::vanishing::peer"])
            .arg("--nocapture")
            .spawn()
            .unwrap();
        let peer = Self(process);
        // It waits for its end of the cable, which shows that it is apart.
        let apart = format!("/proc/{}/ns/net", peer.0.id());
        let ours = std::fs::read_link("/proc/self/ns/net").unwrap();
        until(|| std::fs::read_link(&apart).is_ok_and(|its| its != ours)).await;
        ip_each(&[
            &format!("link set veth3 netns {}", peer.0.id()),
            "addr add 198.18.0.1/30 dev veth2",
            "link set veth2 up",
        ]);
        let addr: SocketAddr = PEER.parse().unwrap();
        let soon = Duration::from_millis(200);
        until(|| std::net::TcpStream::connect_timeout(&addr, soon).is_ok()).await;
        peer
    }

    /// What is sent to it is from now on for somebody who is not there.
    fn vanish(&self) {
        ip_each(&["neigh replace 198.18.0.2 lladdr 02:00:00:00:00:01 dev veth2 nud permanent"]);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
#[ignore = "the far side of the test above"]
async fn peer() {
    let has_cable = || {
        let shown = Command::new("ip").args(["link", "show", "veth3"]).output();
        shown.unwrap().status.success()
    };
    until(has_cable).await;
    ip_each(&["addr add 198.18.0.2/30 dev veth3", "link set veth3 up"]);
    let _server = Server::start_on(PEER.parse().unwrap(), always("here"));
    std::future::pending::<()>().await;
}
