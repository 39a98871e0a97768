//! Races on virtual time against one simulated network. A little over 400 lines for that.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{sleep, timeout};

use super::*;
use crate::endpoint::{Endpoint, Host, Security};
use crate::error::ConnectError;

/// A network of which each address behaves as it is told, and a record of what was dialled when.
#[derive(Clone, Default)]
struct Network {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    hosts: HashMap<SocketAddr, Behaviour>,
    dialled: Mutex<Vec<(SocketAddr, Duration)>>,
    open: AtomicUsize,
    most_open: AtomicUsize,
}

#[derive(Clone, Copy)]
enum Behaviour {
    Accepts(u64),
    Refuses(u64),
    Silent,
}
use Behaviour::{Accepts, Refuses, Silent};

/// Answers at the given milliseconds from the start.
struct Script {
    answers: std::vec::IntoIter<(u64, Batch)>,
    began: Instant,
}

impl Script {
    fn new(answers: Vec<(u64, Batch)>) -> Self {
        Self {
            answers: answers.into_iter(),
            began: Instant::now(),
        }
    }
}

impl Supply for Script {
    async fn next(mut self) -> Option<(Self, Batch)> {
        let (at, batch) = self.answers.next()?;
        sleep_until(self.began + ms(at)).await;
        Some((self, batch))
    }
}

impl Network {
    fn new(hosts: &[(&str, Behaviour)]) -> Self {
        let hosts = hosts.iter().map(|(name, b)| (addr(name), *b)).collect();
        Self {
            inner: Arc::new(Inner {
                hosts,
                ..Inner::default()
            }),
        }
    }

    /// A race between all the addresses, known from the start and in the order given.
    fn race(&self, names: &str) -> Race<'static, Guard, Script> {
        self.race_of(vec![(0, Ok(addrs(names)))], RaceOptions::default())
    }

    fn race_of(
        &self,
        answers: Vec<(u64, Batch)>,
        options: RaceOptions,
    ) -> Race<'static, Guard, Script> {
        let network = Arc::clone(&self.inner);
        let began = Instant::now();
        let progress = Box::leak(Box::<Progress>::default());
        std::mem::forget(progress.begin(began));
        Race::start(options, progress, Script::new(answers), move |addr| {
            let network = Arc::clone(&network);
            network
                .dialled
                .lock()
                .unwrap()
                .push((addr, began.elapsed()));
            Box::pin(async move {
                let guard = Guard::new(&network);
                match network.hosts[&addr] {
                    Accepts(after) => {
                        sleep(ms(after)).await;
                        Ok(guard)
                    }
                    Refuses(after) => {
                        sleep(ms(after)).await;
                        Err(io::ErrorKind::ConnectionRefused.into())
                    }
                    Silent => std::future::pending().await,
                }
            })
        })
    }

    /// What was dialled, each with the millisecond of its start.
    fn dialled(&self) -> Vec<(String, u128)> {
        let dialled = self.inner.dialled.lock().unwrap();
        dialled
            .iter()
            .map(|(addr, at)| (name(addr), at.as_millis()))
            .collect()
    }

    fn open(&self) -> usize {
        self.inner.open.load(Ordering::SeqCst)
    }
}

/// An open socket of the simulated network.
struct Guard(Arc<Inner>);

impl Guard {
    fn new(network: &Arc<Inner>) -> Self {
        let open = network.open.fetch_add(1, Ordering::SeqCst) + 1;
        network.most_open.fetch_max(open, Ordering::SeqCst);
        Self(Arc::clone(network))
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard")
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `61` is the first IPv6 address, `42` the second of IPv4.
fn addr(name: &str) -> SocketAddr {
    match name.split_at(1) {
        ("6", n) => format!("[2001:db8::{n}]:80").parse().unwrap(),
        (_, n) => format!("192.0.2.{n}:80").parse().unwrap(),
    }
}

fn addrs(names: &str) -> Vec<SocketAddr> {
    names.split_whitespace().map(addr).collect()
}

fn name(addr: &SocketAddr) -> String {
    match addr {
        SocketAddr::V6(addr) => format!("6{:x}", addr.ip().segments()[7]),
        SocketAddr::V4(addr) => format!("4{}", addr.ip().octets()[3]),
    }
}

fn dialled(expected: &[(&str, u128)]) -> Vec<(String, u128)> {
    let owned = |(name, at): &(&str, u128)| ((*name).to_owned(), *at);
    expected.iter().map(owned).collect()
}

fn no_address() -> Failure {
    Failure::new(ConnectErrorKind::NoAddress, Phase::Resolve)
}

#[tokio::test(start_paused = true)]
async fn the_first_address_is_used_alone_if_it_is_quick() {
    let network = Network::new(&[("61", Accepts(249)), ("41", Accepts(0))]);
    let mut race = network.race("61 41");
    assert_eq!(race.winner().await.unwrap().addr, addr("61"));
    assert_eq!(network.dialled(), dialled(&[("61", 0)]));
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_costs_one_attempt_delay() {
    let network = Network::new(&[("61", Silent), ("41", Accepts(30))]);
    let began = Instant::now();
    let mut race = network.race("61 41");
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
    assert_eq!(began.elapsed(), ms(280));
    assert_eq!(network.dialled(), dialled(&[("61", 0), ("41", 250)]));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_starts_the_next_attempt_at_once() {
    let network = Network::new(&[("61", Refuses(3)), ("62", Refuses(3)), ("41", Accepts(1))]);
    let began = Instant::now();
    let mut race = network.race("61 62 41");
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
    assert_eq!(began.elapsed(), ms(4));
    assert_eq!(network.dialled(), dialled(&[("61", 0), ("41", 3)]));
}

#[tokio::test(start_paused = true)]
async fn a_slow_attempt_goes_on_while_later_ones_run() {
    let network = Network::new(&[("61", Accepts(600)), ("41", Silent), ("62", Silent)]);
    let began = Instant::now();
    let mut race = network.race("61 62 41");
    assert_eq!(race.winner().await.unwrap().addr, addr("61"));
    assert_eq!(began.elapsed(), ms(600));
}

#[tokio::test(start_paused = true)]
async fn losers_are_closed_when_the_winner_is_told() {
    let network = Network::new(&[("61", Silent), ("41", Silent), ("62", Accepts(1))]);
    let mut race = network.race("61 62 41");
    let winner = race.winner().await.unwrap();
    assert_eq!(network.open(), 1);
    drop(winner);
    assert_eq!(network.open(), 0);
    let attempts = race.progress.take_attempts();
    let kinds: Vec<_> = attempts
        .iter()
        .map(|a| (name(&a.addr), a.error.as_ref().map(|e| e.kind())))
        .collect();
    let given_up = Some(io::ErrorKind::Interrupted);
    let expected = [("61", given_up), ("41", given_up), ("62", None)];
    assert_eq!(kinds, expected.map(|(name, kind)| (name.to_owned(), kind)));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_race_leaves_no_socket() {
    let network = Network::new(&[("61", Silent), ("41", Silent)]);
    let mut race = network.race("61 41");
    assert!(timeout(ms(300), race.winner()).await.is_err());
    assert_eq!(network.open(), 2);
    drop(race);
    assert_eq!(network.open(), 0);
}

#[tokio::test(start_paused = true)]
async fn only_so_many_attempts_are_under_way_at_once() {
    let names = "41 42 43 44 45 46 47 48";
    let hosts: Vec<_> = names.split(' ').map(|name| (name, Refuses(1300))).collect();
    let network = Network::new(&hosts);
    let mut race = network.race_of(vec![(0, Ok(addrs(names)))], at_most(4));
    let failure = race.winner().await.unwrap_err();
    assert_eq!(failure.attempts.len(), 8);
    assert_eq!(network.inner.most_open.load(Ordering::SeqCst), 4);
    // The fifth takes the place of the first.
    assert_eq!(network.dialled()[4], ("45".to_owned(), 1300));
}

fn at_most(most_at_once: usize) -> RaceOptions {
    RaceOptions {
        most_at_once,
        ..RaceOptions::default()
    }
}

#[tokio::test(start_paused = true)]
async fn black_holes_make_room_for_the_good_address_behind_them() {
    let names = "41 42 43 44 45 46 47 48";
    let silent = |name| (name, Silent);
    let mut hosts: Vec<_> = names.split(' ').map(silent).collect();
    hosts[7].1 = Accepts(30);
    let network = Network::new(&hosts);
    let mut race = network.race(names);
    let began = Instant::now();
    assert_eq!(race.winner().await.unwrap().addr, addr("48"));
    // At the usual pace, as if there were room for all.
    assert_eq!(began.elapsed(), ms(7 * 250 + 30));
    assert_eq!(network.inner.most_open.load(Ordering::SeqCst), 6);
    let attempts = race.progress.take_attempts();
    let given_up: Vec<_> = attempts[..2]
        .iter()
        .map(|a| (name(&a.addr), a.error.as_ref().unwrap()))
        .map(|(name, error)| (name, error.kind(), error.to_string()))
        .collect();
    let made_room = |name: &str| {
        let words = "made room for another address";
        (name.to_owned(), io::ErrorKind::TimedOut, words.to_owned())
    };
    assert_eq!(given_up, [made_room("41"), made_room("42")]);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_alone_has_time_for_a_second_syn_before_it_makes_room() {
    let network = Network::new(&[("41", Silent), ("42", Accepts(1400)), ("43", Accepts(1))]);
    let answers = vec![(0, Ok(addrs("41 42 43")))];
    let mut race = network.race_of(answers, at_most(1));
    assert_eq!(race.winner().await.unwrap().addr, addr("42"));
    assert_eq!(network.dialled(), dialled(&[("41", 0), ("42", 1500)]));
}

#[tokio::test(start_paused = true)]
async fn every_failure_is_told_with_its_own_time() {
    let network = Network::new(&[("61", Refuses(10)), ("41", Refuses(20))]);
    let failure = network.race("61 41").winner().await.unwrap_err();
    assert_eq!(failure.kind, ConnectErrorKind::Refused);
    assert_eq!(failure.phase, Phase::Connect);
    let times: Vec<_> = failure
        .attempts
        .iter()
        .map(|a| (name(&a.addr), a.started.as_millis(), a.elapsed.as_millis()))
        .collect();
    assert_eq!(times, [("61".to_owned(), 0, 10), ("41".to_owned(), 10, 20)]);
}

#[tokio::test(start_paused = true)]
async fn attempts_under_way_when_time_is_up_are_told() {
    let network = Network::new(&[("61", Silent), ("41", Refuses(5))]);
    let mut race = network.race("61 41");
    assert!(timeout(ms(1000), race.winner()).await.is_err());
    let failure = race.progress.expired();
    let phase = Phase::Connect;
    assert_eq!(failure.kind, ConnectErrorKind::TimedOut { phase });
    let kinds: Vec<_> = failure
        .attempts
        .iter()
        .map(|a| a.error.as_ref().unwrap().kind())
        .collect();
    assert_eq!(
        kinds,
        [io::ErrorKind::ConnectionRefused, io::ErrorKind::TimedOut]
    );
}

#[tokio::test(start_paused = true)]
async fn time_up_without_an_address_is_the_resolvers() {
    let network = Network::new(&[]);
    let mut race = network.race_of(vec![(5000, Ok(vec![]))], RaceOptions::default());
    assert!(timeout(ms(1000), race.winner()).await.is_err());
    let phase = Phase::Resolve;
    assert_eq!(
        race.progress.expired().kind,
        ConnectErrorKind::TimedOut { phase }
    );
}

#[tokio::test(start_paused = true)]
async fn time_up_with_nothing_under_way_is_the_resolvers() {
    let network = Network::new(&[("61", Refuses(5)), ("41", Silent)]);
    let answers = vec![(0, Ok(addrs("61"))), (2000, Ok(addrs("41")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    let mut text_after = async |time| {
        assert!(timeout(ms(time), race.winner()).await.is_err());
        text(race.progress.expired())
    };
    assert_eq!(
        text_after(1000).await,
        "could not resolve further addresses of a.test: timed out after 10.0 s \
         ([2001:db8::1]:80: connection refused after 5 ms)"
    );
    // Until there is another address to connect to.
    assert_eq!(
        text_after(1500).await,
        "could not connect to a.test:80: timed out after 10.0 s \
         ([2001:db8::1]:80: connection refused after 5 ms, \
         192.0.2.1:80: timed out after 500 ms)"
    );
}

/// As `a.test` would tell it after ten seconds.
fn text(failure: Failure) -> String {
    let endpoint = Endpoint::new(Host::Name("a.test".into()), 80, Security::Plain);
    ConnectError::new(failure, &endpoint, ms(10_000)).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_resumed_race_tries_the_addresses_that_lost() {
    let network = Network::new(&[("61", Accepts(300)), ("41", Accepts(10)), ("62", Silent)]);
    let mut race = network.race("61 62 41");
    let first = race.winner().await.unwrap();
    assert_eq!(first.addr, addr("41"));
    race.progress
        .disqualify(first.addr, Arc::new(io::ErrorKind::ConnectionReset.into()));
    assert_eq!(race.winner().await.unwrap().addr, addr("61"));
    let attempts = race.progress.take_attempts();
    let of_first = attempts.iter().find(|a| a.addr == addr("41")).unwrap();
    let error = of_first.error.as_ref().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn ipv4_waits_a_moment_for_ipv6() {
    let network = Network::new(&[("61", Accepts(1)), ("41", Accepts(1))]);
    let answers = vec![(10, Ok(addrs("41"))), (45, Ok(addrs("61")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert_eq!(race.winner().await.unwrap().addr, addr("61"));
    assert_eq!(network.dialled(), dialled(&[("61", 45)]));
}

#[tokio::test(start_paused = true)]
async fn ipv4_waits_no_longer_than_the_resolution_delay() {
    let network = Network::new(&[("61", Accepts(1)), ("41", Accepts(1))]);
    let answers = vec![(10, Ok(addrs("41"))), (500, Ok(addrs("61")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
    assert_eq!(network.dialled(), dialled(&[("41", 60)]));
}

#[tokio::test(start_paused = true)]
async fn ipv4_does_not_wait_where_ipv6_is_known_not_to_come() {
    for answers in [
        vec![(10, Ok(addrs("41")))],
        vec![(10, Err(no_address())), (10, Ok(addrs("41")))],
        vec![(10, Ok(addrs("41"))), (10, Err(no_address()))],
    ] {
        let network = Network::new(&[("41", Accepts(1))]);
        let mut race = network.race_of(answers, RaceOptions::default());
        race.winner().await.unwrap();
        assert_eq!(network.dialled(), dialled(&[("41", 10)]));
    }
}

#[tokio::test(start_paused = true)]
async fn ipv6_starts_without_waiting_for_ipv4() {
    let network = Network::new(&[("61", Silent), ("41", Accepts(1))]);
    let answers = vec![(10, Ok(addrs("61"))), (900, Ok(addrs("41")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
    assert_eq!(network.dialled(), dialled(&[("61", 10), ("41", 900)]));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_starts_at_once_when_all_before_it_failed() {
    let network = Network::new(&[("61", Refuses(1)), ("41", Accepts(1))]);
    let answers = vec![(0, Ok(addrs("61"))), (40, Ok(addrs("41")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
    assert_eq!(network.dialled(), dialled(&[("61", 0), ("41", 40)]));
}

#[tokio::test(start_paused = true)]
async fn half_a_lookup_that_fails_does_not_spoil_the_other() {
    let network = Network::new(&[("41", Accepts(1))]);
    let failed = Failure::resolving(io::ErrorKind::NotFound.into());
    let answers = vec![(0, Err(failed)), (10, Ok(addrs("41")))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert_eq!(race.winner().await.unwrap().addr, addr("41"));
}

fn server_failure() -> Failure {
    Failure::resolving(io::Error::other("SERVFAIL"))
}

#[tokio::test(start_paused = true)]
async fn half_a_lookup_that_failed_is_told_where_the_other_half_brought_nobody() {
    let network = Network::new(&[("61", Refuses(10))]);
    for failed_at in [0, 5, 20] {
        let mut answers = vec![(0, Ok(addrs("61"))), (failed_at, Err(server_failure()))];
        answers.sort_by_key(|(at, batch)| (*at, batch.is_ok()));
        let mut race = network.race_of(answers, RaceOptions::default());
        let failure = race.winner().await.unwrap_err();
        assert_eq!(failure.kind, ConnectErrorKind::Refused);
        assert_eq!(
            text(failure),
            "could not connect to a.test:80: connection refused \
             ([2001:db8::1]:80: connection refused after 10 ms); \
             a part of the lookup failed: SERVFAIL"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn half_a_lookup_that_failed_is_told_where_time_is_up_for_the_other() {
    let network = Network::new(&[("61", Silent)]);
    let answers = vec![(0, Ok(addrs("61"))), (5, Err(server_failure()))];
    let mut race = network.race_of(answers, RaceOptions::default());
    assert!(timeout(ms(1000), race.winner()).await.is_err());
    assert_eq!(
        text(race.progress.expired()),
        "could not connect to a.test:80: timed out after 10.0 s \
         ([2001:db8::1]:80: timed out after 1.0 s); \
         a part of the lookup failed: SERVFAIL"
    );
}

#[tokio::test(start_paused = true)]
async fn that_a_family_has_no_address_is_no_failure_to_tell() {
    let network = Network::new(&[("61", Refuses(10))]);
    let no_such_name = Failure::resolving(io::ErrorKind::NotFound.into());
    for answer in [no_address(), no_such_name] {
        let answers = vec![(0, Ok(addrs("61"))), (5, Err(answer))];
        let mut race = network.race_of(answers, RaceOptions::default());
        let failure = race.winner().await.unwrap_err();
        assert_eq!(
            text(failure),
            "could not connect to a.test:80: connection refused \
             ([2001:db8::1]:80: connection refused after 10 ms)"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_failed_lookups_the_one_that_says_more_is_told() {
    let network = Network::new(&[]);
    let failed = Failure::resolving(io::Error::other("no server answers"));
    let answers = vec![(0, Err(no_address())), (10, Err(failed))];
    let mut race = network.race_of(answers, RaceOptions::default());
    let failure = race.winner().await.unwrap_err();
    assert_eq!(failure.kind, ConnectErrorKind::Resolve);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_without_any_answer_is_no_address() {
    let network = Network::new(&[]);
    let mut race = network.race_of(vec![], RaceOptions::default());
    let failure = race.winner().await.unwrap_err();
    assert_eq!(failure.kind, ConnectErrorKind::NoAddress);
    assert_eq!(failure.phase, Phase::Resolve);
}
