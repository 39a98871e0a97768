//! What may be said where no question is named.

use std::path::PathBuf;

use super::words::{Words, unknown};
use crate::Failure;
use crate::everything;
use crate::places;
use crate::publish::Demand;
use crate::record::Asked;

/// What was asked for.
pub(crate) struct EverythingPlan {
    /// Where the report goes.
    pub(crate) out: PathBuf,
    /// No question gets more.
    pub(crate) rounds: usize,
    /// Clients that are programs of their own, for a question of theirs.
    pub(crate) peers: Option<String>,
    /// Whether the repository's pages and pictures are to show it.
    pub(crate) publishing: Publishing,
    /// Names of questions; none means all.
    only: Vec<String>,
    /// The words themselves.
    pub(crate) asked: Asked,
}

/// What becomes of the repository's pages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Publishing {
    No,
    Yes(Demand),
}

impl EverythingPlan {
    /// `first` is a word that was read already.
    pub(super) fn parse(
        first: Option<String>,
        mut words: Words<impl Iterator<Item = String>>,
    ) -> Result<Self, Failure> {
        let mut plan = Self {
            out: places::output(),
            rounds: ROUNDS,
            peers: None,
            publishing: Publishing::No,
            only: Vec::new(),
            asked: Asked::default(),
        };
        let (mut is_to_publish, mut demand) = (false, Demand::Whole);
        let mut next = first;
        while let Some(option) = next {
            match option.as_str() {
                "--out" => plan.out = words.word()?.into(),
                "--rounds" => {
                    plan.rounds = words.positive()?;
                    plan.asked.narrow(format!("--rounds {}", plan.rounds));
                }
                "--peers" => plan.peers = Some(words.word()?),
                "--publish" => {
                    is_to_publish = true;
                    plan.peers.get_or_insert_with(|| ALL_PEERS.to_owned());
                }
                "--partial" => demand = Demand::Partial,
                "--only" => {
                    let names = words.word()?;
                    plan.only = names.split(',').map(str::to_owned).collect();
                    let known = everything::names();
                    if let Some(only) = plan
                        .only
                        .iter()
                        .find(|only| !known.contains(&only.as_str()))
                    {
                        return Err(format!("no question is called {only}; see --help").into());
                    }
                    plan.asked.narrow(format!("--only {names}"));
                }
                other => return Err(unknown(other)),
            }
            next = words.next();
        }
        if is_to_publish {
            plan.publishing = Publishing::Yes(demand);
            if demand == Demand::Whole && plan.asked.is_narrowed() {
                return Err(format!("{}: only --partial publishes this", plan.asked.told()).into());
            }
        }
        Ok(plan)
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }
}

/// As many as each question proposes.
const ROUNDS: usize = usize::MAX;

/// Those that are not installed are skipped with a word.
pub(super) const ALL_PEERS: &str = "go,curl,isahc";

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::options::{Command, parse};

    #[test]
    fn without_a_name_everything_is_asked() {
        let line = "--out elsewhere --rounds 2 --only small-get,upload";
        let words = line.split_whitespace().map(str::to_owned);
        let Ok(Command::Everything(plan)) = parse(words) else {
            panic!("it should be understood");
        };
        assert_eq!(
            (plan.out.as_path(), plan.rounds),
            (Path::new("elsewhere"), 2)
        );
        assert!(plan.wants("upload") && !plan.wants("download"));
        let Ok(Command::Everything(plan)) = parse(std::iter::empty()) else {
            panic!("it should be understood");
        };
        assert!(plan.wants("download"));
    }

    #[test]
    fn a_question_that_is_not_known_is_refused() {
        let words = ["--only", "upload,uplaod"].map(str::to_owned);
        let refused = parse(words.into_iter()).err().unwrap().to_string();
        assert_eq!(refused, "no question is called uplaod; see --help");
    }

    #[test]
    fn a_part_is_published_only_where_that_is_meant() {
        let parsed = |line: &str| parse(line.split_whitespace().map(str::to_owned));
        for line in ["--publish --rounds 1", "--only upload --publish"] {
            assert!(parsed(line).is_err(), "{line}");
            assert!(parsed(&format!("{line} --partial")).is_ok(), "{line}");
        }
        assert!(parsed("--publish").is_ok());
    }
}
