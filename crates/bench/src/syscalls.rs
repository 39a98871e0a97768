//! System calls per request, by strace.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::process::{Command, Stdio};

use crate::Failure;
use crate::clients::Client;
use crate::load::Load;
use crate::options::load_words;

/// What came of counting.
#[derive(Clone, Debug)]
pub(crate) enum Syscalls {
    /// Calls per request, by name; most frequent first.
    Counted(Vec<(String, f64)>),
    /// There is no strace here, or it was spared.
    Unknown,
}

impl Syscalls {
    pub(crate) fn total(&self) -> Option<f64> {
        match self {
            Self::Counted(calls) => Some(calls.iter().map(|(_, count)| count).sum()),
            Self::Unknown => None,
        }
    }
}

/// Runs the client under strace twice, with few requests and with many. The difference is free of
/// what starting, connecting and warming up cost.
pub(crate) fn count(client: &Client, load: &Load) -> Result<Syscalls, Failure> {
    let (few, many) = few_and_many(load);
    let (Some(before), Some(after)) = (trace(client, &few)?, trace(client, &many)?) else {
        return Ok(Syscalls::Unknown);
    };
    let requests = (many.requests - few.requests) as f64;
    let mut calls: Vec<_> = after
        .into_iter()
        .map(|(name, count)| {
            let started = before.get(&name).copied().unwrap_or(0.0);
            (name, (count - started) / requests)
        })
        // What differs by less is start-up that was not twice the same.
        .filter(|(_, count)| count.abs() >= 0.005)
        .collect();
    calls.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(Syscalls::Counted(calls))
}

/// Where connecting is part of the question, few is next to none.
fn few_and_many(load: &Load) -> (Load, Load) {
    let (few, many) = match (load.warm_up, load.origins) {
        (_, 2..) => (load.in_flight, load.requests),
        _ if load.requests < 80 => (1, load.requests.clamp(2, 5)),
        _ => (load.requests / 80, load.requests / 16),
    };
    let of = |requests| Load {
        requests,
        warm_up: load.warm_up.min(load.in_flight * 4),
        ..load.clone()
    };
    (of(few), of(many))
}

fn trace(client: &Client, load: &Load) -> Result<Option<BTreeMap<String, f64>>, Failure> {
    let traced = Command::new("strace")
        .args(["--follow-forks", "--summary-only", "--quiet=all", "--"])
        .arg(std::env::current_exe()?)
        .args(load_words(client, load)?)
        .envs(load.copies.environment())
        .stdout(Stdio::null())
        .output();
    let output = match traced {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let table = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{} under strace: {table}", client.name).into());
    }
    Ok(Some(table.lines().filter_map(row).collect()))
}

/// `% time, seconds, usecs/call, calls, errors (or nothing), name`
fn row(line: &str) -> Option<(String, f64)> {
    let columns: Vec<_> = line.split_whitespace().collect();
    let (share, count, name) = match columns.as_slice() {
        [share, _, _, count, name] | [share, _, _, count, _, name] => (share, count, name),
        _ => return None,
    };
    share.parse::<f64>().ok()?;
    if *name == "total" {
        return None;
    }
    Some(((*name).to_owned(), count.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::row;

    #[test]
    fn rows_of_a_summary_are_read_with_and_without_errors() {
        let with_errors = " 25.00    0.000250          12        20        13 openat";
        assert_eq!(row(with_errors), Some(("openat".to_owned(), 20.0)));
        let without = " 25.00    0.000250          12        21           mmap";
        assert_eq!(row(without), Some(("mmap".to_owned(), 21.0)));
    }

    #[test]
    fn the_frame_of_a_summary_is_no_row() {
        for line in [
            "% time     seconds  usecs/call     calls    errors syscall",
            "------ ----------- ----------- --------- --------- ----------------",
            "100.00    0.001405           8       164        15 total",
            "",
        ] {
            assert_eq!(row(line), None, "{line}");
        }
    }
}
