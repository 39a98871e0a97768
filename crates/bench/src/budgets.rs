//! What the hot paths may cost; CI asks.
//!
//! Instructions under valgrind come out nearly the same every time: where a hash map takes part,
//! its random seed moves them by less than 0.1 %, and nothing else moves. They hold for one
//! toolchain and one kind of processor, since some crates choose their code by what it can do.

mod hot_path;
mod memory_stream;
mod small_get;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::instructions;
use crate::options::hot_words;
use crate::places;

pub(crate) use crate::budgets::hot_path::HotPath;

/// The file, as JSON.
#[derive(Debug, Deserialize, Serialize)]
struct Budgets {
    /// With which the instructions were counted: another one gives other counts.
    toolchain: String,
    /// Instructions under valgrind for one step of each hot path, by its name.
    instructions: BTreeMap<String, f64>,
    small_get: small_get::Budget,
}

/// Counts, and compares with the file; an error where a budget is not kept.
pub(crate) fn check() -> Result<(), Failure> {
    let budgets: Budgets = serde_json::from_str(&fs::read_to_string(path())?)?;
    let toolchain = toolchain()?;
    if budgets.toolchain != toolchain {
        let told = &budgets.toolchain;
        return Err(format!("budgets of {told} with {toolchain}: write them anew").into());
    }
    let mut broken = Vec::new();
    for (path, found) in count_instructions()? {
        let budget = budgets.instructions.get(path.name()).copied();
        let budget = budget.ok_or_else(|| format!("{} has no budget", path.name()))?;
        let more = (found / budget - 1.0) * 100.0;
        println!(
            "{:<10} {found:>9.1} instructions, budget {budget:>9.1}, {more:+.2} %",
            path.name()
        );
        if more > TOLERANCE {
            broken.push(path.name());
        }
    }
    if !budgets.small_get.is_kept()? {
        broken.push("small-get");
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(format!("over budget: {}", broken.join(", ")).into()),
    }
}

/// Counts, and writes the file. What small-get may cost stays as it was: that is a promise.
pub(crate) fn write() -> Result<(), Failure> {
    let old = fs::read_to_string(path());
    let small_get = old.map_or_else(
        |_| Ok(small_get::Budget::default()),
        |old| serde_json::from_str(&old).map(|old: Budgets| old.small_get),
    )?;
    let counts = count_instructions()?.into_iter();
    let budgets = Budgets {
        toolchain: toolchain()?,
        instructions: counts
            .map(|(path, count)| (path.name().to_owned(), count.round()))
            .collect(),
        small_get,
    };
    let text = serde_json::to_string_pretty(&budgets)?;
    println!("{text}");
    Ok(fs::write(path(), text + "\n")?)
}

fn count_instructions() -> Result<Vec<(HotPath, f64)>, Failure> {
    let all = HotPath::ALL.into_iter();
    all.map(|path| {
        eprintln!("{}: counting instructions", path.name());
        let count = instructions::count(|count| hot_words(path, count))?;
        Ok((path, count.counted().ok_or("valgrind is not installed")?))
    })
    .collect()
}

fn toolchain() -> Result<String, Failure> {
    let output = Command::new("rustc").arg("--version").output()?;
    let version = String::from_utf8(output.stdout)?;
    Ok(format!("{}, {}", version.trim(), env::consts::ARCH))
}

fn path() -> PathBuf {
    places::here().join("budgets.json")
}

/// So many percent more fail.
const TOLERANCE: f64 = 3.0;
