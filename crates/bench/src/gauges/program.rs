//! Small programs that are built apart from this one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::places;

pub(super) struct Program {
    pub(super) name: &'static str,
    /// Lines of the manifest; `HERE` is this crate's folder.
    pub(super) dependencies: &'static str,
    pub(super) runtime: Runtime,
    /// By name, in `src`.
    pub(super) files: &'static [(&'static str, &'static str)],
}

/// What the program waits in.
#[derive(Clone, Copy)]
pub(super) enum Runtime {
    Tokio,
    /// It blocks.
    None,
}

impl Program {
    /// Writes it down where nothing was built yet, fetches what it needs, and tells the place.
    pub(super) fn write(&self) -> Result<PathBuf, Failure> {
        let place = places::output().join("programs").join(self.name);
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(place.join("src"))?;
        fs::write(place.join("Cargo.toml"), self.manifest())?;
        for (name, text) in self.files {
            fs::write(place.join("src").join(name), text)?;
        }
        // Those of others have locks of their own, so that each build is of the same versions; ours
        // has what the workspace has.
        let own = places::here().join(format!("peers/locks/{}.lock", self.name));
        let (lock, words): (_, &[&str]) = match own.exists() {
            true => (own, &["fetch", "--quiet", "--locked"]),
            false => (
                places::here().join("../../Cargo.lock"),
                &["fetch", "--quiet"],
            ),
        };
        fs::copy(lock, place.join("Cargo.lock"))?;
        cargo(&place, words)?;
        Ok(place)
    }

    pub(super) fn manifest(&self) -> String {
        let here = places::here().display().to_string();
        let dependencies = self.dependencies.replace("HERE", &here);
        let runtime = match self.runtime {
            Runtime::Tokio => "tokio = { version = \"1\", features = [\"net\", \"rt\"] }\n",
            Runtime::None => "",
        };
        format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n{runtime}\n[workspace]\n"
        )
    }
}

/// Builds it, offline, and gives cargo's messages.
pub(super) fn build(place: &Path) -> Result<String, Failure> {
    let words = ["build", "--release", "--offline", "--message-format=json"];
    cargo(place, &words)
}

pub(super) fn built(place: &Path) -> PathBuf {
    place.join("target/release/program")
}

fn cargo(place: &Path, words: &[&str]) -> Result<String, Failure> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(words)
        .current_dir(place)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .output()?;
    if !output.status.success() {
        let words = words.join(" ");
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {words}: {told}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
