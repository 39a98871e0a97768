//! What a resolver's answers and failures become.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use postrider_transport::{Answers, ConnectErrorKind, Connector, Families, Phase, Resolve};

use crate::support::{closed_port, failure, listen, plain, soon};

/// A resolver that is a function.
pub(crate) struct By<F>(pub(crate) F);

impl<F: Fn(&str) -> Answers + Send + Sync + 'static> Resolve for By<F> {
    fn resolve(&self, name: &str) -> Answers {
        (self.0)(name)
    }
}

fn resolving(by: impl Fn(&str) -> Answers + Send + Sync + 'static) -> Connector {
    Connector::builder().resolver(By(by)).build()
}

async fn assert_failure(connector: &Connector, kind: ConnectErrorKind, text: &str) {
    let error = failure(connector, &plain("a.test", 80)).await;
    assert_eq!(error.kind(), kind);
    assert_eq!(error.phase(), Phase::Resolve);
    assert_eq!(error.to_string(), text);
}

#[tokio::test]
async fn a_resolver_of_the_users_own_is_asked_and_timed() {
    let (_listener, addr) = listen().await;
    let connector = resolving(move |name| {
        assert_eq!(name, "a.test");
        Answers::ready([([127, 0, 0, 1], 0).into()])
    });
    let endpoint = plain("a.test", addr.port());
    // The second time from memory.
    for _ in 0..2 {
        let facts = connector.connect(&endpoint).await.unwrap().facts;
        assert_eq!(facts.remote, Some(addr));
        assert!(facts.resolve.is_some());
    }
}

#[tokio::test]
async fn what_the_resolver_takes_is_told_apart_and_only_where_it_was_asked() {
    let (_listener, addr) = listen().await;
    let addrs = [
        addr,
        (std::net::Ipv4Addr::new(127, 0, 0, 2), addr.port()).into(),
    ];
    let slowly = move |_: &str| {
        Answers::from_lookup(async move {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Ok(addrs.into())
        })
    };
    let asking = Connector::builder().resolver(By(slowly)).build();
    let endpoint = plain("a.test", 80);
    let facts = asking.connect(&endpoint).await.unwrap().facts;
    assert!(facts.resolve.unwrap() >= Duration::from_millis(500));
    assert!(facts.connect.unwrap() < Duration::from_millis(500));

    let knowing = crate::support::knowing(&addrs).build();
    let facts = knowing.connect(&endpoint).await.unwrap().facts;
    assert_eq!(facts.resolve, None);
    assert!(facts.connect.is_some());
}

#[tokio::test]
async fn a_resolver_gets_names_in_lower_case_and_with_their_last_dot() {
    for (name, asked) in [("A.Test", "a.test"), ("A.TEST.", "a.test.")] {
        let connector =
            resolving(|name| Answers::failed(io::Error::other(format!("asked for {name}"))));
        let text = format!("could not resolve {name}: asked for {asked}");
        let error = failure(&connector, &plain(name, 80)).await;
        assert_eq!(error.to_string(), text);
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found() {
    let connector = resolving(|_| Answers::failed(io::ErrorKind::NotFound.into()));
    let kind = ConnectErrorKind::NameNotFound;
    assert_failure(&connector, kind, "could not resolve a.test: no such name").await;
}

#[tokio::test]
async fn the_system_knows_no_name_of_the_reserved_domain() {
    let connector = Connector::builder().build();
    let error = failure(&connector, &plain("postrider-test.invalid", 80)).await;
    // Without any name server the answer is that the resolver failed.
    let kinds = [ConnectErrorKind::NameNotFound, ConnectErrorKind::Resolve];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("could not resolve postrider-test.invalid: ")
    );
}

#[tokio::test]
async fn a_resolver_that_fails_gives_the_reason() {
    let connector = resolving(|_| Answers::failed(io::Error::other("server\r\nsaid no")));
    let text = r"could not resolve a.test: server\r\nsaid no";
    assert_failure(&connector, ConnectErrorKind::Resolve, text).await;
}

#[tokio::test]
async fn an_answer_without_addresses_is_no_address() {
    let connector = resolving(|_| Answers::ready([]));
    let text = "could not resolve a.test: the answer holds no address that may be used";
    assert_failure(&connector, ConnectErrorKind::NoAddress, text).await;
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_hangs_runs_into_the_timeout() {
    let connector = resolving(|_| Answers::from_lookup(std::future::pending()));
    let began = tokio::time::Instant::now();
    let outcome = connector.connect(&plain("a.test", 80)).await;
    let error = outcome.unwrap_err();
    let phase = Phase::Resolve;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert!(error.is_timeout());
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(
        error.to_string(),
        "could not resolve a.test: timed out after 10.0 s"
    );
}

/// Both halves of a lookup: addresses, and what becomes of the rest.
fn in_halves(
    addr: SocketAddr,
    rest: impl Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
) -> Answers {
    Answers::from_lookups([
        Box::pin(async move { Ok(vec![addr]) }) as Pin<Box<dyn Future<Output = _> + Send>>,
        Box::pin(rest),
    ])
}

#[tokio::test]
async fn half_a_lookup_that_fails_is_told_where_the_other_half_brings_nobody() {
    let addr = closed_port().await;
    let connector =
        resolving(move |_| in_halves(addr, async { Err(io::Error::other("SERVFAIL")) }));
    let error = failure(&connector, &plain("a.test", 80)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Refused);
    assert_eq!(error.phase(), Phase::Connect);
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "could not connect to a.test:80: connection refused ({attempt}); \
             a part of the lookup failed: SERVFAIL"
        )
    );
    assert_eq!(error.lookup_error().unwrap().to_string(), "SERVFAIL");
    let tried = format!(" ({attempt}); a part of the lookup failed: SERVFAIL");
    assert_eq!(error.tried().to_string(), tried);
}

#[tokio::test]
async fn half_a_lookup_that_hangs_is_what_was_waited_for() {
    let addr = closed_port().await;
    let connector = Connector::builder()
        .resolver(By(move |_: &str| in_halves(addr, std::future::pending())))
        .connect_timeout(Duration::from_millis(300))
        .build();
    let error = failure(&connector, &plain("a.test", 80)).await;
    let phase = Phase::Resolve;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert_eq!(error.phase(), Phase::Resolve);
    let [attempt] = error.attempts() else {
        panic!("{error}");
    };
    let took = error.elapsed().as_millis();
    assert_eq!(
        error.to_string(),
        format!(
            "could not resolve further addresses of a.test: timed out after {took} ms ({attempt})"
        )
    );
    assert!(error.lookup_error().is_none());
}

#[tokio::test]
async fn a_resolver_that_panics_is_an_error() {
    let connector = resolving(|_| panic!("oh"));
    let text = "could not resolve a.test: user code panicked";
    assert_failure(&connector, ConnectErrorKind::Panicked, text).await;
}

#[tokio::test]
async fn a_resolver_that_is_shared_is_told_which_families_are_of_use() {
    #[derive(Default)]
    struct Recording(Mutex<Vec<Families>>);

    impl Resolve for Recording {
        fn resolve(&self, _: &str) -> Answers {
            unreachable!("this one is asked by families")
        }

        fn resolve_families(&self, _: &str, families: Families) -> Answers {
            self.0.lock().unwrap().push(families);
            Answers::failed(io::ErrorKind::NotFound.into())
        }
    }

    let recording = Arc::new(Recording::default());
    let builder = || {
        let shared: Arc<dyn Resolve> = recording.clone();
        Connector::builder().resolver(shared)
    };
    for builder in [builder(), builder().only_ipv4(), builder().only_ipv6()] {
        failure(&builder.build(), &plain("a.test", 80)).await;
    }
    let expected = [Families::Both, Families::OnlyIpv4, Families::OnlyIpv6];
    assert_eq!(*recording.0.lock().unwrap(), expected);
}

#[tokio::test]
async fn nobody_waits_for_answers_of_a_family_that_is_of_no_use() {
    let (_listener, addr) = listen().await;
    let builder = || {
        let apart = |_: &str| {
            Answers::from_lookups([
                Box::pin(std::future::pending()) as Pin<Box<dyn Future<Output = _> + Send>>,
                Box::pin(async { Ok(vec![([127, 0, 0, 1], 0).into()]) }),
            ])
        };
        let builder = Connector::builder().resolver(By(apart));
        builder.resolution_delay(Duration::MAX)
    };
    let from_here = std::net::IpAddr::from([127, 0, 0, 2]);
    for builder in [builder().only_ipv4(), builder().local_address(from_here)] {
        let connector = builder.build();
        let endpoint = plain("a.test", addr.port());
        assert!(soon(connector.connect(&endpoint)).await.is_ok());
    }
}

#[tokio::test]
async fn a_resolver_that_fails_for_a_moment_is_covered_by_its_last_answer() {
    let (_listener, addr) = listen().await;
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let connector = Connector::builder()
        .resolver(By(move |_: &str| {
            match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Answers::ready([([127, 0, 0, 1], 0).into()]),
                _ => Answers::failed(io::Error::other("try again")),
            }
        }))
        .resolve_cache(Duration::ZERO)
        .build();
    let endpoint = plain("a.test", addr.port());
    connector.connect(&endpoint).await.unwrap();
    connector.connect(&endpoint).await.unwrap();
    assert_eq!(
        failure(&connector, &plain("b.test", 80)).await.kind(),
        ConnectErrorKind::Resolve
    );
}

#[tokio::test]
async fn without_stale_answers_a_failure_is_told_at_once() {
    let (_listener, addr) = listen().await;
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let connector = Connector::builder()
        .resolver(By(move |_: &str| {
            match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 => Answers::ready([([127, 0, 0, 1], 0).into()]),
                _ => Answers::failed(io::Error::other("try again")),
            }
        }))
        .resolve_cache(Duration::ZERO)
        .resolve_stale(Duration::ZERO)
        .build();
    let endpoint = plain("a.test", addr.port());
    connector.connect(&endpoint).await.unwrap();
    let error = failure(&connector, &endpoint).await;
    assert_eq!(error.kind(), ConnectErrorKind::Resolve);
}

pub(crate) const NUMBERS_IN_DISGUISE: [&str; 5] =
    ["2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "127.1"];

#[tokio::test]
async fn a_number_in_disguise_is_a_name_and_never_made_an_address_by_us() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&asked);
    let connector = resolving(move |name| {
        recorder.lock().unwrap().push(name.to_owned());
        Answers::failed(io::ErrorKind::NotFound.into())
    });
    for name in NUMBERS_IN_DISGUISE {
        let error = failure(&connector, &plain(name, 80)).await;
        assert_eq!(error.kind(), ConnectErrorKind::NameNotFound);
    }
    assert_eq!(*asked.lock().unwrap(), NUMBERS_IN_DISGUISE);
}
