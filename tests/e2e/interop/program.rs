//! A web server of a test's own: its files, its ports, its process.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use testing::{Authority, Identity};

/// A running server that serves what lies under [`root`](Self::root) and ends
/// with this value.
pub(crate) struct Program {
    process: Child,
    folder: PathBuf,
    authority: Authority,
    ports: Ports,
    /// By which it is told to read its configuration again and to end the
    /// processes of the old one when their work is done.
    reload: &'static str,
}

/// How one becomes such a server.
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    /// Where Debian has it.
    pub(crate) package: &'static str,
    /// The text of its configuration, for a folder and ports.
    pub(crate) configuration: fn(&Path, &Ports) -> String,
    /// Its arguments, for the folder; the configuration lies in `server.conf`.
    pub(crate) arguments: fn(&Path) -> Vec<String>,
    pub(crate) reload: &'static str,
}

/// Where it listens, on IPv4 and IPv6 of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http: u16,
    /// TLS 1.2 and 1.3.
    pub(crate) https: u16,
    pub(crate) tls12: u16,
    pub(crate) tls13: u16,
    /// Wants certificates by the authority.
    pub(crate) certified: u16,
    /// In the clear, and by TLS: closes after few requests, or a second.
    pub(crate) hasty: u16,
    pub(crate) hasty_tls: u16,
}

/// A line of the server's log.
#[derive(Debug)]
pub(crate) struct Served {
    /// By the server's own number of it, or by our port.
    pub(crate) connection: u64,
    /// Which of the connection's requests it was, by the server's count.
    pub(crate) request: u64,
    pub(crate) uri: String,
    /// Such as `TLSv1.3`.
    pub(crate) protocol: String,
    /// The subject of the client's certificate; `-` if it showed none.
    pub(crate) client: String,
}

impl Program {
    pub(crate) fn start(recipe: &Recipe) -> Self {
        let folder = new_folder(recipe.name);
        for name in ["root/put", "root/chunked", "temp"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let authority = Authority::new();
        let identity = authority.issue(&["localhost", "127.0.0.1", "::1"]);
        fs::write(folder.join("cert.pem"), identity.certificate_pem()).unwrap();
        fs::write(folder.join("key.pem"), identity.key_pem()).unwrap();
        fs::write(folder.join("ca.pem"), authority.ca_pem()).unwrap();

        // Another program may take a port between our look and the server's.
        for _ in 0..5 {
            let ports = Ports::free();
            let text = (recipe.configuration)(&folder, &ports);
            fs::write(folder.join("server.conf"), text).unwrap();
            if let Some(process) = launch(recipe, &folder, &ports) {
                return Self {
                    process,
                    folder,
                    authority,
                    ports,
                    reload: recipe.reload,
                };
            }
        }
        let log = fs::read_to_string(folder.join("error.log")).unwrap_or_default();
        panic!("{} does not start:\n{log}", recipe.name);
    }

    pub(crate) fn ports(&self) -> Ports {
        self.ports
    }

    /// The clear one's and the secure one's base URL.
    pub(crate) fn urls(&self) -> [String; 2] {
        let Ports { http, https, .. } = self.ports;
        [
            format!("http://127.0.0.1:{http}"),
            format!("https://127.0.0.1:{https}"),
        ]
    }

    /// The root certificate that vouches for it.
    pub(crate) fn root_certificate(&self) -> String {
        self.authority.ca_pem()
    }

    /// A certificate for a client, by the authority that it trusts.
    pub(crate) fn certify(&self, name: &str) -> Identity {
        self.authority.issue(&[name])
    }

    /// The folder whose files it serves.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("root")
    }

    /// What it says to have served of paths that begin with `prefix`, once that
    /// is so many requests.
    pub(crate) fn log_of(&self, prefix: &str, count: usize) -> Vec<Served> {
        let deadline = Instant::now() + PATIENCE;
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

    /// Lets new processes take over from those that serve now, in good order.
    pub(crate) fn reload(&self) {
        self.signal(self.reload);
    }

    fn signal(&self, name: &str) {
        // The standard library knows no signal but KILL.
        let id = self.process.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status();
        assert!(status.unwrap().success(), "{name} could not be sent");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Killed at once, it would leave its own children behind.
        if !matches!(self.process.try_wait(), Ok(Some(_))) {
            self.signal("TERM");
        }
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.process.try_wait(), Ok(None)) && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Ports {
    fn free() -> Self {
        let bind = |_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        // Held together, so that they differ.
        let listeners = [(); 7].map(bind);
        let [http, https, tls12, tls13, certified, hasty, hasty_tls] = listeners
            .each_ref()
            .map(|listener| listener.local_addr().unwrap().port());
        Self {
            http,
            https,
            tls12,
            tls13,
            certified,
            hasty,
            hasty_tls,
        }
    }

    pub(crate) fn all(&self) -> [u16; 7] {
        let Self {
            http,
            https,
            tls12,
            tls13,
            certified,
            hasty,
            hasty_tls,
        } = *self;
        [http, https, tls12, tls13, certified, hasty, hasty_tls]
    }
}

impl Served {
    /// `connection request protocol uri client`, of which the last may hold spaces.
    fn parse(line: &str) -> Self {
        let mut words = line.splitn(5, ' ');
        let mut next = || words.next().unwrap().to_owned();
        Self {
            connection: next().parse().unwrap(),
            request: next().parse().unwrap(),
            protocol: next(),
            uri: next(),
            client: next(),
        }
    }
}

/// Runs it, and waits until it serves; nothing where it has ended.
fn launch(recipe: &Recipe, folder: &Path, ports: &Ports) -> Option<Child> {
    let Recipe { name, package, .. } = recipe;
    let mut process = Command::new(name)
        .args((recipe.arguments)(folder))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.join("start.log")).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{name} must be installed ({package}): {error}"));
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if process.try_wait().unwrap().is_some() {
            return None;
        }
        if ports.all().into_iter().all(takes_connections) && answers(ports.http) {
            return Some(process);
        }
        sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    let _ = process.wait();
    None
}

fn takes_connections(port: u16) -> bool {
    let ips: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    ips.iter().all(|ip| TcpStream::connect((*ip, port)).is_ok())
}

/// Ports are taken before signals are heeded, and both before anything is served.
fn answers(port: u16) -> bool {
    let ask = || -> io::Result<usize> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
        stream.read(&mut [0; 64])
    };
    matches!(ask(), Ok(1..))
}

fn new_folder(name: &str) -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("postrider-{name}-{}-{number}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

const PATIENCE: Duration = Duration::from_secs(10);
