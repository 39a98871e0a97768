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
    /// As locked, one after another.
    pub(crate) versions: String,
    pub(crate) asked: Asked,
}

/// The options that make a run smaller than it is by default.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Asked(Vec<String>);

/// What came of one question.
#[derive(Deserialize, Serialize)]
pub(crate) enum Answer {
    Answered { part: Part, seconds: u64 },
    Skipped { name: String, because: String },
}

impl Record {
    pub(crate) fn begin(asked: Asked) -> Self {
        Self {
            about: About::now(asked),
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

    /// What a whole run has and this one does not; `names` are all questions.
    pub(crate) fn lacks(&self, names: &[&str]) -> Vec<String> {
        let is_known = |name: &str| self.answers.iter().any(|answer| answer.name() == name);
        let unasked = names.iter().filter(|name| !is_known(name));
        let unasked = unasked.map(|name| format!("{name} was not asked"));
        let unanswered = self.unanswered().into_iter();
        let unanswered = unanswered.map(|name| format!("{name} has no answer"));
        self.about
            .asked
            .0
            .iter()
            .cloned()
            .chain(unasked)
            .chain(unanswered)
            .collect()
    }

    /// What others did meanwhile, and a word of warning where that was much.
    pub(crate) fn others(&self) -> String {
        let rounds = || {
            let parts = self.parts();
            parts.flat_map(|part| {
                part.disturbances
                    .iter()
                    .map(|round| (round.cores(), &part.name))
            })
        };
        let all = rounds().count();
        let worst = rounds().max_by(|(one, _), (other, _)| one.total_cmp(other));
        let Some((worst, name)) = worst else {
            return String::new();
        };
        let rough = rounds().filter(|(cores, _)| *cores > ROUGH).count();
        let told = format!(
            "Other programs, and machines on the same host, had {worst:.2} of a core in the worst \
             round ({name}), and more than {ROUGH} in {rough} of {all} rounds."
        );
        match rough {
            0 => told,
            _ => format!("**{told} Times of such rounds are rough.**"),
        }
    }

    pub(crate) fn seconds(&self) -> u64 {
        let seconds = self.answers.iter().map(|answer| match answer {
            Answer::Answered { seconds, .. } => *seconds,
            Answer::Skipped { .. } => 0,
        });
        seconds.sum()
    }
}

impl Answer {
    fn name(&self) -> &str {
        match self {
            Self::Answered { part, .. } => &part.name,
            Self::Skipped { name, .. } => name,
        }
    }
}

impl Asked {
    pub(crate) fn narrow(&mut self, option: String) {
        self.0.push(option);
    }

    pub(crate) fn is_narrowed(&self) -> bool {
        !self.0.is_empty()
    }

    pub(crate) fn told(&self) -> String {
        self.0.join(" ")
    }
}

impl About {
    fn now(asked: Asked) -> Self {
        Self {
            date: told_by("date", &["--utc", "+%F"]),
            machine: machine(),
            system: told_by("uname", &["-srm"]),
            compiler: told_by("rustc", &["--version"]),
            versions: versions(),
            asked,
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

/// So much of a core for others is seen in the figures.
const ROUGH: f64 = 0.15;

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
    use super::{Answer, Asked, Record, versions};

    #[test]
    fn a_run_tells_what_it_lacks() {
        let mut asked = Asked::default();
        asked.narrow("--rounds 1".to_owned());
        let mut record = Record::begin(asked);
        let skipped = |name: &str, because: &str| Answer::Skipped {
            name: name.to_owned(),
            because: because.to_owned(),
        };
        record.answers.push(skipped("upload", "postrider failed"));
        record
            .answers
            .push(skipped("nginx", "nginx is not installed"));
        assert_eq!(
            record.lacks(&["upload", "nginx", "compile"]),
            [
                "--rounds 1",
                "compile was not asked",
                "upload has no answer"
            ]
        );
    }

    #[test]
    fn each_peer_is_told_with_the_version_that_is_locked() {
        let versions = versions();
        for name in ["hyper 1.", "hyper-util 0.1.", "reqwest 0.13.", "ureq 3."] {
            assert!(versions.contains(name), "{versions}");
        }
    }
}
