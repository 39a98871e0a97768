use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;

use crate::Failure;
use crate::gauge::{Figures, Gauge, Row};
use crate::places;

/// What depending on a client costs: a cold release build of a program of some ten lines.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "compile",
        about: "a cold release build of a program that makes one HTTPS request",
        units: &["crates compiled", "ms of CPU", "bytes of program"],
        count: 1,
        counted: "build",
        rounds: 1,
        rows: vec![
            Row {
                name: "postrider",
                settings: "default features (ring, webpki-roots); tokio with rt and net",
                read: |_| POSTRIDER.build(),
            },
            Row {
                name: "hyper-util",
                settings: "client-legacy, http1; hyper-rustls with http1, ring, webpki-tokio; \
                           http-body-util; tokio with rt and net",
                read: |_| HYPER_UTIL.build(),
            },
            Row {
                name: "reqwest",
                settings: "default features (aws-lc-rs, platform verifier, h2); tokio with rt and \
                           net",
                read: |_| REQWEST.build(),
            },
        ],
    }
}

struct Program {
    name: &'static str,
    dependencies: &'static str,
    main: &'static str,
}

const POSTRIDER: Program = Program {
    name: "postrider",
    dependencies: "postrider = { path = \"HERE/../postrider\" }",
    main: include_str!("programs/postrider.rs"),
};

const HYPER_UTIL: Program = Program {
    name: "hyper-util",
    dependencies: "http-body-util = \"0.1.3\"
hyper-rustls = { version = \"0.27.10\", default-features = false, \
                   features = [\"http1\", \"ring\", \"webpki-tokio\"] }
hyper-util = { version = \"0.1.21\", features = [\"client-legacy\", \"http1\", \"tokio\"] }",
    main: include_str!("programs/hyper_util.rs"),
};

const REQWEST: Program = Program {
    name: "reqwest",
    dependencies: "reqwest = \"0.13.5\"",
    main: include_str!("programs/reqwest.rs"),
};

impl Program {
    /// Builds it in a place of its own, from nothing.
    fn build(&self) -> Result<Figures, Failure> {
        let place = places::output().join("compile").join(self.name);
        self.write(&place)?;
        // What is fetched and locked is no part of the build.
        cargo(&place, &["fetch", "--quiet"])?;
        let before = cpu(getrusage(UsageWho::RUSAGE_CHILDREN)?);
        let words = ["build", "--release", "--offline", "--message-format=json"];
        let messages = cargo(&place, &words)?;
        let after = cpu(getrusage(UsageWho::RUSAGE_CHILDREN)?);
        let program = place.join("target/release/program");
        let size = fs::metadata(program)?.len();
        fs::remove_dir_all(place.join("target"))?;
        let crates = crates(&messages).len();
        Ok(vec![crates as f64, (after - before) as f64, size as f64])
    }

    fn write(&self, place: &Path) -> Result<(), Failure> {
        if place.exists() {
            fs::remove_dir_all(place)?;
        }
        fs::create_dir_all(place.join("src"))?;
        let dependencies = self
            .dependencies
            .replace("HERE", env!("CARGO_MANIFEST_DIR"));
        let manifest = format!(
            "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
             [dependencies]\n{dependencies}\n\
             tokio = {{ version = \"1\", features = [\"net\", \"rt\"] }}\n\n[workspace]\n"
        );
        fs::write(place.join("Cargo.toml"), manifest)?;
        fs::write(place.join("src/main.rs"), self.main)?;
        // The same versions as in this workspace, where it has them.
        let lock = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        fs::copy(lock, place.join("Cargo.lock"))?;
        Ok(())
    }
}

fn cargo(place: &Path, words: &[&str]) -> Result<String, Failure> {
    let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
        .args(words)
        .current_dir(place)
        .env_remove("CARGO_TARGET_DIR")
        .env_remove("RUSTFLAGS")
        .stderr(Stdio::piped())
        .output()?;
    if !output.status.success() {
        let words = words.join(" ");
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {words}: {told}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// All that was compiled beside the program itself.
fn crates(messages: &str) -> HashSet<String> {
    let messages = messages
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    messages
        .filter(|message: &Value| message["reason"] == "compiler-artifact")
        .filter(|message| message["target"]["name"] != "program")
        .filter_map(|message| Some(message["package_id"].as_str()?.to_owned()))
        .collect()
}

/// In milliseconds.
fn cpu(usage: Usage) -> i64 {
    (usage.user_time() + usage.system_time()).num_milliseconds()
}

#[cfg(test)]
mod tests {
    use super::crates;

    #[test]
    fn a_crate_counts_once_however_often_it_is_compiled() {
        let artifact = |package: &str, target: &str| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"{package}\",\
                 \"target\":{{\"name\":\"{target}\"}}}}\n"
            )
        };
        let messages = [
            artifact("ring 0.17", "build-script-build"),
            artifact("ring 0.17", "ring"),
            artifact("bytes 1.12", "bytes"),
            artifact("program 0.0.0", "program"),
            "{\"reason\":\"build-finished\",\"success\":true}\n".to_owned(),
        ];
        assert_eq!(crates(&messages.concat()).len(), 2);
    }
}
