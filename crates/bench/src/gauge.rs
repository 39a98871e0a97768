//! What a gauge is.

use crate::Failure;
#[cfg(feature = "peers")]
use crate::gauges::idle_memory;
use crate::gauges::{compile, pool_scale, tracing_cost};

/// A question whose answer is a figure or two a row, where a [`Scenario`](crate::scenario::Scenario)
/// asks what requests cost.
#[derive(Debug)]
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// What each of the figures counts, and in relation to what.
    pub(crate) units: &'static [&'static str],
    /// How much is done for one reading, unless told otherwise, ...
    pub(crate) count: usize,
    /// ... and of what.
    pub(crate) counted: &'static str,
    /// Rounds, unless told otherwise.
    pub(crate) rounds: usize,
    /// Rows that are read in the first round alone: they take long, and nothing hangs on them.
    pub(crate) once: &'static [&'static str],
    /// The others are compared to the first.
    pub(crate) rows: Vec<Row>,
}

/// Whoever or whatever the figure is about.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Its settings, for the report.
    pub(crate) settings: &'static str,
    /// Takes one reading; called in a process of its own, with how much to do.
    pub(crate) read: fn(usize) -> Result<Figures, Failure>,
}

/// As many as the gauge has units.
pub(crate) type Figures = Vec<f64>;

impl Gauge {
    pub(crate) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }
}

pub(crate) fn all() -> Vec<Gauge> {
    vec![
        pool_scale::gauge(),
        #[cfg(feature = "peers")]
        idle_memory::gauge(),
        #[cfg(feature = "peers")]
        idle_memory::tls_gauge(),
        compile::gauge(),
        tracing_cost::gauge(),
    ]
}

pub(crate) fn find(name: &str) -> Option<Gauge> {
    all().into_iter().find(|gauge| gauge.name == name)
}
