//! A gibibyte each way, in little memory.
//!
//! The client runs in a process of its own, this test binary once more, so that
//! nothing but the client is measured.

use std::fs;
use std::io;
use std::process::Command;

use bytes::Bytes;
use futures_util::stream;
use postrider::{Body, Client};

use super::nginx;
use super::program::Program;

const GIBIBYTE: u64 = 1 << 30;

/// The client's memory may grow by so many KiB.
const MOST_GROWTH: u64 = 16 * 1024;

const DOWNLOAD: &str = "download";
const UPLOAD: &str = "upload";

#[test]
fn a_gibibyte_is_downloaded_in_little_memory() {
    let nginx = nginx::start();
    let file = fs::File::create(nginx.root().join("large")).unwrap();
    file.set_len(GIBIBYTE).unwrap();
    for url in nginx.urls() {
        run_client(&nginx, DOWNLOAD, &format!("{url}/large"));
    }
}

#[test]
fn a_gibibyte_is_uploaded_in_little_memory() {
    let nginx = nginx::start();
    for url in nginx.urls() {
        run_client(&nginx, UPLOAD, &format!("{url}/put/large"));
        let file = nginx.root().join("put/large");
        assert_eq!(fs::metadata(&file).unwrap().len(), GIBIBYTE);
        fs::remove_file(file).unwrap();
    }
}

fn run_client(nginx: &Program, direction: &str, url: &str) {
    let roots = nginx.root().join("roots.pem");
    fs::write(&roots, nginx.root_certificate()).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "interop::gibibyte::the_client", "--ignored"])
        .args(["--nocapture", "--test-threads=1"])
        .env("POSTRIDER_DIRECTION", direction)
        .env("POSTRIDER_URL", url)
        .env("POSTRIDER_ROOTS", roots)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complaint}");
    let growth = said
        .lines()
        .find_map(|line| line.split_once("grew by KiB: "))
        .and_then(|(_, number)| number.parse::<u64>().ok())
        .unwrap_or_else(|| panic!("it has not measured:\n{said}"));
    println!("{direction} {url}: {growth} KiB");
    assert!(growth < MOST_GROWTH, "{direction} {url}: {growth} KiB");
}

#[tokio::test]
#[ignore = "the client's process of the two above"]
async fn the_client() {
    let setting = |name| std::env::var(name).expect("it is run by the tests above");
    let url = setting("POSTRIDER_URL");
    let client = Client::builder()
        .only_root_certificates(fs::read(setting("POSTRIDER_ROOTS")).unwrap())
        .build()
        .unwrap();
    // What is made once for all requests does not count.
    let (root, _) = url.rsplit_once('/').unwrap();
    let warm_up = client.get(format!("{root}/none")).send().await.unwrap();
    warm_up.discard().await.unwrap();

    let before = memory("VmRSS:");
    match setting("POSTRIDER_DIRECTION").as_str() {
        DOWNLOAD => download(&client, &url).await,
        _ => upload(&client, &url).await,
    }
    let growth = memory("VmHWM:").saturating_sub(before);
    println!("\ngrew by KiB: {growth}");
    assert_eq!(client.stats().totals.connections(), 1);
}

async fn download(client: &Client, url: &str) {
    let mut response = client.get(url).send().await.unwrap();
    let mut length = 0;
    while let Some(piece) = response.chunk().await.unwrap() {
        length += piece.len() as u64;
    }
    assert_eq!(length, GIBIBYTE);
}

async fn upload(client: &Client, url: &str) {
    const PIECE: usize = 256 * 1024;
    let piece = Bytes::from(vec![b'u'; PIECE]);
    let pieces = (0..GIBIBYTE / PIECE as u64).map(move |_| Ok::<_, io::Error>(piece.clone()));
    let body = Body::stream(stream::iter(pieces));
    let request = client
        .put(url)
        .header("content-length", GIBIBYTE.to_string());
    let response = request.body(body).send().await.unwrap();
    assert!(response.status().is_success(), "{}", response.status());
    response.discard().await.unwrap();
}

/// A figure of this process by the kernel, in KiB: what is resident, or the
/// most that ever was.
fn memory(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}
