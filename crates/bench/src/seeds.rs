//! The seeds of hash maps, which are the same every time where instructions are counted.
//!
//! Maps and tokio's schedulers take theirs from the C library's `getrandom`. The linker prefers the
//! one that stands here.

use std::ffi::{c_uint, c_void};
use std::sync::atomic::{AtomicBool, Ordering};

static ARE_FIXED: AtomicBool = AtomicBool::new(false);

/// From now on in this process. Nothing in it is secret any more.
pub(crate) fn fix() {
    ARE_FIXED.store(true, Ordering::Relaxed);
}

// SAFETY: it does what the one of the C library does, only that its bytes may be known.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: usize, flags: c_uint) -> isize {
    if ARE_FIXED.load(Ordering::Relaxed) {
        // SAFETY: the caller has so much room there.
        unsafe { buffer.cast::<u8>().write_bytes(SEED, length) };
        return isize::try_from(length).unwrap_or(isize::MAX);
    }
    // SAFETY: all three are the caller's own.
    let count = unsafe { libc::syscall(libc::SYS_getrandom, buffer, length, flags) };
    isize::try_from(count).unwrap_or(-1)
}

const SEED: u8 = 0x5a;

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};
    use std::thread;

    use super::fix;

    /// What a new thread's first map would hash by: later ones count on from there.
    fn first_hash() -> u64 {
        let thread = thread::spawn(|| RandomState::new().hash_one("origin"));
        thread.join().unwrap()
    }

    #[test]
    fn seeds_differ_until_they_are_fixed() {
        assert_ne!(first_hash(), first_hash());
        fix();
        assert_eq!(first_hash(), first_hash());
    }
}
