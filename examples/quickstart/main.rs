//! What a service does with an HTTP client all day, against servers of its own.
//!
//! ```text
//! cargo run --example quickstart            # starts its own servers, needs no network
//! cargo run --example quickstart -- URL...  # fetches these instead
//! ```

mod report;
mod servers;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::stream;
use postrider::{Body, Client, Response};

use self::servers::Servers;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

const UPLOADED: u64 = 16 * 1024 * 1024;

#[tokio::main]
async fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args().skip(1).collect();
    let result = if urls.is_empty() {
        tour().await
    } else {
        fetch_all(&urls).await
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Fetches each URL and shows what came, and what took how long.
async fn fetch_all(urls: &[String]) -> Result<(), BoxError> {
    let client = Client::builder().timeout(Duration::from_secs(30)).build()?;
    let mut failures = 0;
    for url in urls {
        // As people type it.
        let url = if url.contains("://") {
            url.clone()
        } else {
            format!("http://{url}")
        };
        if let Err(error) = fetch(&client, &url).await {
            report::failure(&error);
            failures += 1;
        }
    }
    match failures {
        0 => Ok(()),
        _ => Err(format!("{failures} of {} could not be fetched", urls.len()).into()),
    }
}

async fn fetch(client: &Client, url: &str) -> Result<(), postrider::Error> {
    let mut response = client.get(url).send().await?;
    report::head(&response);
    let mut length = 0;
    while let Some(piece) = response.chunk().await? {
        length += piece.len() as u64;
    }
    report::exchange(&format!("GET {}", response.url().path()), &response, length);
    Ok(())
}

/// The main job, as a user would do it.
async fn tour() -> Result<(), BoxError> {
    let servers = Servers::start().await?;
    // The servers' certificates are made anew for each run, so their issuer is
    // told to the client; without this line it trusts the public web's roots.
    let client = Client::builder()
        .only_root_certificates(servers.root_pem())
        .build()?;

    for origin in servers.origins() {
        println!("== {origin}\n");
        get(&client, origin).await?;
        post_json(&client, origin).await?;
    }
    println!("== Bodies as streams\n");
    let plain = &servers.origins()[0];
    download(&client, plain).await?;
    upload(&client, plain).await?;
    many(&client, plain).await?;
    errors(&client, plain).await;
    report::pool(&client.stats());
    Ok(())
}

async fn get(client: &Client, origin: &str) -> Result<(), postrider::Error> {
    let mut response = client.get(format!("{origin}/hello")).send().await?;
    let length = read_to_end(&mut response).await?;
    report::exchange("GET /hello", &response, length);
    Ok(())
}

async fn post_json(client: &Client, origin: &str) -> Result<(), postrider::Error> {
    let order = serde_json::json!({ "horse": "bay", "stations": 12 });
    let mut response = client
        .post(format!("{origin}/echo"))
        .bearer_auth("a token that no log will show")
        .json(&order)
        .send()
        .await?
        .error_for_status()?;
    let length = read_to_end(&mut response).await?;
    report::exchange("POST /echo (JSON)", &response, length);
    Ok(())
}

/// Reads a body piece by piece, with a line that shows how far it is.
async fn download(client: &Client, origin: &str) -> Result<(), postrider::Error> {
    let mut response = client.get(format!("{origin}/download")).send().await?;
    let expected = response.content_length();
    let mut length = 0;
    let mut shown = 0;
    while let Some(piece) = response.chunk().await? {
        length += piece.len() as u64;
        if length - shown >= 1024 * 1024 {
            shown = length;
            report::progress(length, expected);
        }
    }
    println!();
    report::exchange("GET /download (streamed)", &response, length);
    Ok(())
}

/// Sends a body that is made while it is sent.
async fn upload(client: &Client, origin: &str) -> Result<(), postrider::Error> {
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = (0..UPLOADED / piece.len() as u64).map(move |_| Ok::<_, BoxError>(piece.clone()));
    let mut response = client
        .put(format!("{origin}/upload"))
        .body(Body::stream(stream::iter(pieces)))
        .send()
        .await?;
    let length = read_to_end(&mut response).await?;
    report::exchange("PUT /upload (16 MiB, streamed)", &response, length);
    Ok(())
}

/// A hundred at once: each takes the first connection that is free. No more, as
/// both ends count here, and some systems give a process no more than 256 files.
async fn many(client: &Client, origin: &str) -> Result<(), postrider::Error> {
    let requests = (0..100).map(|number| async move {
        let mut response = client
            .get(format!("{origin}/hello?n={number}"))
            .send()
            .await?;
        read_to_end(&mut response).await?;
        Ok::<_, postrider::Error>((response.connection().id(), *response.timings()))
    });
    let mut done = Vec::new();
    for result in join_all(requests).await {
        done.push(result?);
    }
    report::many("GET /hello, 100 at once", &done);
    Ok(())
}

/// What goes wrong is said in one line.
async fn errors(client: &Client, origin: &str) {
    println!("== Errors, as they read\n");
    for url in [
        "http://127.0.0.1:1/",
        "http://127.0.0.1:65536/",
        "https://no-such-host.invalid/?token=never-shown",
    ] {
        if let Err(error) = client.get(url).send().await {
            report::failure(&error);
        }
    }
    let slow = client
        .get(format!("{origin}/slow"))
        .timeout(Duration::from_millis(50));
    if let Err(error) = slow.send().await {
        report::failure(&error);
    }
    println!();
}

async fn read_to_end(response: &mut Response) -> Result<u64, postrider::Error> {
    let mut length = 0;
    while let Some(piece) = response.chunk().await? {
        length += piece.len() as u64;
    }
    Ok(length)
}
