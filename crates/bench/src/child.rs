//! This program's other processes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::clients::Client;
use crate::cpu::Cores;
use crate::gauge::Row;
use crate::load::Load;
use crate::options::{load_words, read_words, serve_words};
use crate::probe::Sample;

/// The server, for as long as this value lives.
pub(crate) struct Server {
    process: Child,
    pub(crate) addr: SocketAddr,
}

impl Server {
    pub(crate) fn start(cores: Cores) -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(serve_words(cores))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        if let Some(output) = process.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let addr = line
            .trim()
            .parse()
            .map_err(|_| "the server did not start")?;
        Ok(Self { process, addr })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs one client in a process of its own.
pub(crate) fn run(client: &Client, load: &Load) -> Result<Sample, Failure> {
    let output = output(client.name, load_words(client, load))?;
    let value = serde_json::from_slice(&output)?;
    Sample::from_json(&value).ok_or_else(|| format!("{} gave no figures", client.name).into())
}

/// Takes one reading of a gauge in a process of its own.
pub(crate) fn read(gauge: &str, row: &Row, count: usize) -> Result<f64, Failure> {
    let output = output(row.name, read_words(gauge, row, count))?;
    String::from_utf8_lossy(&output)
        .trim()
        .parse()
        .map_err(|_| format!("{} gave no figure", row.name).into())
}

fn output(name: &str, words: Vec<String>) -> Result<Vec<u8>, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(words)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{name} failed ({})", output.status).into());
    }
    Ok(output.stdout)
}
