//! The gauges, a module each.

pub(crate) mod compile;
#[cfg(feature = "peers")]
pub(crate) mod idle_memory;
pub(crate) mod pool_scale;
mod program;
pub(crate) mod tracing_cost;
