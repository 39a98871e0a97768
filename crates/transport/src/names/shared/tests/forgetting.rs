//! Which names are remembered, and how many.

use super::memory::MOST_NAMES;
use super::*;

#[tokio::test(start_paused = true)]
async fn the_oldest_names_are_forgotten() {
    let (resolver, _) = shared(|_| Answers::ready([addr(1)]));
    for n in 0..MOST_NAMES + 10 {
        all(resolver.resolve(&format!("{n}.test"))).await.unwrap();
        advance(Duration::from_micros(1)).await;
    }
    let names = &resolver.inner.memory().names;
    // One too many, and an eighth in advance.
    let forgotten = 1 + MOST_NAMES / 8;
    assert_eq!(names.len(), MOST_NAMES + 10 - forgotten);
    assert!(!names.contains_key(&*format!("{}.test", forgotten - 1)));
    assert!(names.contains_key(&*format!("{forgotten}.test")));
}

#[tokio::test(start_paused = true)]
async fn where_none_could_be_forgotten_an_eighth_more_come_in_before_the_next_search() {
    let (resolver, _) = shared(|n| match n {
        ..MOST_NAMES => silent(),
        _ => Answers::ready([addr(1)]),
    });
    let is_known = |name: &str| resolver.inner.memory().names.contains_key(name);
    for n in 0..MOST_NAMES {
        drop(resolver.resolve(&format!("{n}.test")));
    }
    // Each is asked for by a task of its own.
    tokio::task::yield_now().await;
    all(resolver.resolve("vain.test")).await.unwrap();
    for n in 1..MOST_NAMES / 8 {
        all(resolver.resolve(&format!("{n}.more.test")))
            .await
            .unwrap();
    }
    assert!(is_known("vain.test"));
    all(resolver.resolve("next.test")).await.unwrap();
    assert!(!is_known("vain.test") && is_known("next.test"));
    assert_eq!(resolver.inner.memory().names.len(), MOST_NAMES + 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_peak_only_so_many_names_are_remembered() {
    let (resolver, _) = shared(|_| slow(1));
    let peak: Vec<_> = (0..4 * MOST_NAMES)
        .map(|n| tokio::spawn(all(resolver.resolve(&format!("{n}.test")))))
        .collect();
    for asker in peak {
        asker.await.unwrap().unwrap();
    }
    assert_eq!(resolver.inner.memory().names.len(), 4 * MOST_NAMES);
    for n in 0..MOST_NAMES / 2 {
        let name = format!("{n}.new.test");
        all(resolver.resolve(&name)).await.unwrap();
        assert!(resolver.inner.memory().names.contains_key(&*name));
    }
    let names = &resolver.inner.memory().names;
    assert!(names.len() <= MOST_NAMES);
    assert!(names.capacity() < 4 * MOST_NAMES);
}

#[tokio::test(start_paused = true)]
async fn a_name_without_an_answer_is_not_remembered() {
    let (resolver, _) = shared(|n| if n % 2 == 0 { failed() } else { unknown() });
    for n in 0..4 {
        all(resolver.resolve(&format!("{n}.test")))
            .await
            .unwrap_err();
    }
    assert!(resolver.inner.memory().names.is_empty());
}

#[test]
fn a_name_whose_lookup_ended_with_its_runtime_can_be_forgotten() {
    let (resolver, _) = shared(|_| silent());
    let first = runtime();
    first.block_on(async { drop(resolver.resolve("a.test")) });
    drop(first);
    for known in resolver.inner.memory().names.values() {
        assert!(!known.is_asked() && known.heard_at().is_none());
    }
    assert_eq!(resolver.inner.memory().names.len(), 1);
}

#[test]
fn a_lookup_that_ended_with_its_runtime_is_forgotten_with_the_next() {
    let (resolver, _) = shared(|_| unknown());
    let first = runtime();
    first.block_on(async { drop(resolver.resolve("a.test")) });
    drop(first);
    let answer = runtime().block_on(async { all(resolver.resolve("a.test")).await });
    assert_eq!(answer, Err(io::ErrorKind::NotFound));
    assert!(resolver.inner.memory().names.is_empty());
}
