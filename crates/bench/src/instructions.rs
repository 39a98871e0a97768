//! Instructions per step of a loop, by valgrind.

use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::Failure;

/// What came of counting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Instructions {
    /// So many for each step.
    Counted(f64),
    /// There is no valgrind here.
    NoValgrind,
}

/// Runs this program's child, with the words for so many steps, twice: with few and with many. The
/// difference is free of what starting costs.
pub(crate) fn count(words: impl Fn(usize) -> Vec<String>) -> Result<Instructions, Failure> {
    count_of(&std::env::current_exe()?, words)
}

/// The same for another program.
pub(crate) fn count_of(
    program: &Path,
    words: impl Fn(usize) -> Vec<String>,
) -> Result<Instructions, Failure> {
    let (few, many) = (run(program, &words(FEW))?, run(program, &words(MANY))?);
    let (Some(few), Some(many)) = (few, many) else {
        return Ok(Instructions::NoValgrind);
    };
    Ok(Instructions::Counted((many - few) / (MANY - FEW) as f64))
}

impl Instructions {
    /// Both, put together by `join` where both were counted.
    pub(crate) fn with(self, other: Self, join: impl Fn(f64, f64) -> f64) -> Self {
        match (self, other) {
            (Self::Counted(one), Self::Counted(other)) => Self::Counted(join(one, other)),
            _ => Self::NoValgrind,
        }
    }

    pub(crate) fn counted(self) -> Option<f64> {
        match self {
            Self::Counted(count) => Some(count),
            Self::NoValgrind => None,
        }
    }
}

fn run(program: &Path, words: &[String]) -> Result<Option<f64>, Failure> {
    let counted = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(words)
        // What stands there moves the stack, and with it how memory is aligned.
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .stdout(Stdio::null())
        .output();
    let output = match counted {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let report = String::from_utf8_lossy(&output.stderr);
    match report.lines().find_map(collected) {
        Some(count) if output.status.success() => Ok(Some(count)),
        _ => Err(format!("a child under valgrind: {report}").into()),
    }
}

/// `==123== Collected : 456`
fn collected(line: &str) -> Option<f64> {
    let (_, count) = line.split_once("Collected :")?;
    count.trim().parse().ok()
}

const FEW: usize = 2_000;
const MANY: usize = 12_000;

#[cfg(test)]
mod tests {
    use super::{Instructions, collected};

    #[test]
    fn the_count_is_read_from_the_summary() {
        assert_eq!(collected("==123== Collected : 4567"), Some(4567.0));
        for line in ["==123== Events    : Ir", "==123== ", "Collected : none"] {
            assert_eq!(collected(line), None, "{line}");
        }
    }

    #[test]
    fn what_was_not_counted_gives_no_sum() {
        let (one, two) = (Instructions::Counted(1.0), Instructions::Counted(2.0));
        let sum = |one, other| one + other;
        assert_eq!(one.with(two, sum), Instructions::Counted(3.0));
        assert_eq!(one.with(Instructions::NoValgrind, sum).counted(), None);
    }
}
