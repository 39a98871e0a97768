use std::collections::HashSet;
use std::fs;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde_json::Value;

use super::program::{self, Program, Runtime};
use crate::Failure;
use crate::gauge::{Figures, Gauge, Row};

/// What depending on a client costs: a cold release build of a program of some ten lines.
pub(crate) fn gauge() -> Gauge {
    Gauge {
        name: "compile",
        about: "a cold release build of a program that makes one HTTPS request",
        units: &["crates compiled", "ms of CPU", "bytes of program"],
        count: 1,
        counted: "build",
        rounds: 3,
        once: &["hyper-util", "reqwest-lean", "ureq"],
        rows: vec![
            Row {
                name: "postrider",
                settings: "default features (ring, webpki-roots); tokio with rt and net",
                read: |_| build(&POSTRIDER),
            },
            Row {
                name: "hyper-util",
                settings: "client-legacy, http1; hyper-rustls with http1, ring, webpki-tokio; \
                           http-body-util; tokio with rt and net",
                read: |_| build(&HYPER_UTIL),
            },
            Row {
                name: "reqwest",
                settings: "default features (aws-lc-rs, platform verifier, h2); tokio with rt and \
                           net",
                read: |_| build(&REQWEST),
            },
            Row {
                name: "reqwest-lean",
                settings: "no default features (no h2, no platform verifier but roots given), \
                           rustls-no-provider; rustls with ring; webpki-roots; tokio with rt and \
                           net",
                read: |_| build(&REQWEST_LEAN),
            },
            Row {
                name: "ureq",
                settings: "default features (ring, webpki-roots, gzip); blocking, without tokio",
                read: |_| build(&UREQ),
            },
        ],
    }
}

const POSTRIDER: Program = Program {
    name: "postrider",
    dependencies: "postrider = { path = \"HERE/../postrider\" }",
    runtime: Runtime::Tokio,
    files: &[("main.rs", include_str!("programs/postrider.rs"))],
};

const HYPER_UTIL: Program = Program {
    name: "hyper-util",
    dependencies: "http-body-util = \"0.1.3\"
hyper-rustls = { version = \"0.27.10\", default-features = false, \
                   features = [\"http1\", \"ring\", \"webpki-tokio\"] }
hyper-util = { version = \"0.1.21\", features = [\"client-legacy\", \"http1\", \"tokio\"] }",
    runtime: Runtime::Tokio,
    files: &[("main.rs", include_str!("programs/hyper_util.rs"))],
};

const REQWEST: Program = Program {
    name: "reqwest",
    dependencies: "reqwest = \"0.13.5\"",
    runtime: Runtime::Tokio,
    files: &[("main.rs", include_str!("programs/reqwest.rs"))],
};

/// As small as its features let it be without another way of writing the program.
const REQWEST_LEAN: Program = Program {
    name: "reqwest-lean",
    dependencies: "reqwest = { version = \"0.13.5\", default-features = false, \
                   features = [\"rustls-no-provider\"] }
rustls = { version = \"0.23.46\", default-features = false, features = [\"ring\", \"std\", \"tls12\"] }
webpki-roots = \"1.0.7\"",
    runtime: Runtime::Tokio,
    files: &[("main.rs", include_str!("programs/reqwest_lean.rs"))],
};

const UREQ: Program = Program {
    name: "ureq",
    dependencies: "ureq = \"3.5.2\"",
    runtime: Runtime::None,
    files: &[("main.rs", include_str!("programs/ureq.rs"))],
};

/// Builds it from nothing. What is fetched and locked before is no part of the build.
fn build(program: &Program) -> Result<Figures, Failure> {
    let place = program.write()?;
    let before = cpu(getrusage(UsageWho::RUSAGE_CHILDREN)?);
    let messages = program::build(&place)?;
    let after = cpu(getrusage(UsageWho::RUSAGE_CHILDREN)?);
    let size = fs::metadata(program::built(&place))?.len();
    fs::remove_dir_all(place)?;
    let crates = crates(&messages).len();
    Ok(vec![crates as f64, (after - before) as f64, size as f64])
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
    use super::{POSTRIDER, UREQ, crates};

    #[test]
    fn a_program_that_blocks_is_built_without_a_runtime() {
        assert!(POSTRIDER.manifest().contains("\ntokio = "));
        assert!(!UREQ.manifest().contains("tokio"));
        assert!(UREQ.manifest().contains("[dependencies]\nureq = "));
    }

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
