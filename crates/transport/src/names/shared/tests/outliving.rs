//! What takes the place of an answer where the resolver fails or is slow.

use super::*;
use crate::guard::BoxFuture;

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_stands_in_for_a_failure_for_a_while() {
    let (resolver, asked) = shared(|n| match n {
        0 => Answers::ready([addr(0)]),
        _ => failed(),
    });
    all(resolver.resolve("a.test")).await.unwrap();
    advance(Duration::from_secs(59)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(0)]));
    advance(Duration::from_secs(1)).await;
    let late = all(resolver.resolve("a.test")).await;
    assert_eq!(late, Err(io::ErrorKind::Other));
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_gone_is_gone_at_once() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([addr(0)]),
        1 => unknown(),
        _ => failed(),
    });
    all(resolver.resolve("a.test")).await.unwrap();
    advance(Duration::from_secs(2)).await;
    let gone = all(resolver.resolve("a.test")).await;
    assert_eq!(gone, Err(io::ErrorKind::NotFound));
    let failed = all(resolver.resolve("a.test")).await;
    assert_eq!(failed, Err(io::ErrorKind::Other));
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_is_joined_no_longer_than_five_seconds() {
    let (resolver, asked) = shared(|n| match n {
        0 => silent(),
        _ => Answers::ready([addr(1)]),
    });
    let began = Instant::now();
    let hanging = tokio::spawn(all(resolver.resolve("a.test")));
    sleep(Duration::from_millis(4999)).await;
    let joined = tokio::spawn(all(resolver.resolve("a.test")));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for caller in [hanging, joined] {
        // What another lookup finds is theirs, too.
        assert_eq!(caller.await.unwrap(), Ok(vec![addr(1)]));
    }
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_answer_stands_in_for_a_lookup_that_hangs() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([addr(0)]),
        _ => silent(),
    });
    all(resolver.resolve("a.test")).await.unwrap();
    advance(Duration::from_secs(30)).await;
    let began = Instant::now();
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(0)]));
    assert_eq!(began.elapsed().as_secs(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_too_old_stands_in_for_no_lookup_that_hangs() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([addr(0)]),
        _ => silent(),
    });
    all(resolver.resolve("a.test")).await.unwrap();
    advance(Duration::from_secs(59)).await;
    // It becomes so while the lookup goes on.
    let outcome = all(resolver.resolve("a.test")).await;
    assert_eq!(outcome, Err(io::ErrorKind::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn what_a_slow_lookup_brings_after_the_stale_answer_is_kept() {
    let (resolver, asked) = shared(|n| match n {
        0 => Answers::ready([addr(0)]),
        _ => Answers::from_lookup(async {
            sleep(Duration::from_secs(3)).await;
            Ok(vec![addr(1)])
        }),
    });
    all(resolver.resolve("a.test")).await.unwrap();
    advance(Duration::from_secs(30)).await;
    let began = Instant::now();
    let asker = tokio::spawn(all(resolver.resolve("a.test")));
    assert_eq!(asker.await.unwrap(), Ok(vec![addr(0)]));
    assert_eq!(began.elapsed().as_secs(), 2);
    // Who asks while it goes on need not wait as long again.
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(0)]));
    assert_eq!(began.elapsed().as_secs(), 2);
    sleep(Duration::from_millis(1001)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

/// Parts that come after so many seconds each.
fn apart<const N: usize>(parts: [(u64, io::Result<Vec<SocketAddr>>); N]) -> Answers {
    Answers::from_lookups(parts.map(|(after, part)| {
        Box::pin(async move {
            sleep(Duration::from_secs(after)).await;
            part
        }) as BoxFuture<_>
    }))
}

const NEVER: u64 = 1000;

fn no_server() -> io::Result<Vec<SocketAddr>> {
    Err(io::Error::other("no server answers"))
}

/// Asks once, and again whenever so many seconds have passed.
async fn each_after(resolver: &SharedResolver, seconds: u64) -> Vec<Vec<SocketAddr>> {
    let mut each = vec![all(resolver.resolve("a.test")).await.unwrap()];
    for _ in 0..2 {
        advance(Duration::from_secs(seconds)).await;
        each.push(all(resolver.resolve("a.test")).await.unwrap());
    }
    each
}

#[tokio::test(start_paused = true)]
async fn a_family_that_is_slow_is_stood_in_for_and_still_listened_for() {
    for before in [vec![six(1), addr(1)], vec![addr(1)]] {
        let (resolver, _) = shared(move |n| match n {
            0 => Answers::ready(before.clone()),
            _ => apart([(0, Ok(vec![six(2)])), (3, Ok(vec![addr(2)]))]),
        });
        all(resolver.resolve("a.test")).await.unwrap();
        advance(Duration::from_secs(30)).await;
        let began = Instant::now();
        let mut answers = resolver.resolve("a.test");
        for (addr, after) in [(six(2), 0), (addr(1), 2), (addr(2), 3)] {
            assert_eq!(answers.next().await.unwrap().unwrap(), [addr]);
            assert_eq!(began.elapsed().as_secs(), after);
        }
        assert!(answers.next().await.is_none());
        let again = all(resolver.resolve("a.test")).await;
        assert_eq!(again, Ok(vec![six(2), addr(2)]));
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_that_stood_in_and_comes_after_all_is_told_once() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([six(1), addr(1)]),
        _ => apart([(0, Ok(vec![six(1)])), (3, Ok(vec![addr(1), addr(2)]))]),
    });
    let [_, second, _] = &each_after(&resolver, 30).await[..] else {
        panic!("asked three times");
    };
    assert_eq!(*second, [six(1), addr(1), addr(2)]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_lookup_is_waited_for_where_a_family_was_never_known() {
    let (resolver, _) = shared(|n| match n {
        0 => apart([(0, Ok(vec![six(1)])), (0, no_server())]),
        _ => apart([(3, Ok(vec![six(1)])), (3, Ok(vec![addr(1)]))]),
    });
    let first = all(resolver.resolve("a.test")).await;
    assert_eq!(first, Err(io::ErrorKind::Other));
    let second = all(resolver.resolve("a.test")).await;
    assert_eq!(second, Ok(vec![six(1), addr(1)]));
}

#[tokio::test(start_paused = true)]
async fn a_family_that_fails_is_stood_in_for_and_stays_known() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([addr(1), six(1)]),
        1 => apart([(0, Ok(vec![six(2)])), (0, no_server())]),
        _ => failed(),
    });
    assert_eq!(
        each_after(&resolver, 20).await,
        [
            [addr(1), six(1)],
            [six(2), addr(1)],
            // The whole of it.
            [six(2), addr(1)],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn each_family_stands_in_at_its_own_age() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([six(1), addr(1)]),
        1 => apart([(0, Ok(vec![six(2)])), (0, no_server())]),
        _ => failed(),
    });
    let each = each_after(&resolver, 40).await;
    assert_eq!(each[1..], [vec![six(2), addr(1)], vec![six(2)]]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_lookup_is_waited_for_where_a_family_is_known_no_more() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([six(1), addr(1)]),
        1 => apart([(0, Ok(vec![six(2)])), (0, no_server())]),
        _ => apart([(3, Ok(vec![six(2)])), (3, Ok(vec![addr(2)]))]),
    });
    let each = each_after(&resolver, 40).await;
    assert_eq!(each[2], [six(2), addr(2)]);
}

#[tokio::test(start_paused = true)]
async fn failures_leave_the_order_of_the_last_good_answer() {
    let (resolver, _) = shared(|n| match n {
        0 => Answers::ready([addr(1), six(1)]),
        _ => failed(),
    });
    for addrs in each_after(&resolver, 2).await {
        assert_eq!(addrs, [addr(1), six(1)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_that_hangs_leaves_what_a_later_lookup_knows() {
    let (resolver, asked) = shared(|n| match n {
        0 => apart([(0, Ok(vec![six(1)])), (NEVER, no_server())]),
        1 => Answers::ready([six(2), addr(2)]),
        _ => failed(),
    });
    let _hanging = resolver.resolve("a.test");
    sleep(Duration::from_secs(5)).await;
    all(resolver.resolve("a.test")).await.unwrap();
    sleep(Duration::from_secs(26)).await;
    assert_eq!(
        all(resolver.resolve("a.test")).await,
        Ok(vec![six(2), addr(2)])
    );
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test(start_paused = true)]
async fn a_family_that_firmly_has_no_address_is_not_stood_in_for() {
    for none in [|| Err(io::ErrorKind::NotFound.into()), || Ok(Vec::new())] {
        let (resolver, _) = shared(move |n| match n {
            0 => Answers::ready([six(1), addr(1)]),
            1 => apart([(0, none()), (0, Ok(vec![addr(2)]))]),
            _ => apart([(0, no_server()), (0, Ok(vec![addr(3)]))]),
        });
        for _ in 0..2 {
            let mut answers = resolver.resolve("a.test");
            while answers.next().await.is_some() {}
            advance(Duration::from_secs(2)).await;
        }
        let mut answers = resolver.resolve("a.test");
        assert_eq!(answers.next().await.unwrap().unwrap(), [addr(3)]);
        assert!(answers.next().await.unwrap().is_err());
        assert!(answers.next().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn a_family_known_not_to_be_is_not_found_by_an_older_lookup() {
    let (resolver, _) = shared(|n| match n {
        0 => apart([(0, Ok(vec![six(1)])), (NEVER, no_server())]),
        1 => Answers::ready([addr(1)]),
        _ => silent(),
    });
    let began = Instant::now();
    let _hanging = resolver.resolve("a.test");
    sleep(Duration::from_secs(5)).await;
    all(resolver.resolve("a.test")).await.unwrap();
    sleep(Duration::from_secs(24)).await;
    // The oldest ends while the youngest waits.
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(began.elapsed().as_secs(), 31);
}

#[tokio::test(start_paused = true)]
async fn callers_of_a_lookup_that_hangs_get_the_part_that_another_found() {
    let (resolver, _) = shared(|n| match n {
        0 => silent(),
        _ => apart([(0, Ok(vec![six(1)])), (1, no_server())]),
    });
    let mut hanging = resolver.resolve("a.test");
    let began = Instant::now();
    sleep(Duration::from_secs(5)).await;
    let other = tokio::spawn(all(resolver.resolve("a.test")));
    assert_eq!(hanging.next().await.unwrap().unwrap(), [six(1)]);
    assert_eq!(began.elapsed().as_secs(), 6);
    assert_eq!(other.await.unwrap(), Err(io::ErrorKind::Other));
}
