//! A model check of what several threads do to one pool. Leases, waits, dials, evictions and the
//! shutdown are as they are; below them is the [`host`](crate::host) of the model, whose threads
//! and locks are loom's. It goes through every order of events that its bound allows.
//!
//! A waiter that is never woken shows as a deadlock, a waker that is never dropped as a leak, and
//! so does a task that outlives its pool. `.ci/loom` runs it.

use std::time::Duration;

use loom::future::block_on;
use loom::thread::spawn;

use self::world::{World, explore};
use crate::WaitError;
use crate::policy::{KeyLimits, Policy};
use crate::stats::Counts;

mod world;

#[test]
fn two_take_turns_on_the_only_connection() {
    explore(|| {
        let world = World::new(one_per_key());
        let other = spawn(world.on_a_thread(|world| world.ride("a")));
        world.ride("a");
        other.join().unwrap();
        assert_eq!(world.dials(), 1);
        world.end();
    });
}

#[test]
fn whoever_waits_for_a_connection_that_closes_gets_another() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let other = spawn(world.on_a_thread(|world| world.ride("a")));
        drop(lease);
        other.join().unwrap();
        assert_eq!(world.dials(), 2);
        world.end();
    });
}

#[test]
fn a_connection_returned_to_one_who_gives_up_goes_to_the_next() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let fickle = spawn(world.on_a_thread(|world| world.give_up("a")));
        let patient = spawn(world.on_a_thread(|world| world.ride("a")));
        lease.release();
        fickle.join().unwrap();
        patient.join().unwrap();
        assert_eq!((world.dials(), world.counts().idle), (1, 1));
        world.end();
    });
}

#[test]
fn a_dial_that_ends_while_its_waiter_gives_up_serves_the_next() {
    explore(|| {
        let world = World::new(one_per_key());
        let patient = spawn(world.on_a_thread(|world| world.ride("a")));
        world.give_up("a");
        patient.join().unwrap();
        assert_eq!(world.dials(), 1);
        world.end();
    });
}

#[test]
fn a_dial_that_nobody_waits_for_any_more_is_not_lost() {
    explore(|| {
        let world = World::new(one_per_key());
        world.give_up("a");
        let counts = world.counts();
        assert_eq!((counts.dialling + counts.idle, counts.waiting), (1, 0));
        world.ride("a");
        assert_eq!(world.dials(), 1);
        world.end();
    });
}

#[test]
fn who_refuses_a_connection_gets_another_and_so_does_who_waits_behind() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let other = spawn(world.on_a_thread(|world| world.ride("a")));
        world.refuse(lease).unwrap().release();
        other.join().unwrap();
        assert_eq!(world.dials(), 2);
        world.end();
    });
}

#[test]
fn a_dial_that_ends_while_it_is_given_up_for_others_leaves_nothing() {
    explore(|| {
        let world = World::new(Policy::default().with_max_connections(1));
        world.give_up("a");
        world.ride("b");
        assert!((1..=2).contains(&world.dials()));
        assert_eq!(world.counts().connections(), 1);
        world.end();
    });
}

#[test]
fn whoever_waits_when_dials_fail_is_told() {
    explore(|| {
        let world = World::new(one_per_key());
        let fall = |world: &World| {
            let error = world.fall("a").unwrap_err();
            assert!(matches!(error, WaitError::Dial(_)), "{error:?}");
        };
        let other = spawn(world.on_a_thread(fall));
        fall(&world);
        other.join().unwrap();
        assert!((1..=2).contains(&world.dials()));
        world.end();
    });
}

#[test]
fn a_hanging_dial_ends_with_the_pool() {
    explore(|| {
        let world = World::new(one_per_key());
        world.hang("a");
        world.end();
    });
}

#[test]
fn a_connection_is_either_evicted_or_lent() {
    explore(|| {
        let world = World::new(one_per_key());
        world.ride("a");
        let other = spawn(world.on_a_thread(|world| world.ride("a")));
        let evicted = world.pool.evict(|_, _, _| true);
        other.join().unwrap();
        let again = world.counts().idle == 1 && world.dials() == 1;
        assert!(evicted == 1 || again, "it was neither closed nor kept");
        world.end();
    });
}

#[test]
fn whoever_comes_while_a_connection_is_looked_at_gets_it_afterwards() {
    explore(|| {
        let world = World::new(one_per_key());
        world.ride("a");
        let other = spawn(world.on_a_thread(|world| world.ride("a")));
        assert_eq!(world.pool.evict(|_, _, _| false), 0);
        other.join().unwrap();
        assert_eq!(world.dials(), 1);
        world.end();
    });
}

#[test]
fn an_idle_connection_that_is_lent_makes_room_on_its_return() {
    explore(|| {
        let world = World::new(Policy::default().with_max_connections(1));
        world.ride("a");
        let other = spawn(world.on_a_thread(|world| world.ride("b")));
        world.ride_if_saddled("a");
        other.join().unwrap();
        assert_eq!(world.dials(), 2);
        world.end();
    });
}

#[test]
fn the_shutdown_sees_the_last_connection_return() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let other = spawn(|| lease.release());
        let left = block_on(world.pool.shutdown(Duration::from_secs(1)));
        assert_eq!(left, Counts::default());
        other.join().unwrap();
        world.end();
    });
}

#[test]
fn the_shutdown_serves_or_refuses_whoever_waits() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let other = spawn(world.on_a_thread(|world| match world.mount("a") {
            Ok(lease) => lease.release(),
            Err(error) => assert!(matches!(error, WaitError::ShutDown), "{error:?}"),
        }));
        let last = spawn(|| lease.release());
        let left = block_on(world.pool.shutdown(Duration::from_secs(1)));
        assert_eq!(left, Counts::default());
        other.join().unwrap();
        last.join().unwrap();
        world.end();
    });
}

#[test]
fn a_lease_may_be_returned_while_the_last_handle_goes() {
    explore(|| {
        let world = World::new(one_per_key());
        let lease = world.mount("a").unwrap();
        let other = spawn(|| lease.release());
        let remains = world.abandon();
        other.join().unwrap();
        remains.inspect();
    });
}

fn one_per_key() -> Policy {
    Policy::default().with_per_key(KeyLimits::default().with_max_connections(1))
}
