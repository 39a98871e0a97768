//! The scenarios, a module each.

pub(crate) mod chunked_small;
pub(crate) mod head_parse;
pub(crate) mod small_get;
pub(crate) mod stale_drops;
