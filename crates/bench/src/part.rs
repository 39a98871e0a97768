//! What one question has shown, in every form in which it is told.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Failure;
use crate::chart::Chart;
use crate::options::Output;
use crate::quiet::Disturbance;

#[derive(Deserialize, Serialize)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) about: String,
    /// A table in plain text.
    pub(crate) text: String,
    /// Figures for machines.
    pub(crate) document: Value,
    pub(crate) charts: Vec<Chart>,
    /// One for each round in which time was measured.
    pub(crate) disturbances: Vec<Disturbance>,
}

impl Part {
    pub(crate) fn print(&self, output: Output) -> Result<(), Failure> {
        match output {
            Output::Table => println!("{}", self.text),
            Output::Json => println!("{}", serde_json::to_string_pretty(&self.document)?),
        }
        Ok(())
    }
}
