//! isahc: so many GETs, so many at a time; its figures as JSON.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::time::Instant;

use isahc::HttpClient;
use isahc::http::{Request, Uri};
use isahc::prelude::*;
use nix::sys::resource::{Usage, UsageWho, getrusage};
use tokio::runtime::Builder;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let url: Uri = word(1)?.parse()?;
    let (body, warm_up, requests): (usize, isize, isize) = (number(2)?, number(3)?, number(4)?);
    let (in_flight, threads): (usize, usize) = (number(5)?, number(6)?);
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).build()?.block_on(async {
        let client = HttpClient::builder()
            .proxy(None)
            .automatic_decompression(false)
            .connection_cache_size(in_flight)
            .build()?;
        fetch(&client, &url, body, warm_up, in_flight).await?;
        let (before, begun) = (getrusage(UsageWho::RUSAGE_SELF)?, Instant::now());
        fetch(&client, &url, body, requests, in_flight).await?;
        let (wall, after) = (begun.elapsed(), getrusage(UsageWho::RUSAGE_SELF)?);
        println!(
            "{{\"wall_ns\":{},\"user_ns\":{},\"system_ns\":{},\"peak\":{}}}",
            wall.as_nanos(),
            since(&after, &before, Usage::user_time),
            since(&after, &before, Usage::system_time),
            after.max_rss() * 1024,
        );
        Ok(())
    })
}

async fn fetch(
    client: &HttpClient,
    url: &Uri,
    body: usize,
    requests: isize,
    in_flight: usize,
) -> Result<(), Failure> {
    let left = Arc::new(AtomicIsize::new(requests));
    let workers: Vec<_> = (0..in_flight)
        .map(|_| {
            let (client, url, left) = (client.clone(), url.clone(), Arc::clone(&left));
            tokio::spawn(async move {
                while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                    get(&client, &url, body).await?;
                }
                Ok::<_, Failure>(())
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    Ok(())
}

async fn get(client: &HttpClient, url: &Uri, body: usize) -> Result<(), Failure> {
    let request = Request::get(url.clone()).header("accept", "*/*").body(())?;
    let mut response = client.send_async(request).await?;
    let read = response.bytes().await?;
    match read.len() == body {
        true => Ok(()),
        false => Err("a body of another length".into()),
    }
}

fn since(after: &Usage, before: &Usage, part: fn(&Usage) -> nix::sys::time::TimeVal) -> i64 {
    let microseconds = |usage: &Usage| part(usage).tv_sec() * 1_000_000 + part(usage).tv_usec();
    (microseconds(after) - microseconds(before)) * 1000
}

fn word(place: usize) -> Result<String, Failure> {
    std::env::args().nth(place).ok_or_else(|| "too few words".into())
}

fn number<T: FromStr>(place: usize) -> Result<T, Failure> {
    word(place)?.parse().map_err(|_| "not a number".into())
}
