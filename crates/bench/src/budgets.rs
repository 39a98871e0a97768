//! What the hot paths may cost; `.ci/budgets` asks.
//!
//! Instructions under valgrind come out the same every time, to one in a thousand: hash maps have
//! fixed seeds there, and nothing of the environment is passed on. They hold for one toolchain and
//! one kind of processor, since glibc and some crates choose their code by what it can do; but
//! valgrind shows all processors with AVX2 as the same one.

mod ground;
mod hot_path;
mod memory_stream;
mod small_get;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::budgets::ground::Ground;
use crate::instructions;
use crate::options::hot_words;
use crate::places;

pub(crate) use crate::budgets::hot_path::HotPath;

/// The file, as JSON.
#[derive(Debug, Deserialize, Serialize)]
struct Budgets {
    counted_on: Ground,
    /// Instructions under valgrind for one step of each hot path, by its name.
    instructions: BTreeMap<String, f64>,
    small_get: small_get::Budget,
}

/// Counts, and compares with the file; an error where a budget is not kept, or where it is so far
/// above what was counted that a later loss would go unseen.
pub(crate) fn check() -> Result<(), Failure> {
    is_apart_from_peers()?;
    let budgets: Budgets = serde_json::from_str(&fs::read_to_string(path())?)?;
    budgets.counted_on.compare(&Ground::here()?)?;
    let mut broken = Vec::new();
    for (path, found) in count_instructions()? {
        let name = path.name();
        let budget = budgets.instructions.get(name).copied();
        let budget = budget.ok_or_else(|| format!("{name} has no budget"))?;
        let more = (found / budget - 1.0) * 100.0;
        println!("{name:<10} {found:>9.1} instructions, budget {budget:>9.1}, {more:+.2} %");
        match more {
            more if more > TOLERANCE => broken.push(name),
            more if more < -TOLERANCE => {
                println!("{name:<10} is better than its budget: {RENEW}");
                broken.push(name);
            }
            _ => {}
        }
    }
    if !budgets.small_get.is_kept()? {
        broken.push("small-get");
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(format!("not as budgeted: {}", broken.join(", ")).into()),
    }
}

/// Counts, and writes the file. What small-get may cost stays as it was: that is a promise.
pub(crate) fn write() -> Result<(), Failure> {
    is_apart_from_peers()?;
    let old: Option<Budgets> = fs::read_to_string(path())
        .ok()
        .and_then(|old| serde_json::from_str(&old).ok());
    let counts = count_instructions()?.into_iter();
    let budgets = Budgets {
        counted_on: Ground::here()?,
        instructions: counts
            .map(|(path, count)| (path.name().to_owned(), count.round()))
            .collect(),
        small_get: old.map_or_else(small_get::Budget::default, |old| old.small_get),
    };
    let text = serde_json::to_string_pretty(&budgets)?;
    println!("{text}");
    Ok(fs::write(path(), text + "\n")?)
}

/// What the peers turn on in the crates that all share changes what is inlined.
fn is_apart_from_peers() -> Result<(), Failure> {
    match cfg!(feature = "peers") {
        true => Err("budgets are counted in a build without the peers: .ci/budgets".into()),
        false => Ok(()),
    }
}

fn count_instructions() -> Result<Vec<(HotPath, f64)>, Failure> {
    let count = |path| -> Result<f64, Failure> {
        let count = instructions::count(|count| hot_words(path, count))?;
        Ok(count.counted().ok_or("valgrind is not installed")?)
    };
    let all = HotPath::BUDGETED.into_iter();
    all.map(|path| {
        let before = path.preparation().map_or(Ok(0.0), count)?;
        Ok((path, count(path)? - before))
    })
    .collect()
}

fn path() -> PathBuf {
    places::here().join("budgets.json")
}

/// So many percent more fail, and so many less: what was gained is to be kept.
const TOLERANCE: f64 = 3.0;

const RENEW: &str = "renew by .ci/budgets --write";

#[cfg(test)]
mod tests {
    use super::{Budgets, HotPath, path};

    #[test]
    fn every_hot_path_has_a_budget() {
        let text = std::fs::read_to_string(path()).unwrap();
        let budgets: Budgets = serde_json::from_str(&text).unwrap();
        for path in HotPath::BUDGETED {
            assert!(budgets.instructions.contains_key(path.name()));
        }
    }
}
