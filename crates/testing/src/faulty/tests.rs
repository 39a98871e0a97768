use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::time::timeout;

use super::Faulty;
use crate::signal::Signal;

const MOMENT: Duration = Duration::from_secs(1);

#[tokio::test]
async fn without_a_fault_nothing_changes() {
    let (near, mut far) = duplex(64);
    let mut stream = Faulty::new(near);
    let meter = stream.meter();

    stream.write_all(b"ping").await.unwrap();
    stream.flush().await.unwrap();
    let mut ping = [0; 4];
    far.read_exact(&mut ping).await.unwrap();
    far.write_all(b"pong").await.unwrap();
    let mut pong = [0; 16];
    assert_eq!(stream.read(&mut pong).await.unwrap(), 4);
    stream.shutdown().await.unwrap();

    let counts = meter.counts();
    assert_eq!((counts.writes, counts.bytes_written), (1, 4));
    assert_eq!((counts.reads, counts.bytes_read), (1, 4));
    assert_eq!((counts.flushes, counts.shutdowns), (1, 1));
    assert_eq!(counts.held_up, 0);
}

#[tokio::test]
async fn reads_and_writes_are_split_to_the_size_asked_for() {
    let (near, mut far) = duplex(64);
    let mut stream = Faulty::new(near).read_at_most(3).write_at_most(2);

    assert_eq!(stream.write(b"abcdef").await.unwrap(), 2);
    far.write_all(b"abcdef").await.unwrap();
    let mut buf = [0; 16];
    assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
    assert_eq!(&buf[..3], b"abc");
    assert_eq!(stream.read(&mut buf).await.unwrap(), 3);
    assert_eq!(&buf[..3], b"def");
}

#[tokio::test]
async fn random_splits_are_the_same_for_the_same_seed() {
    async fn sizes(seed: u64) -> Vec<usize> {
        let (near, mut far) = duplex(1024);
        far.write_all(&[b'x'; 400]).await.unwrap();
        drop(far);
        let mut stream = Faulty::new(near).random_splits(seed, 9);
        let mut sizes = Vec::new();
        let mut buf = [0; 64];
        loop {
            match stream.read(&mut buf).await.unwrap() {
                0 => return sizes,
                size => sizes.push(size),
            }
        }
    }
    let first = sizes(7).await;
    assert_eq!(first, sizes(7).await);
    assert_ne!(first, sizes(8).await);
    assert_eq!(first.iter().sum::<usize>(), 400);
    assert!(first.iter().all(|&size| (1..=9).contains(&size)));
    assert!(first.iter().any(|&size| size != first[0]));
}

#[tokio::test]
async fn every_kth_poll_is_pending_and_wakes() {
    let (near, mut far) = duplex(64);
    far.write_all(b"abcdef").await.unwrap();
    drop(far);
    let mut stream = Faulty::new(near).read_at_most(1).pending_every(1);
    let mut read = String::new();
    stream.read_to_string(&mut read).await.unwrap();

    assert_eq!(read, "abcdef");
    // Seven reads that bring something or the end, one hold-up between each two.
    assert_eq!(stream.meter().counts().held_up, 6);
}

#[tokio::test(start_paused = true)]
async fn a_limit_ends_fails_or_stalls_reading() {
    let limited = |limit: fn(Faulty<_>) -> Faulty<_>| async move {
        let (near, mut far) = duplex(64);
        far.write_all(b"abcdef").await.unwrap();
        let mut stream = limit(Faulty::new(near));
        let mut read = Vec::new();
        let end = timeout(MOMENT, stream.read_to_end(&mut read)).await;
        (read, end.map(|end| end.map_err(|error| error.kind())))
    };
    let (read, end) = limited(|stream| stream.eof_after(4)).await;
    assert_eq!((read.as_slice(), end.unwrap()), (&b"abcd"[..], Ok(4)));

    let (read, end) = limited(|stream| stream.fail_read_after(4, ErrorKind::TimedOut)).await;
    assert_eq!(read, b"abcd");
    assert_eq!(end.unwrap(), Err(ErrorKind::TimedOut));

    let (read, end) = limited(|stream| stream.stall_read_after(4)).await;
    assert_eq!(read, b"abcd");
    assert!(end.is_err(), "it should have waited for ever");
}

#[tokio::test(start_paused = true)]
async fn a_limit_fails_or_stalls_writing() {
    let (near, mut far) = duplex(64);
    let mut stream = Faulty::new(near).fail_write_after(3, ErrorKind::BrokenPipe);
    let error = stream.write_all(b"abcdef").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    drop(stream);
    let mut arrived = String::new();
    far.read_to_string(&mut arrived).await.unwrap();
    assert_eq!(arrived, "abc");

    let (near, _far) = duplex(64);
    let mut stream = Faulty::new(near).stall_write_after(0);
    assert!(timeout(MOMENT, stream.write(b"a")).await.is_err());
    assert_eq!(stream.meter().counts().bytes_written, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_flushed_does_not_arrive() {
    let (near, mut far) = duplex(64);
    let mut stream = Faulty::new(near).buffer_until_flush();
    stream.write_all(b"abc").await.unwrap();

    let mut buf = [0; 16];
    assert!(timeout(MOMENT, far.read(&mut buf)).await.is_err());
    stream.flush().await.unwrap();
    assert_eq!(far.read(&mut buf).await.unwrap(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_its_gate() {
    let (near, _far) = duplex(64);
    let gate = Signal::new();
    let mut stream = Faulty::new(near).flush_after(&gate);
    assert!(timeout(MOMENT, stream.flush()).await.is_err());
    gate.notify();
    stream.flush().await.unwrap();
    assert_eq!(stream.meter().counts().flushes, 1);
}

#[test]
fn a_faulty_stream_can_go_wherever_its_stream_can() {
    fn assert_shareable<T: Send + Sync + Unpin>() {}
    assert_shareable::<Faulty<tokio::io::DuplexStream>>();
}
