//! An nginx of a test's own: its files, its ports, its process.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testing::Authority;

/// A running nginx that serves what lies under [`root`](Self::root) in the
/// clear and by TLS, and ends with this value.
///
/// | path | |
/// |---|---|
/// | `/put/NAME` | keeps what is PUT there |
/// | `/chunked/NAME` | the file as of unknown length |
/// | other | the file |
pub(crate) struct Nginx {
    process: Child,
    folder: PathBuf,
    authority: Authority,
    http: u16,
    https: u16,
}

/// A line of nginx's log.
#[derive(Debug)]
pub(crate) struct Served {
    /// nginx's own number of the connection.
    pub(crate) connection: u64,
    /// Which of the connection's requests it was, by nginx's count.
    pub(crate) request: u64,
    pub(crate) uri: String,
}

impl Nginx {
    pub(crate) fn start() -> Self {
        let folder = new_folder();
        for name in ["root/put", "root/chunked", "temp"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let authority = Authority::new();
        let identity = authority.issue(&["127.0.0.1"]);
        fs::write(folder.join("cert.pem"), identity.certificate_pem()).unwrap();
        fs::write(folder.join("key.pem"), identity.key_pem()).unwrap();

        // Another program may take a port between our look and nginx's.
        for _ in 0..5 {
            let (http, https) = free_ports();
            fs::write(folder.join("nginx.conf"), config(&folder, http, https)).unwrap();
            if let Some(process) = launch(&folder, [http, https]) {
                return Self {
                    process,
                    folder,
                    authority,
                    http,
                    https,
                };
            }
        }
        let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        panic!("nginx does not start:\n{log}");
    }

    /// The clear one's and the secure one's base URL.
    pub(crate) fn urls(&self) -> [String; 2] {
        [
            format!("http://127.0.0.1:{}", self.http),
            format!("https://127.0.0.1:{}", self.https),
        ]
    }

    /// The root certificate that vouches for it.
    pub(crate) fn root_certificate(&self) -> String {
        self.authority.ca_pem()
    }

    /// The folder whose files it serves.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// What nginx says it has served of paths that begin with `prefix`, once
    /// that is so many requests.
    pub(crate) fn log_of(&self, prefix: &str, count: usize) -> Vec<Served> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let text = fs::read_to_string(self.folder.join("access.log")).unwrap();
            let served: Vec<_> = text
                .lines()
                .map(Served::parse)
                .filter(|served| served.uri.starts_with(prefix))
                .collect();
            if served.len() >= count {
                return served;
            }
            assert!(Instant::now() < deadline, "only {} lines", served.len());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Without a master process, this one is all there is.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Served {
    fn parse(line: &str) -> Self {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap();
        Self {
            connection: next().parse().unwrap(),
            request: next().parse().unwrap(),
            uri: next().to_owned(),
        }
    }
}

fn config(folder: &Path, http: u16, https: u16) -> String {
    let folder = folder.display();
    format!(
        "daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    log_format facts '$connection $connection_requests $request_uri';
    access_log {folder}/access.log facts;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    default_type application/octet-stream;
    gzip off;
    sendfile on;
    keepalive_requests 1000000;
    keepalive_timeout 60s;
    client_max_body_size 0;
    server {{
        listen 127.0.0.1:{http};
        listen 127.0.0.1:{https} ssl;
        ssl_certificate {folder}/cert.pem;
        ssl_certificate_key {folder}/key.pem;
        root {folder}/root;
        location /put/ {{ dav_methods PUT; }}
        location /chunked/ {{ ssi on; ssi_types application/octet-stream; }}
    }}
}}
"
    )
}

/// Runs it, and waits until it takes connections; nothing where it has ended.
fn launch(folder: &Path, ports: [u16; 2]) -> Option<Child> {
    let mut process = Command::new("nginx")
        .arg("-p")
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        // What it tells before it has read where its log is.
        .arg("-e")
        .arg(folder.join("error.log"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("nginx must be installed (nginx-light): {error}"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        if ports.map(takes_connections) == [true, true] {
            return Some(process);
        }
        sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn takes_connections(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn free_ports() -> (u16, u16) {
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let (one, other) = (bind(), bind());
    (port(&one), port(&other))
}

fn new_folder() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("postrider-nginx-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}
