//! Clients that are programs of their own, written in other languages or with dependencies that
//! nobody should have to build. They take part in `small-get` where `--peers` names them.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Client;
use crate::Failure;
use crate::load::Load;
use crate::places;
use crate::probe::Sample;

pub(crate) const ALL: &[Outside] = &[
    Outside {
        client: Client {
            name: "go",
            settings: "net/http, GOMAXPROCS as threads, idle connections as many as requests in \
                       flight; URL parsed once, no user-agent; io.ReadAll",
            run: |load| run("go", load),
        },
        build: build_go,
    },
    Outside {
        client: Client {
            name: "curl",
            settings: "libcurl's multi interface with curl_multi_poll on one thread, a handle for each \
                       request in flight; URL set once; body into a buffer that is used again",
            run: |load| run("curl", load),
        },
        build: build_curl,
    },
    Outside {
        client: Client {
            name: "isahc",
            settings: "no default features but static curl, no proxy, no decompression, connections \
                       as many as requests in flight; parsed Uri cloned; its user-agent is sent, which \
                       nothing turns off; bytes",
            run: |load| run("isahc", load),
        },
        build: build_isahc,
    },
];

pub(crate) struct Outside {
    pub(crate) client: Client,
    build: fn(&Path) -> Result<(), Failure>,
}

impl Outside {
    /// Builds it, where what it needs is installed.
    pub(crate) fn prepare(&self) -> Result<&Client, Failure> {
        let program = program(self.client.name);
        if let Some(folder) = program.parent() {
            fs::create_dir_all(folder)?;
        }
        (self.build)(&program)?;
        Ok(&self.client)
    }
}

fn build_go(program: &Path) -> Result<(), Failure> {
    let source = source("go.go");
    done(
        Command::new("go")
            .args(["build", "-o"])
            .arg(program)
            .arg(source),
    )
}

fn build_curl(program: &Path) -> Result<(), Failure> {
    let mut command = Command::new("cc");
    command.args(["-O2", "-o"]).arg(program);
    done(command.arg(source("curl.c")).arg("-lcurl"))
}

fn build_isahc(program: &Path) -> Result<(), Failure> {
    let target = program.with_extension("target");
    done(
        Command::new("cargo")
            .args(["build", "--release", "--locked", "--quiet"])
            .current_dir(source("isahc"))
            .env("CARGO_TARGET_DIR", &target),
    )?;
    fs::copy(target.join("release/isahc-peer"), program)?;
    Ok(())
}

fn done(command: &mut Command) -> Result<(), Failure> {
    let output = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let name = command.get_program().to_string_lossy();
            return Err(format!("{name} is not installed").into());
        }
        Err(error) => return Err(error.into()),
    };
    match output.status.success() {
        true => Ok(()),
        false => Err(String::from_utf8_lossy(&output.stderr).into()),
    }
}

fn run(name: &str, load: &Load) -> Result<Sample, Failure> {
    let numbers = [load.warm_up, load.requests, load.in_flight, load.threads];
    let output = Command::new(program(name))
        .args([load.url(0), load.body.to_string()])
        .args(numbers.map(|number| number.to_string()))
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn source(name: &str) -> PathBuf {
    places::here().join("peers").join(name)
}

fn program(name: &str) -> PathBuf {
    places::output().join("peers").join(name)
}
