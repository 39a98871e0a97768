//! What takes the place of an answer where the resolver fails or is slow.

use super::*;

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
    let hanging = tokio::spawn(all(resolver.resolve("a.test")));
    sleep(Duration::from_millis(4999)).await;
    let joined = tokio::spawn(all(resolver.resolve("a.test")));
    sleep(Duration::from_millis(1)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
    for caller in [hanging, joined] {
        // What another lookup found in the meantime stands in.
        assert_eq!(caller.await.unwrap(), Ok(vec![addr(1)]));
    }
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
