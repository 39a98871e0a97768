//! Settings that change under load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use postrider::Client;
use testing::{Script, Server};
use tokio::time::timeout;

use super::Renewals;
use crate::support::{ok, until};

/// Requests never stop, certificates change under them, and none fails.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_and_none_is_behind_its_settings() {
    const TURNS: usize = 6;
    const CALLERS: usize = 8;
    let renewals = Renewals::new(TURNS);
    let answer = [Script::respond_always(ok("ok"))];
    let server = Server::start_tls(renewals.server(), answer);
    let client = Client::builder().tls(renewals.settings(0)).build().unwrap();
    let turn = Arc::new(AtomicUsize::new(0));
    let callers = (0..CALLERS).map(|_| {
        let (client, url, turn) = (client.clone(), server.url("/"), Arc::clone(&turn));
        tokio::spawn(async move {
            let mut rides = Vec::new();
            let mut after_last = 0;
            while after_last < 5 {
                let known = turn.load(Ordering::Acquire);
                after_last += usize::from(known == TURNS - 1);
                let response = client.get(&url).send().await.unwrap();
                let connection = response.connection();
                let addr = connection.local_addr().unwrap();
                rides.push((known, connection.id(), addr));
                assert_eq!(response.text().await.unwrap(), "ok");
            }
            rides
        })
    });
    let callers: Vec<_> = callers.collect();
    for number in 0..TURNS {
        if number > 0 {
            client.set_tls(renewals.settings(number));
            turn.store(number, Ordering::Release);
        }
        // Every turn is of use.
        until(|| renewals.has_shown(&server, number)).await;
    }
    let rides = timeout(Duration::from_secs(30), join_all(callers)).await;
    let rides: Vec<_> = rides
        .unwrap()
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();

    let shown: HashMap<_, _> = (0..server.connections())
        .map(|number| {
            let addr = server.peer(number).addr.unwrap();
            (addr, renewals.shown(&server, number).0)
        })
        .collect();
    for (known, _, addr) in &rides {
        assert!(shown[addr] >= *known, "{} after {known}", shown[addr]);
    }
    // One that came back while its settings were being replaced goes a little later.
    let is_old = |id| {
        let mut of_it = rides.iter().filter(|(_, ridden, _)| *ridden == id);
        of_it.any(|(.., addr)| shown[addr] < TURNS - 1)
    };
    until(|| {
        let mut old = 0;
        client.evict(|idle| {
            old += usize::from(is_old(idle.id()));
            false
        });
        old == 0
    })
    .await;
    let mut turns: Vec<_> = shown.values().copied().collect();
    turns.sort_unstable();
    turns.dedup();
    assert_eq!(turns, (0..TURNS).collect::<Vec<_>>());
    assert_eq!(client.stats().totals.lent, 0);
    assert_eq!(client.stats().retries, 0);
}

impl Renewals {
    /// Whether any connection has shown this certificate.
    fn has_shown(&self, server: &Server, number: usize) -> bool {
        let identity = Some(self.identities[number].certificate_der());
        let mut shown = (0..server.connections()).map(|at| server.peer(at).tls);
        shown.any(|tls| tls.is_some_and(|tls| tls.certificate.as_deref() == identity))
    }
}
