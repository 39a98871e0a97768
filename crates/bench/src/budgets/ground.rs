//! With what instructions were counted.

use std::env;
use std::process::Command;

use serde::{Deserialize, Serialize};

use super::RENEW;
use crate::Failure;

#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Ground {
    compiler: String,
    processor: String,
    /// The heap and `memcpy` are its own.
    libc: String,
}

impl Ground {
    pub(super) fn here() -> Result<Self, Failure> {
        Ok(Self {
            compiler: compiler(&told_by("rustc", "-vV")?),
            processor: format!(
                "{}{}",
                env::consts::ARCH,
                if has_avx2() { " with AVX2" } else { "" }
            ),
            libc: told_by("getconf", "GNU_LIBC_VERSION").unwrap_or_else(|_| "another".to_owned()),
        })
    }

    /// An error where counts are not to be compared. The C library's own share is so small that
    /// another one is only told: it is the first suspect where a budget is just broken.
    pub(super) fn compare(&self, here: &Self) -> Result<(), Failure> {
        let Self {
            compiler,
            processor,
            libc,
        } = self;
        if (compiler, processor) != (&here.compiler, &here.processor) {
            let (new_compiler, new_processor) = (&here.compiler, &here.processor);
            return Err(format!(
                "the budgets are those of {compiler} on {processor}, and this is {new_compiler} \
                 on {new_processor}: {RENEW}"
            )
            .into());
        }
        if *libc != here.libc {
            println!(
                "NOTE: the budgets were counted with {libc}, and this is {}",
                here.libc
            );
        }
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx2() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_avx2() -> bool {
    false
}

/// Version and commit, of what `rustc -vV` tells: distributions add words of their own.
fn compiler(told: &str) -> String {
    let field = |name| told.lines().find_map(|line| line.strip_prefix(name));
    let (version, commit) = (field("release: "), field("commit-hash: "));
    format!(
        "rustc {} {}",
        version.unwrap_or("unknown"),
        commit.unwrap_or("unknown")
    )
}

fn told_by(program: &str, word: &str) -> Result<String, Failure> {
    let output = Command::new(program).arg(word).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Ground, compiler};

    fn ground(compiler: &str, libc: &str) -> Ground {
        Ground {
            compiler: compiler.to_owned(),
            processor: "x86_64".to_owned(),
            libc: libc.to_owned(),
        }
    }

    #[test]
    fn a_compiler_is_its_version_and_commit() {
        let told = "rustc 1.95.0 (598076 2026-04-14) (built from a source tarball)\n\
                    binary: rustc\ncommit-hash: 598076\nhost: x86_64\nrelease: 1.95.0\n";
        assert_eq!(compiler(told), "rustc 1.95.0 598076");
    }

    #[test]
    fn only_another_libc_is_let_pass() {
        let old = ground("rustc 1.95.0", "glibc 2.36");
        assert!(old.compare(&ground("rustc 1.95.0", "glibc 2.41")).is_ok());
        let failure = old
            .compare(&ground("rustc 1.96.0", "glibc 2.36"))
            .unwrap_err();
        assert_eq!(
            failure.to_string(),
            "the budgets are those of rustc 1.95.0 on x86_64, and this is rustc 1.96.0 on x86_64: \
             renew by .ci/budgets --write"
        );
    }
}
