//! TLS settings that change while a client runs: a renewed certificate, say.
//! Nothing is shared between what was before and what comes after.

mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use postrider::{Client, TlsSettings};
use testing::{Authority, Identity, Script, Server, Signal, Tls};

use crate::support::{builder_of, ok, until};

/// A client's certificates, one after the other, and the authority that has
/// signed them and the server's.
struct Renewals {
    authority: Authority,
    identities: Vec<Identity>,
}

impl Renewals {
    fn new(count: usize) -> Self {
        let authority = Authority::new();
        let identities = (0..count).map(|number| authority.issue(&[&format!("client-{number}")]));
        Self {
            identities: identities.collect(),
            authority,
        }
    }

    fn server(&self) -> Tls {
        Tls::new(self.authority.issue(&["a.test", "127.0.0.1"]))
            .require_client_certificate(self.authority.ca_der())
    }

    fn settings(&self, number: usize) -> TlsSettings {
        let identity = &self.identities[number];
        TlsSettings::builder()
            .add_root_der(self.authority.ca_der())
            .only_added_roots()
            .client_certificate_pem(identity.certificate_pem(), identity.key_pem())
            .build()
            .unwrap()
    }

    /// Which certificate the connection showed, and whether it resumed a session.
    fn shown(&self, server: &Server, connection: usize) -> (usize, bool) {
        let tls = server.peer(connection).tls.unwrap();
        let shown = tls.certificate.unwrap();
        let number = self
            .identities
            .iter()
            .position(|identity| identity.certificate_der() == shown);
        (number.unwrap(), tls.resumed)
    }
}

async fn get(client: &Client) -> u64 {
    let response = client.get("https://a.test/").send().await.unwrap();
    let id = response.connection().id();
    assert_eq!(response.text().await.unwrap(), "ok");
    id
}

#[tokio::test]
async fn idle_connections_close_at_once_and_running_ones_when_they_are_done() {
    let renewals = Renewals::new(2);
    let answer = Signal::new();
    let held = Script::new().read_request().wait(&answer).write(ok("ok"));
    let server = Arc::new(Server::in_memory_tls(
        renewals.server(),
        [held, Script::respond_always(ok("ok"))],
    ));
    let client = builder_of(&server).tls(renewals.settings(0));
    let client = client.build().unwrap();
    let running = tokio::spawn(client.get("https://a.test/running").send());
    until(|| server.received(0).ends_with(b"\r\n\r\n")).await;
    let idle = get(&client).await;
    assert_eq!(client.stats().totals.idle, 1);

    client.clone().set_tls(renewals.settings(1));
    assert_eq!(client.stats().totals.idle, 0);
    server.closed(1).await;
    let renewed = get(&client).await;
    assert_ne!(renewed, idle);
    assert_eq!(get(&client).await, renewed);

    answer.notify();
    let response = running.await.unwrap().unwrap();
    let old = response.connection().id();
    assert_eq!(response.text().await.unwrap(), "ok");
    server.closed(0).await;
    let totals = client.stats().totals;
    assert_eq!((totals.idle, totals.connections()), (1, 1));
    assert_eq!(get(&client).await, renewed);
    assert_ne!(old, renewed);

    assert_eq!(server.connections(), 3);
    assert_eq!(renewals.shown(&server, 0).0, 0);
    assert_eq!(renewals.shown(&server, 1).0, 0);
    // A session of the first certificate must not stand for the second.
    assert_eq!(renewals.shown(&server, 2), (1, false));
}

#[tokio::test]
async fn a_body_that_is_still_read_is_read_to_its_end() {
    let renewals = Renewals::new(2);
    let rest = Signal::new();
    let script = Script::new()
        .read_request()
        .write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ")
        .wait(&rest)
        .write("whole");
    let server = Arc::new(Server::in_memory_tls(renewals.server(), [script]));
    let client = builder_of(&server).tls(renewals.settings(0));
    let client = client.build().unwrap();
    let mut response = client.get("https://a.test/").send().await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "half ");

    client.set_tls(renewals.settings(1));
    rest.notify();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "whole");
    assert!(response.chunk().await.unwrap().is_none());
    server.closed(0).await;
    assert_eq!(client.stats().totals.connections(), 0);
}

/// A client whose first connection is not made before the signal, and how many
/// it has begun to make.
fn gated(renewals: &Renewals, server: &Arc<Server>, gate: &Signal) -> (Client, Arc<AtomicUsize>) {
    let dialled = Arc::new(AtomicUsize::new(0));
    let (gate, count, server) = (gate.clone(), Arc::clone(&dialled), Arc::clone(server));
    let client = Client::builder()
        .tls(renewals.settings(0))
        .connect_with(move |_| {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let (gate, server) = (gate.clone(), Arc::clone(&server));
            async move {
                if number == 0 {
                    gate.wait().await;
                }
                Ok(server.connect())
            }
        })
        .build()
        .unwrap();
    (client, dialled)
}

/// It began before; who waited for it may have it, and nobody after.
#[tokio::test]
async fn a_connection_that_is_being_made_serves_those_who_waited_and_no_others() {
    let renewals = Renewals::new(2);
    let answer = [Script::respond_always(ok("ok"))];
    let server = Arc::new(Server::in_memory_tls(renewals.server(), answer));
    let gate = Signal::new();
    let (client, dialled) = gated(&renewals, &server, &gate);
    let early = {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await })
    };
    until(|| dialled.load(Ordering::Relaxed) == 1).await;
    client.set_tls(renewals.settings(1));
    let late = get(&client).await;
    assert_eq!(renewals.shown(&server, 0), (1, false));

    gate.notify();
    let early = early.await.unwrap();
    assert_ne!(early, late);
    assert_eq!(renewals.shown(&server, 1), (0, false));
    server.closed(1).await;
    assert_eq!(get(&client).await, late);
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_is_being_warmed_does_not_stay() {
    let renewals = Renewals::new(2);
    let answer = [Script::respond_always(ok("ok"))];
    let server = Arc::new(Server::in_memory_tls(renewals.server(), answer));
    let gate = Signal::new();
    let (client, dialled) = gated(&renewals, &server, &gate);
    let warming = {
        let client = client.clone();
        tokio::spawn(async move { client.warm("https://a.test", 1).await })
    };
    until(|| dialled.load(Ordering::Relaxed) == 1).await;
    client.set_tls(renewals.settings(1));
    gate.notify();
    warming.await.unwrap().unwrap();
    assert_eq!(renewals.shown(&server, 0), (0, false));
    // Nobody asks for it any more; the sweeper comes once a second.
    server.closed(0).await;
    assert_eq!(client.stats().totals.connections(), 0);
    get(&client).await;
    assert_eq!(renewals.shown(&server, 1), (1, false));
}

/// What it waits for is old and closes; what is made for it is new.
#[tokio::test]
async fn a_request_in_line_is_served_by_the_settings_of_its_turn() {
    let renewals = Renewals::new(2);
    let answer = Signal::new();
    let held = Script::new().read_request().wait(&answer).write(ok("ok"));
    let server = Arc::new(Server::in_memory_tls(
        renewals.server(),
        [held, Script::respond_always(ok("ok"))],
    ));
    let client = builder_of(&server)
        .tls(renewals.settings(0))
        .pool_max_connections_per_host(1)
        .build()
        .unwrap();
    let send = || {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await })
    };
    let running = send();
    until(|| client.stats().totals.lent == 1).await;
    let in_line = send();
    until(|| client.stats().totals.waiting == 1).await;

    client.set_tls(renewals.settings(1));
    answer.notify();
    assert_ne!(running.await.unwrap(), in_line.await.unwrap());
    server.closed(0).await;
    assert_eq!(renewals.shown(&server, 0).0, 0);
    assert_eq!(renewals.shown(&server, 1), (1, false));
    get(&client).await;
    until(|| client.stats().totals.connections() == 1).await;
}

/// The old connection counts until it is closed.
#[tokio::test]
async fn a_limit_on_all_connections_holds_across() {
    let renewals = Renewals::new(2);
    let answer = Signal::new();
    let held = Script::new().read_request().wait(&answer).write(ok("ok"));
    let server = Arc::new(Server::in_memory_tls(
        renewals.server(),
        [held, Script::respond_always(ok("ok"))],
    ));
    let client = builder_of(&server)
        .tls(renewals.settings(0))
        .pool_max_connections(1)
        .build()
        .unwrap();
    let send = || {
        let client = client.clone();
        tokio::spawn(async move { get(&client).await })
    };
    let running = send();
    until(|| client.stats().totals.lent == 1).await;
    client.set_tls(renewals.settings(1));
    let in_line = [send(), send()];
    until(|| client.stats().totals.waiting == 2).await;
    assert_eq!(server.connections(), 1);

    answer.notify();
    let old = running.await.unwrap();
    for sending in in_line {
        assert_ne!(sending.await.unwrap(), old);
    }
    assert_eq!(server.connections(), 2);
    assert_eq!(renewals.shown(&server, 1), (1, false));
}

#[tokio::test]
async fn connections_in_the_clear_and_with_settings_of_their_own_are_left_alone() {
    let renewals = Renewals::new(3);
    let answer = || [Script::respond_always(ok("ok"))];
    let plain = Server::start(answer());
    let secure = Server::start_tls(renewals.server(), answer());
    let client = Client::builder().tls(renewals.settings(0)).build().unwrap();
    let own = renewals.settings(2);
    let in_the_clear = || client.get(plain.url("/"));
    let of_its_own = || client.get(secure.url("/")).tls(own.clone());
    let mut before = Vec::new();
    for request in [in_the_clear(), of_its_own()] {
        let response = request.send().await.unwrap();
        before.push(response.connection().id());
        response.discard().await.unwrap();
    }
    client.set_tls(renewals.settings(1));
    assert_eq!(client.stats().totals.idle, 2);
    for (request, id) in [in_the_clear(), of_its_own()].into_iter().zip(before) {
        let response = request.send().await.unwrap();
        assert_eq!(response.connection().id(), id);
        response.discard().await.unwrap();
    }

    // What is dialled afterwards for settings of its own is secured by those, and stays.
    client.close_idle();
    for _ in 0..2 {
        let response = of_its_own().send().await.unwrap();
        response.discard().await.unwrap();
    }
    assert_eq!(secure.connections(), 2);
    for connection in 0..2 {
        assert_eq!(renewals.shown(&secure, connection).0, 2);
    }
}

/// Sessions are resumed within a generation, never across.
#[tokio::test]
async fn sessions_end_with_their_settings() {
    let renewals = Renewals::new(2);
    let bye = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    for version in [testing::TlsVersion::Tls12, testing::TlsVersion::Tls13] {
        let tls = renewals.server().version(version);
        let server = Arc::new(Server::in_memory_tls(tls, [Script::respond(bye).close()]));
        let first = renewals.settings(0);
        let client = builder_of(&server).tls(first.clone()).build().unwrap();
        for number in [0, 0, 1, 1] {
            if server.connections() == 2 {
                client.set_tls(renewals.settings(1));
            }
            get(&client).await;
            let connection = server.connections() - 1;
            let is_second = connection % 2 == 1;
            assert_eq!(renewals.shown(&server, connection), (number, is_second));
        }
        // Settings that come back bring their sessions back: it is the same value.
        client.set_tls(first);
        get(&client).await;
        assert_eq!(renewals.shown(&server, 4), (0, true));
    }
}

#[tokio::test]
async fn what_is_warmed_afterwards_is_of_the_new_settings() {
    let renewals = Renewals::new(2);
    let answer = [Script::respond_always(ok("ok"))];
    let server = Arc::new(Server::in_memory_tls(renewals.server(), answer));
    let client = builder_of(&server).tls(renewals.settings(0));
    let client = client.build().unwrap();
    assert_eq!(client.warm("https://a.test", 2).await.unwrap(), 2);
    client.set_tls(renewals.settings(1));
    assert_eq!(client.warm("https://a.test", 2).await.unwrap(), 2);
    assert_eq!(client.stats().totals.idle, 2);
    get(&client).await;
    assert_eq!(client.stats().counters.reuses, 1);
    let shown = [0, 1, 2, 3].map(|number| renewals.shown(&server, number).0);
    assert_eq!(shown, [0, 0, 1, 1]);
}

#[tokio::test]
async fn the_first_settings_may_be_given_late() {
    let renewals = Renewals::new(1);
    let answer = [Script::respond_always(ok("ok"))];
    let server = Arc::new(Server::in_memory_tls(renewals.server(), answer));
    let client = builder_of(&server).build().unwrap();
    let error = client.get("https://a.test/").send().await.unwrap_err();
    assert!(error.is_connect(), "{error}");
    client.set_tls(renewals.settings(0));
    get(&client).await;
}

/// Of settings that hold code of the user's own, here what becomes of keys.
#[derive(Debug)]
struct ChangesItsMind(Client);

impl rustls::KeyLog for ChangesItsMind {
    fn log(&self, _: &str, _: &[u8], _: &[u8]) {}
}

impl Drop for ChangesItsMind {
    fn drop(&mut self) {
        self.0.set_tls(TlsSettings::builder().build().unwrap());
    }
}

#[test]
fn what_old_settings_do_when_they_are_dropped_is_done_under_no_lock() {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    let mut config = config
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let client = Client::new();
    config.key_log = Arc::new(ChangesItsMind(client.clone()));
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        client.set_tls(TlsSettings::from_rustls(Arc::new(config)));
        client.set_tls(TlsSettings::builder().build().unwrap());
        done.send(())
    });
    let soon = std::time::Duration::from_secs(5);
    assert_eq!(is_done.recv_timeout(soon), Ok(()), "it hangs");
}
