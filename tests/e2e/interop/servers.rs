//! TLS, client certificates, IPv6, connections that the server closes all the
//! time, and reloads under load: the same of nginx and of Apache.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use postrider::{Client, ClientBuilder, TlsSettings, TlsSettingsBuilder, TlsVersion};
use testing::Identity;
use tokio::time::{sleep, timeout};

use super::program::Program;
use super::{apache, nginx};
use crate::support::until;

fn trusting(program: &Program) -> TlsSettingsBuilder {
    TlsSettings::builder()
        .add_roots_pem(program.root_certificate())
        .only_added_roots()
}

fn builder_of(program: &Program) -> ClientBuilder {
    fs::write(program.root().join("small"), "hello").unwrap();
    Client::builder().tls(trusting(program).build().unwrap())
}

async fn get(client: &Client, url: &str) {
    let response = client.get(url).send().await;
    let response = response.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(response.status(), StatusCode::OK, "{url}");
    let text = response.text().await;
    assert_eq!(text.unwrap_or_else(|error| panic!("{error}")), "hello");
}

#[tokio::test]
async fn nginx_serves_each_version_of_tls_on_both_families() {
    versions_and_families(&nginx::start()).await;
}

#[tokio::test]
async fn apache_serves_each_version_of_tls_on_both_families() {
    versions_and_families(&apache::start()).await;
}

async fn versions_and_families(program: &Program) {
    let ports = program.ports();
    for (port, version, name) in [
        (ports.tls12, TlsVersion::Tls12, "TLSv1.2"),
        (ports.tls13, TlsVersion::Tls13, "TLSv1.3"),
        (ports.https, TlsVersion::Tls13, "TLSv1.3"),
    ] {
        for host in ["127.0.0.1", "[::1]", "localhost"] {
            let client = builder_of(program).build().unwrap();
            let mark = format!("/small?{port}{host}");
            let url = format!("https://{host}:{port}{mark}");
            for _ in 0..10 {
                get(&client, &url).await;
            }
            let response = client.get(&url).send().await.unwrap();
            assert!(response.connection().is_reused());
            let facts = response.connection().tls().unwrap();
            assert_eq!((facts.version, facts.resumed), (version, false));
            response.discard().await.unwrap();

            // The next connection resumes the session.
            client.close_idle();
            let response = client.get(&url).send().await.unwrap();
            assert!(response.connection().tls().unwrap().resumed, "{url}");
            response.discard().await.unwrap();

            let served = program.log_of(&mark, 12);
            assert_eq!(served.len(), 12);
            for line in &served {
                assert_eq!((&*line.protocol, &*line.client), (name, "-"));
            }
            let connections = [0, 10, 11].map(|number: usize| served[number].connection);
            assert_eq!(connections[0], connections[1]);
            assert_ne!(connections[0], connections[2]);
        }
    }
    // Only TLS 1.3 is spoken to those who insist.
    let strict = trusting(program).oldest_version(TlsVersion::Tls13);
    let strict = Client::builder().tls(strict.build().unwrap());
    let old = format!("https://127.0.0.1:{}/small", ports.tls12);
    let error = strict.build().unwrap().get(old).send().await.unwrap_err();
    let words = "no version or cipher in common";
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn nginx_is_shown_the_certificate_that_it_wants() {
    let program = nginx::start();
    client_certificates(&program, |url, client| async move {
        // It answers instead of ending the handshake.
        let response = client.get(url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::BAD_REQUEST);
        let text = response.text().await.unwrap();
        assert!(text.contains("SSL certificate"), "{text}");
    })
    .await;
}

#[tokio::test]
async fn apache_is_shown_the_certificate_that_it_wants() {
    let program = apache::start();
    client_certificates(&program, |url, client| async move {
        let error = client.get(url).send().await.unwrap_err();
        let text = error.to_string();
        let told = ["CertificateRequired", "UnknownCA"];
        assert!(told.iter().any(|alert| text.contains(alert)), "{text}");
        assert_eq!(client.stats().counters.dials, 1, "{text}");
    })
    .await;
}

/// It asks for another handshake when it has read the request, as TLS 1.2 has it, and waits for
/// what we say to that.
#[tokio::test]
async fn apache_learns_at_once_that_a_path_gets_no_other_handshake() {
    let program = apache::start();
    let client = builder_of(&program).build().unwrap();
    let url = format!("https://127.0.0.1:{}", program.ports().tls12);
    get(&client, &format!("{url}/small")).await;
    let asking = client.get(format!("{url}/certified")).send();
    let answer = timeout(Duration::from_secs(5), asking).await.unwrap();
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("sent an alert: HandshakeFailure"), "{error}");
    get(&client, &format!("{url}/small")).await;
}

/// With the right certificate all is well; without it, and with that of a
/// stranger, `refused` looks at what is.
async fn client_certificates<F>(program: &Program, refused: impl Fn(String, Client) -> F)
where
    F: Future<Output = ()>,
{
    fs::write(program.root().join("small"), "hello").unwrap();
    let url = |mark| {
        let port = program.ports().certified;
        format!("https://127.0.0.1:{port}/small?{mark}")
    };
    let showing = |identity: &Identity| {
        let (chain, key) = (identity.certificate_pem(), identity.key_pem());
        let settings = trusting(program).client_certificate_pem(chain, key);
        let client = Client::builder().tls(settings.build().unwrap());
        client.build().unwrap()
    };
    let known = showing(&program.certify("client.test"));
    for _ in 0..5 {
        get(&known, &url("known")).await;
    }
    for line in program.log_of("/small?known", 5) {
        assert_eq!(line.client, "CN=client.test");
    }
    refused(url("none"), builder_of(program).build().unwrap()).await;
    let stranger = showing(&Identity::for_names(&["client.test"]));
    refused(url("stranger"), stranger).await;
}

#[tokio::test]
async fn no_request_to_nginx_fails_although_it_closes_all_the_time() {
    few_requests_each(&nginx::start()).await;
}

#[tokio::test]
async fn no_request_to_apache_fails_although_it_closes_all_the_time() {
    few_requests_each(&apache::start()).await;
}

/// Thousands of requests, of which every fifth or sixth is its connection's last.
async fn few_requests_each(program: &Program) {
    const CALLERS: usize = 16;
    const EACH: usize = 200;
    let client = builder_of(program).build().unwrap();
    let urls = hasty_urls(program);
    let caller = || async {
        for step in 0..EACH {
            get(&client, &urls[step % 2]).await;
        }
    };
    join_all((0..CALLERS).map(|_| caller())).await;
    let stats = client.stats();
    assert!(stats.counters.dials > 500, "{stats:?}");
    assert!(stats.counters.reuses + stats.counters.handed_on > 1000);
    assert_eq!((stats.retries, stats.totals.lent), (0, 0));
    program.log_of("/small", CALLERS * EACH);
}

#[tokio::test]
async fn no_request_to_nginx_fails_that_begins_as_it_closes() {
    short_patience(&nginx::start()).await;
}

#[tokio::test]
async fn no_request_to_apache_fails_that_begins_as_it_closes() {
    short_patience(&apache::start()).await;
}

/// Both close after a second, and neither says so before.
async fn short_patience(program: &Program) {
    const ROUNDS: u64 = 5;
    let client = |number: u64| {
        let client = builder_of(program).build().unwrap();
        let [url, _] = hasty_urls(program).map(|url| format!("{url}?{number}"));
        async move {
            get(&client, &url).await;
            for round in 0..ROUNDS {
                // Some milliseconds before the server's second, and after it.
                let shift = (number * ROUNDS + round) % 60;
                sleep(Duration::from_millis(970 + shift)).await;
                get(&client, &url).await;
            }
            let stale = client.stats().stale;
            let found = [stale.at_idle, stale.at_checkout];
            let met = [stale.at_write, stale.at_read];
            found.into_iter().chain(met).sum::<u64>()
        }
    };
    let stale = join_all((0..60).map(client)).await;
    assert!(stale.into_iter().sum::<u64>() > 60);
}

fn hasty_urls(program: &Program) -> [String; 2] {
    let ports = program.ports();
    [("http", ports.hasty), ("https", ports.hasty_tls)]
        .map(|(scheme, port)| format!("{scheme}://127.0.0.1:{port}/small"))
}

#[tokio::test]
async fn no_request_to_nginx_fails_while_it_reloads() {
    reloads(&nginx::start()).await;
}

#[tokio::test]
async fn no_request_to_apache_fails_while_it_reloads() {
    reloads(&apache::start()).await;
}

async fn reloads(program: &Program) {
    let client = builder_of(program).build().unwrap();
    let (is_over, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let callers = (0..8).map(|number| {
        let (client, is_over, count) = (client.clone(), Arc::clone(&is_over), Arc::clone(&count));
        let [plain, secure] = program.urls();
        let base = if number % 2 == 0 { plain } else { secure };
        let url = format!("{base}/small");
        tokio::spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                get(&client, &url).await;
                count.fetch_add(1, Ordering::Relaxed);
                // Some connections are idle when the server closes them.
                if number >= 4 {
                    sleep(Duration::from_millis(number)).await;
                }
            }
        })
    });
    let callers: Vec<_> = callers.collect();
    let some_more = async || {
        let before = count.load(Ordering::Relaxed);
        until(|| count.load(Ordering::Relaxed) >= before + 200).await;
    };
    for _ in 0..3 {
        some_more().await;
        let dials = client.stats().counters.dials;
        program.reload();
        // Until the old processes have closed what idled.
        until(|| client.stats().counters.dials > dials).await;
    }
    some_more().await;
    is_over.store(true, Ordering::Relaxed);
    for caller in join_all(callers).await {
        caller.unwrap();
    }
}
