//! Keys are foreign code: what they do when they are compared, hashed, dropped.

use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use super::stage::{Horse, Stable, seconds};
use crate::{KeyLimits, Policy, Pool, WaitError, Want};

#[tokio::test(start_paused = true)]
async fn a_key_may_call_the_pool_when_it_is_dropped() {
    let limits = KeyLimits::default().with_max_connections(1);
    let pool = Pool::new(Policy::default().with_per_key(limits));
    let secret = Arc::new(Secret::default());
    let key = || Picky(Arc::clone(&secret));
    assert!(secret.pool.set(pool.clone()).is_ok());
    let dial = Stable::default().ready();
    // Listed, looked up, without room to warm, struck, refused.
    let lease = pool.wait(key(), Want::Any, dial.clone()).await;
    lease.expect("dialled").release();
    let lease = pool.wait(key(), Want::Any, dial.clone()).await;
    assert_eq!(pool.warm(key(), 3, dial.clone()).await.ok(), Some(0));
    lease.expect("one idles").release();
    assert_eq!(pool.close_idle_where(|_| true), 1);
    assert_eq!(pool.stats().keys.len(), 0);
    pool.shutdown(seconds(1)).await;
    let refused = pool.wait(key(), Want::Any, dial.clone()).await;
    assert!(matches!(refused, Err(WaitError::ShutDown)));
    let refused = pool.warm(key(), 1, dial).await;
    assert!(matches!(refused, Err(WaitError::ShutDown)));
    assert!(secret.drops.load(Ordering::SeqCst) >= 6);
    assert_eq!(Arc::strong_count(&secret), 1, "the pool keeps a key");
}

#[tokio::test(start_paused = true)]
async fn striking_a_key_asks_it_nothing() {
    let pool = Pool::new(Policy::default());
    let secret = Arc::new(Secret::default());
    let dial = Stable::default().ready();
    let lease = pool
        .wait(Picky(Arc::clone(&secret)), Want::Any, dial.clone())
        .await;
    lease.expect("dialled").release();
    secret.is_told.store(true, Ordering::SeqCst);
    assert_eq!(pool.close_idle(), 1);
    secret.is_told.store(false, Ordering::SeqCst);
    pool.shared().update(|ledger, _| ledger.audit());
    let lease = pool.wait(Picky(secret), Want::Any, dial).await;
    lease.expect("dialled anew").release();
    pool.shared().update(|ledger, _| ledger.audit());
}

/// A key that calls the pool when it is dropped, and panics when it is asked what it must not be.
#[derive(Clone)]
struct Picky(Arc<Secret>);

#[derive(Default)]
struct Secret {
    pool: OnceLock<Pool<Picky, Horse>>,
    drops: AtomicUsize,
    is_told: AtomicBool,
}

impl Picky {
    fn is_asked(&self) {
        assert!(!self.0.is_told.load(Ordering::SeqCst), "it was asked");
    }
}

impl Drop for Picky {
    fn drop(&mut self) {
        self.0.drops.fetch_add(1, Ordering::SeqCst);
        if let Some(pool) = self.0.pool.get() {
            // Not `stats`, whose keys would be dropped in turn, and so on without end.
            pool.totals();
        }
    }
}

impl Hash for Picky {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.is_asked();
        state.write_u8(7);
    }
}

impl Eq for Picky {}

impl PartialEq for Picky {
    fn eq(&self, other: &Self) -> bool {
        self.is_asked();
        Arc::ptr_eq(&self.0, &other.0)
    }
}
