//! Lookups that are shared and answers that are kept, told on virtual time by one fake resolver.

mod forgetting;
mod outliving;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::{advance, sleep};

use super::*;

/// A resolver that counts how often it is asked, and answers by a function of that count.
struct Counting<F> {
    asked: Arc<AtomicUsize>,
    answer: F,
}

impl<F> Resolve for Counting<F>
where
    F: Fn(usize) -> Answers + Send + Sync + 'static,
{
    fn resolve(&self, _: &str) -> Answers {
        (self.answer)(self.asked.fetch_add(1, Ordering::SeqCst))
    }
}

fn shared(
    answer: impl Fn(usize) -> Answers + Send + Sync + 'static,
) -> (SharedResolver, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let resolver = Counting {
        asked: Arc::clone(&asked),
        answer,
    };
    let shared = SharedResolver::new(Box::new(resolver), Families::Both, CacheOptions::default());
    (shared, asked)
}

fn addr(n: u8) -> SocketAddr {
    ([192, 0, 2, n], 0).into()
}

fn six(n: u16) -> SocketAddr {
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 0).into()
}

fn slow(n: u8) -> Answers {
    Answers::from_lookup(async move {
        sleep(Duration::from_millis(100)).await;
        Ok(vec![addr(n)])
    })
}

fn failed() -> Answers {
    Answers::failed(io::Error::other("no server answers"))
}

fn unknown() -> Answers {
    Answers::failed(io::ErrorKind::NotFound.into())
}

async fn all(mut answers: Answers) -> Result<Vec<SocketAddr>, io::ErrorKind> {
    let mut all = Vec::new();
    while let Some(part) = answers.next().await {
        all.extend(part.map_err(|error| error.kind())?);
    }
    Ok(all)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

fn silent() -> Answers {
    Answers::from_lookup(std::future::pending())
}

#[tokio::test(start_paused = true)]
async fn lookups_of_one_name_under_way_are_shared() {
    let (resolver, asked) = shared(|_| slow(1));
    let callers: Vec<_> = (0..100)
        .map(|_| tokio::spawn(all(resolver.resolve("a.test"))))
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), Ok(vec![addr(1)]));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn different_names_are_asked_apart_whatever_their_case() {
    let (resolver, asked) = shared(|_| slow(1));
    let (a, b) = (resolver.resolve("A.test"), resolver.resolve("a.TEST"));
    let c = resolver.resolve("b.test");
    for answers in [a, b, c] {
        all(answers).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_end_the_lookup() {
    let (resolver, asked) = shared(|_| slow(1));
    let first = tokio::spawn(all(resolver.resolve("a.test")));
    tokio::task::yield_now().await;
    first.abort();
    sleep(Duration::from_millis(101)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_used_again_while_fresh_and_no_longer() {
    let (resolver, asked) = shared(|n| Answers::ready([addr(n as u8)]));
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(0)]));
    advance(Duration::from_millis(999)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(0)]));
    advance(Duration::from_millis(1)).await;
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn failures_are_not_remembered() {
    let (resolver, _) = shared(|n| match n {
        0 => failed(),
        _ => Answers::ready([addr(1)]),
    });
    assert!(all(resolver.resolve("a.test")).await.is_err());
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
}

#[tokio::test(start_paused = true)]
async fn parts_are_passed_on_as_they_come() {
    let (resolver, _) = shared(|_| {
        Answers::from_lookups([
            Box::pin(async {
                sleep(Duration::from_millis(300)).await;
                Ok(vec![addr(1)])
            }) as crate::guard::BoxFuture<_>,
            Box::pin(async { Ok(vec![addr(2)]) }),
        ])
    });
    let began = Instant::now();
    let mut answers = resolver.resolve("a.test");
    assert_eq!(answers.next().await.unwrap().unwrap(), [addr(2)]);
    assert!(began.elapsed() < Duration::from_millis(5));
    assert_eq!(answers.next().await.unwrap().unwrap(), [addr(1)]);
    assert!(answers.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_not_used_again() {
    let (resolver, asked) = shared(|_| {
        Answers::from_lookups([
            Box::pin(async { Err(io::Error::other("no server answers")) })
                as crate::guard::BoxFuture<_>,
            Box::pin(async { Ok(vec![addr(2)]) }),
        ])
    });
    let mut answers = resolver.resolve("a.test");
    assert_eq!(answers.next().await.unwrap().unwrap(), [addr(2)]);
    assert!(answers.next().await.unwrap().is_err());
    drop(resolver.resolve("a.test"));
    tokio::task::yield_now().await;
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_one_family_is_whole_where_the_other_is_known_not_to_be() {
    let (resolver, asked) = shared(|_| {
        Answers::from_lookups([
            Box::pin(async { Err(io::ErrorKind::NotFound.into()) }) as crate::guard::BoxFuture<_>,
            Box::pin(async { Ok(vec![addr(2)]) }),
        ])
    });
    let mut answers = resolver.resolve("a.test");
    assert_eq!(answers.next().await.unwrap().unwrap(), [addr(2)]);
    let none = answers.next().await.unwrap().unwrap_err();
    assert_eq!(none.kind(), io::ErrorKind::NotFound);
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(2)]));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_resolver_is_a_failure() {
    let (resolver, _) = shared(|n| match n {
        0 => panic!("in resolve"),
        _ => Answers::from_lookup(async { panic!("in the lookup") }),
    });
    for _ in 0..2 {
        let error = resolver
            .resolve("a.test")
            .next()
            .await
            .unwrap()
            .unwrap_err();
        assert!(crate::guard::is_panic(&error), "{error}");
    }
}

#[test]
fn a_lookup_of_a_runtime_that_ended_is_started_again() {
    let (resolver, asked) = shared(|n| match n {
        0 => Answers::from_lookup(std::future::pending()),
        _ => Answers::ready([addr(1)]),
    });
    let first = runtime();
    let orphan = first.block_on(async {
        let answers = resolver.resolve("a.test");
        tokio::task::yield_now().await;
        answers
    });
    // While the first runtime rests, a second is not kept waiting by it.
    let second = runtime();
    let own = second.block_on(async { all(resolver.resolve("a.test")).await });
    assert_eq!(own, Ok(vec![addr(1)]));
    drop(first);
    assert_eq!(second.block_on(all(orphan)), Ok(vec![addr(1)]));
    assert!(asked.load(Ordering::SeqCst) >= 2);
}

#[test]
fn a_lookup_is_started_again_only_once() {
    let (resolver, asked) = shared(|_| silent());
    let first = runtime();
    let mut orphan = first.block_on(async { resolver.resolve("a.test") });
    drop(first);
    let second = runtime();
    second.block_on(async {
        let moment = Duration::from_millis(5);
        assert!(tokio::time::timeout(moment, orphan.next()).await.is_err());
    });
    drop(second);
    let (error, end) = runtime().block_on(async { (orphan.next().await, orphan.next().await) });
    let text = error.unwrap().unwrap_err().to_string();
    assert_eq!(text, "the lookup ended without a word");
    assert!(end.is_none());
    // That of the first runtime was never polled.
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_panics_when_it_is_dropped_has_answered() {
    struct Bomb(std::future::Ready<io::Result<Vec<SocketAddr>>>);

    impl Future for Bomb {
        type Output = io::Result<Vec<SocketAddr>>;

        fn poll(
            mut self: std::pin::Pin<&mut Self>,
            cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Self::Output> {
            std::pin::Pin::new(&mut self.0).poll(cx)
        }
    }

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a drop");
        }
    }

    let (resolver, asked) =
        shared(|_| Answers::from_lookup(Bomb(std::future::ready(Ok(vec![addr(1)])))));
    assert_eq!(all(resolver.resolve("a.test")).await, Ok(vec![addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_hangs_ends_after_thirty_seconds() {
    let (resolver, _) = shared(|_| silent());
    let began = Instant::now();
    let outcome = all(resolver.resolve("a.test")).await;
    assert_eq!(outcome, Err(io::ErrorKind::TimedOut));
    assert_eq!(began.elapsed().as_secs(), 30);
    assert!(resolver.inner.memory().names.is_empty());
}

#[tokio::test(start_paused = true)]
async fn ipv6_goes_first_from_memory_wherever_its_part_came() {
    let (resolver, asked) = shared(|_| {
        Answers::from_lookups([
            Box::pin(async { Ok(vec![addr(2), addr(1)]) }) as crate::guard::BoxFuture<_>,
            Box::pin(async {
                sleep(Duration::from_millis(10)).await;
                Ok(vec![six(2), six(1)])
            }),
        ])
    });
    all(resolver.resolve("a.test")).await.unwrap();
    let again = all(resolver.resolve("a.test")).await;
    assert_eq!(again, Ok(vec![six(2), six(1), addr(2), addr(1)]));
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    // In one piece, the order is the resolver's.
    let (resolver, _) = shared(|_| Answers::ready([addr(1), six(1)]));
    all(resolver.resolve("a.test")).await.unwrap();
    let again = all(resolver.resolve("a.test")).await;
    assert_eq!(again, Ok(vec![addr(1), six(1)]));
}
