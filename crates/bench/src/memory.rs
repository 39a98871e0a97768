//! What this process holds.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::{SysconfVar, sysconf};

use crate::Failure;

/// Bytes of memory that are resident, once the heap has given back what it does not use.
pub(crate) fn resident() -> Result<u64, Failure> {
    trim();
    // proc_pid_statm(5): size, resident, shared, ..., in pages.
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .ok_or("a statm of one word")?
        .parse()?;
    let page = sysconf(SysconfVar::PAGE_SIZE)?.ok_or("pages of no size")?;
    Ok(pages * u64::try_from(page)?)
}

/// The most bytes that were ever resident.
pub(crate) fn peak() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: u64 = kibibytes.ok_or("a status without a peak")?.parse()?;
    Ok(kibibytes * 1024)
}

/// Descriptors that are open.
pub(crate) fn descriptors() -> Result<usize, Failure> {
    Ok(fs::read_dir("/proc/self/fd")?.count())
}

/// Raises the limit of open descriptors as far as it may be raised, and tells how far that is.
pub(crate) fn raise_descriptors() -> Result<u64, Failure> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    Ok(most)
}

#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it takes a plain number and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Other heaps have no such call.
#[cfg(not(target_env = "gnu"))]
fn trim() {}
