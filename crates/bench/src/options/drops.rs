//! What may be said of `stale-drops`.

use super::Output;
use super::words::{Words, unknown};
use crate::Failure;
use crate::scenarios::stale_drops;

/// What was asked for.
pub(crate) struct DropsPlan {
    /// By each client, in each way of dropping.
    pub(crate) requests: usize,
    pub(crate) output: Output,
}

impl Default for DropsPlan {
    fn default() -> Self {
        Self {
            requests: stale_drops::REQUESTS,
            output: Output::Table,
        }
    }
}

impl DropsPlan {
    pub(super) fn parse(mut words: Words<impl Iterator<Item = String>>) -> Result<Self, Failure> {
        let mut plan = Self::default();
        while let Some(option) = words.next() {
            match option.as_str() {
                "--json" => plan.output = Output::Json,
                "--requests" => plan.requests = words.positive()?,
                other => return Err(unknown(other)),
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use crate::options::{Command, Output, parse};

    fn parsed(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(str::to_owned)).map_err(|failure| failure.to_string())
    }

    #[test]
    fn as_many_requests_are_made_as_asked() {
        let Ok(Command::CountFailures(plan)) = parsed("stale-drops --requests 7 --json") else {
            panic!("it should be understood");
        };
        assert_eq!((plan.requests, plan.output), (7, Output::Json));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (line, message) in [
            ("stale-drops --fast", "what is --fast? see --help"),
            ("stale-drops --requests 0", "0 is too few"),
        ] {
            assert_eq!(parsed(line).err().as_deref(), Some(message));
        }
    }
}
