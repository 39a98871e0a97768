//! nginx in our server's place: a check that ours flatters nobody.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Failure;
use crate::cpu::{self, Cores};
use crate::places;

/// Starts it with one worker that answers `small-get`; gives the process and its address.
pub(super) fn start(cores: Cores) -> Result<(Child, SocketAddr), Failure> {
    let folder = places::output().join("nginx");
    fs::create_dir_all(&folder)?;
    let addr = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = folder.join("nginx.conf");
    fs::write(&file, settings(&folder, addr, cores)?)?;
    let process = Command::new("nginx")
        .arg("-p")
        .arg(&folder)
        .arg("-c")
        .arg(&file)
        .stdin(Stdio::null())
        .spawn();
    let mut process = match process {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err("nginx is not installed".into());
        }
        other => other?,
    };
    let begun = Instant::now();
    while TcpStream::connect(addr).is_err() {
        if begun.elapsed() > PATIENCE || process.try_wait()?.is_some() {
            return Err("nginx did not start".into());
        }
        sleep(Duration::from_millis(20));
    }
    Ok((process, addr))
}

fn settings(folder: &Path, addr: SocketAddr, cores: Cores) -> Result<String, Failure> {
    let (folder, body) = (folder.display(), "x".repeat(100));
    let core = match cpu::server_core(cores)? {
        Some(core) => format!("worker_cpu_affinity 1{};", "0".repeat(core)),
        None => String::new(),
    };
    Ok(format!(
        "daemon off;
worker_processes 1;
{core}
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    keepalive_requests 1000000000;
    keepalive_timeout 600s;
    server {{
        listen {addr} backlog=4096;
        location = /small {{ default_type text/plain; return 200 \"{body}\"; }}
    }}
}}
"
    ))
}

const PATIENCE: Duration = Duration::from_secs(5);
