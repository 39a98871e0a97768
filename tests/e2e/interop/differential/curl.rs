//! curl, over real sockets.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::corpus::Case;
use super::verdict::{Ends, Verdict};

pub(crate) fn verdicts(cases: &[Case]) -> Vec<Verdict> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = std::env::temp_dir().join(format!("postrider-curl-{port}"));
    fs::create_dir_all(&folder).unwrap();
    let is_over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| serve(&listener, cases, &is_over));
        let _last = LastConnection {
            port,
            is_over: &is_over,
        };
        run(&folder, cases, port)
    });
    let verdicts = cases.iter().enumerate();
    let verdicts = verdicts
        .map(|(number, case)| match report.get(&number) {
            // What follows it, curl hands out as if it were a body.
            Some((0, 101)) => Verdict::NotComparable,
            Some((exit, status)) => {
                let body = match case.method.as_str() {
                    // What it writes is the head.
                    "HEAD" => Vec::new(),
                    _ => fs::read(body_path(&folder, number)).unwrap_or_default(),
                };
                verdict(body, *exit, *status)
            }
            None if is_asked(case) => panic!("curl says nothing of {}", case.name),
            None => Verdict::NotComparable,
        })
        .collect();
    fs::remove_dir_all(&folder).unwrap();
    verdicts
}

/// Ends the server with this value, also in a panic.
struct LastConnection<'a> {
    port: u16,
    is_over: &'a AtomicBool,
}

impl Drop for LastConnection<'_> {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// A tunnel is only asked for by way of a proxy.
fn is_asked(case: &Case) -> bool {
    case.method != "CONNECT"
}

/// Asks for all cases; gives each one's exit code and status.
fn run(folder: &Path, cases: &[Case], port: u16) -> HashMap<usize, (u16, u16)> {
    let asked: Vec<_> = cases.iter().enumerate().collect();
    let mut left: Vec<_> = asked
        .into_iter()
        .filter(|(_, case)| is_asked(case))
        .collect();
    let mut report = HashMap::new();
    while !left.is_empty() {
        let config = left
            .iter()
            .map(|(number, case)| transfer(folder, *number, case, port))
            .collect();
        let said = run_once(folder, config);
        // After a few errors, curl goes on with no other URL.
        assert!(!said.is_empty(), "curl does not run");
        report.extend(said);
        left.retain(|(number, _)| !report.contains_key(number));
    }
    report
}

/// One process, for what it gets through.
fn run_once(folder: &Path, config: String) -> Vec<(usize, (u16, u16))> {
    let config_path = folder.join("config");
    fs::write(&config_path, config).unwrap();
    let output = Command::new("curl")
        .arg("--disable")
        .arg("--config")
        .arg(config_path)
        .output()
        .unwrap_or_else(|error| panic!("curl must be installed: {error}"));
    let report = String::from_utf8(output.stdout).unwrap();
    report.lines().map(line).collect()
}

fn transfer(folder: &Path, number: usize, case: &Case, port: u16) -> String {
    let mut text = format!(
        "next\nsilent\ngloboff\nmax-time = 20\nurl = \"http://127.0.0.1:{port}/{number}\"\n\
         output = \"{}\"\nwrite-out = \"{number} %{{exitcode}} %{{http_code}}\\n\"\n",
        body_path(folder, number).display()
    );
    match case.method.as_str() {
        "HEAD" => text += "head\n",
        "GET" => {}
        other => writeln!(text, "request = {other}").unwrap(),
    }
    if let Some(upgrade) = &case.upgrade {
        writeln!(text, "header = \"Connection: upgrade\"").unwrap();
        writeln!(text, "header = \"Upgrade: {upgrade}\"").unwrap();
    }
    text
}

fn line(line: &str) -> (usize, (u16, u16)) {
    let mut words = line.split(' ').map(|word| word.parse::<usize>().unwrap());
    let mut next = || words.next().unwrap();
    (next(), (next() as u16, next() as u16))
}

fn body_path(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("{number}.body"))
}

fn verdict(body: Vec<u8>, exit: u16, status: u16) -> Verdict {
    if exit != 0 {
        return Verdict::Refused {
            said: format!("exit code {exit}"),
        };
    }
    Verdict::Response {
        status,
        body,
        ends: Ends::Unknown,
    }
}

/// Answers each connection's request with the case that its path names.
fn serve(listener: &TcpListener, cases: &[Case], is_over: &AtomicBool) {
    thread::scope(|scope| {
        for stream in listener.incoming() {
            if is_over.load(Ordering::Acquire) {
                return;
            }
            // curl may keep a connection while it asks on another. One that
            // has refused reads no more.
            scope.spawn(|| drop(answer(stream.unwrap(), cases)));
        }
    });
}

fn answer(stream: TcpStream, cases: &[Case]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut reader = BufReader::new(&stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
    }
    let path = first
        .split(' ')
        .nth(1)
        .and_then(|path| path.strip_prefix('/'));
    let number: usize = path.unwrap().parse().unwrap();
    (&stream).write_all(&cases[number].raw)?;
    stream.shutdown(Shutdown::Write)?;
    // With bytes unread, a close would be a reset.
    reader.read_to_end(&mut Vec::new())?;
    Ok(())
}
