//! The scenarios, a module each.

pub(crate) mod bodies;
pub(crate) mod chunked_small;
pub(crate) mod fresh_connections;
pub(crate) mod head_parse;
pub(crate) mod many_origins;
pub(crate) mod small_get;
pub(crate) mod small_post_json;
pub(crate) mod stale_drops;
pub(crate) mod token_stream;
