//! Where things are written.

use std::path::PathBuf;

/// What may be deleted, and is never committed.
pub(crate) fn output() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| here().join("../../target"));
    target.join("bench")
}

/// This crate's own folder.
pub(crate) fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
