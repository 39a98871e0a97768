//! This program's other processes.

mod nginx;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Failure;
use crate::clients::Client;
use crate::cpu::Cores;
use crate::gauge::{Figures, Row};
use crate::load::Load;
use crate::options::{load_words, read_words, serve_words};
use crate::probe::Sample;
use crate::server::doors::{Arrivals, COUNTS_PATH, Doors};

/// The server, for as long as this value lives.
pub(crate) struct Server {
    process: Child,
    pub(crate) doors: Doors,
    make: Make,
}

/// Whose server it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Make {
    Ours,
    /// It answers `small-get` and nothing else.
    Nginx,
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
        let doors = serde_json::from_str(&line).map_err(|_| "the server did not start")?;
        let make = Make::Ours;
        Ok(Self {
            process,
            doors,
            make,
        })
    }

    pub(crate) fn start_nginx(cores: Cores) -> Result<Self, Failure> {
        let (process, addr) = nginx::start(cores)?;
        Ok(Self {
            process,
            doors: Doors::only_plain(addr),
            make: Make::Nginx,
        })
    }

    /// Who came in since the start; a server of others does not tell.
    pub(crate) fn arrivals(&self) -> Result<Option<Arrivals>, Failure> {
        if self.make == Make::Nginx {
            return Ok(None);
        }
        let mut stream = TcpStream::connect(self.doors.plain)?;
        write!(stream, "GET {COUNTS_PATH} HTTP/1.1\r\n\r\n")?;
        let mut answer = vec![0; 1024];
        let count = stream.read(&mut answer)?;
        let answer = str::from_utf8(&answer[..count])?;
        let (_, body) = answer.split_once("\r\n\r\n").ok_or("no counts")?;
        Ok(Some(serde_json::from_str(body)?))
    }

    /// Asks it to go, so that its workers go with it.
    fn stop(&mut self) {
        let id = i32::try_from(self.process.id()).map(Pid::from_raw);
        let asked = id.is_ok_and(|id| kill(id, Signal::SIGTERM).is_ok());
        if !asked {
            let _ = self.process.kill();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        let _ = self.process.wait();
    }
}

/// Runs one client in a process of its own.
pub(crate) fn run(client: &Client, load: &Load) -> Result<Sample, Failure> {
    let environment = load.copies.environment();
    let output = output(client.name, load_words(client, load)?, environment)?;
    Ok(serde_json::from_slice(&output)?)
}

/// Takes one reading of a gauge in a process of its own.
pub(crate) fn read(gauge: &str, row: &Row, count: usize) -> Result<Figures, Failure> {
    let output = output(row.name, read_words(gauge, row, count), None)?;
    Ok(serde_json::from_slice(&output)?)
}

fn output(
    name: &str,
    words: Vec<String>,
    environment: Option<(&str, &str)>,
) -> Result<Vec<u8>, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(words)
        .envs(environment)
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{name} failed ({})", output.status).into());
    }
    Ok(output.stdout)
}
