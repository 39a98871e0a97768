//! What one question has shown, in every form in which it is told.

use serde_json::Value;

use crate::Failure;
use crate::chart::Chart;
use crate::options::Output;

pub(crate) struct Part {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// A table in plain text.
    pub(crate) text: String,
    pub(crate) document: Value,
    pub(crate) charts: Vec<Chart>,
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
