//! A whole run, as it is kept between measuring and telling.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::part::Part;
use crate::places;

/// `report.json`.
#[derive(Deserialize, Serialize)]
pub(crate) struct Record {
    pub(crate) about: About,
    pub(crate) answers: Vec<Answer>,
}

/// When, where and with what it was measured.
#[derive(Deserialize, Serialize)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) machine: String,
    pub(crate) system: String,
    pub(crate) compiler: String,
    /// What else the machine did when the run began.
    pub(crate) load: String,
    /// As locked, one after another.
    pub(crate) versions: String,
}

/// What came of one question.
#[derive(Deserialize, Serialize)]
pub(crate) enum Answer {
    Answered { part: Part, seconds: u64 },
    Skipped { name: String, because: String },
}

impl Record {
    pub(crate) fn begin() -> Self {
        Self {
            about: About::now(),
            answers: Vec::new(),
        }
    }

    pub(crate) fn load(folder: &Path) -> Result<Self, Failure> {
        let file = folder.join(FILE);
        let text = fs::read_to_string(&file)
            .map_err(|failure| format!("{}: {failure}", file.display()))?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn save(&self, folder: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self)?;
        Ok(fs::write(folder.join(FILE), text)?)
    }

    pub(crate) fn parts(&self) -> impl Iterator<Item = &Part> {
        self.answers.iter().filter_map(|answer| match answer {
            Answer::Answered { part, .. } => Some(part),
            Answer::Skipped { .. } => None,
        })
    }

    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        self.parts().find(|part| part.name == name)
    }

    /// What was skipped for another reason than that a program of others is missing.
    pub(crate) fn unanswered(&self) -> Vec<&str> {
        let answers = self.answers.iter();
        answers
            .filter_map(|answer| match answer {
                Answer::Skipped { name, because } if !because.ends_with(NOT_INSTALLED) => {
                    Some(name.as_str())
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn seconds(&self) -> u64 {
        let seconds = self.answers.iter().map(|answer| match answer {
            Answer::Answered { seconds, .. } => *seconds,
            Answer::Skipped { .. } => 0,
        });
        seconds.sum()
    }
}

impl About {
    /// A word of warning where the machine had other things to do.
    pub(crate) fn caution(&self) -> &'static str {
        match self.load.parse() {
            Ok(..1.0_f64) => "",
            _ => "**The machine did other things meanwhile: its times are rough.**\n",
        }
    }

    fn now() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            date: told_by("date", &["--utc", "+%F"]),
            machine: machine(),
            system: told_by("uname", &["-srm"]),
            compiler: told_by("rustc", &["--version"]),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            versions: versions(),
        }
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = |name| text.lines().find_map(|line| line.strip_prefix(name));
    let model = line("model name").map_or("unknown", |model| {
        model.trim_start_matches([' ', '\t', ':'])
    });
    let is_virtual = line("flags").is_some_and(|flags| flags.contains(" hypervisor"));
    let kind = if is_virtual { "virtual, " } else { "" };
    format!("{model}, {kind}{cores} cores")
}

fn versions() -> String {
    let lock = places::here().join("../../Cargo.lock");
    let lock = fs::read_to_string(lock).unwrap_or_default();
    let version = |name: &&str| {
        let (_, rest) = lock.split_once(&format!("\nname = \"{name}\"\nversion = \""))?;
        let (version, _) = rest.split_once('"')?;
        Some(format!("{name} {version}"))
    };
    let versions: Vec<_> = MEASURED.iter().filter_map(version).collect();
    versions.join(", ")
}

fn told_by(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}

/// How the failure ends where it does not matter.
const NOT_INSTALLED: &str = "is not installed";

const FILE: &str = "report.json";

const MEASURED: [&str; 9] = [
    "tokio",
    "tokio-rustls",
    "rustls",
    "ring",
    "hyper",
    "hyper-util",
    "hyper-rustls",
    "reqwest",
    "ureq",
];

#[cfg(test)]
mod tests {
    use super::versions;

    #[test]
    fn each_peer_is_told_with_the_version_that_is_locked() {
        let versions = versions();
        for name in ["hyper 1.", "hyper-util 0.1.", "reqwest 0.13.", "ureq 3."] {
            assert!(versions.contains(name), "{versions}");
        }
    }
}
