//! A connect function of the user's own, in the network's place.

use std::io;
use std::time::Duration;

use postrider_transport::{ConnectErrorKind, Connector, Phase, Probe, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, DuplexStream, duplex};

use crate::support::{failure, plain};

#[tokio::test]
async fn the_function_gives_the_stream_and_the_endpoint_goes_in() {
    let (ours, mut theirs) = duplex(64);
    let ours = std::sync::Mutex::new(Some(ours));
    let connector = Connector::builder()
        .connect_with(move |endpoint| {
            assert_eq!(endpoint, plain("a.test", 80));
            let ours = ours.lock().unwrap().take();
            async move { ours.ok_or_else(|| io::Error::other("only once")) }
        })
        .build();
    let connected = connector.connect(&plain("a.test", 80)).await.unwrap();
    assert_eq!(connected.facts.remote, None);
    assert!(connected.facts.connect.is_some());
    let mut stream = connected.stream;
    stream.write_all(b"ping").await.unwrap();
    let mut room = [0; 4];
    theirs.read_exact(&mut room).await.unwrap();
    assert_eq!(&room, b"ping");

    let error = failure(&connector, &plain("a.test", 80)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Custom);
    assert_eq!(
        error.to_string(),
        "could not connect to a.test:80: only once"
    );
}

#[tokio::test]
async fn a_function_that_panics_is_an_error() {
    async fn panics() -> io::Result<DuplexStream> {
        panic!("oh")
    }
    let connector = Connector::builder().connect_with(|_| panics()).build();
    let error = failure(&connector, &plain("a.test", 80)).await;
    assert_eq!(error.kind(), ConnectErrorKind::Panicked);
    assert_eq!(
        error.to_string(),
        "could not connect to a.test:80: user code panicked"
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_hangs_runs_into_the_timeout() {
    let connector = Connector::builder()
        .connect_with(|_| std::future::pending::<io::Result<DuplexStream>>())
        .build();
    let began = tokio::time::Instant::now();
    let error = connector.connect(&plain("a.test", 80)).await.unwrap_err();
    let phase = Phase::Connect;
    assert_eq!(error.kind(), ConnectErrorKind::TimedOut { phase });
    assert_eq!(began.elapsed().as_secs(), 10);
    assert_eq!(
        error.to_string(),
        "could not connect to a.test:80: timed out after 10.0 s"
    );
}

#[tokio::test]
async fn a_timeout_may_be_as_long_as_it_likes() {
    let connector = Connector::builder()
        .connect_timeout(Duration::MAX)
        .tls_timeout(Duration::MAX)
        .connect_with(|_| async { Ok(duplex(64).0) })
        .build();
    connector.connect(&plain("a.test", 80)).await.unwrap();
}

#[tokio::test]
async fn a_stream_of_the_users_own_is_probed_by_reading() {
    for care in [Probe::Flag, Probe::Kernel] {
        let (ours, mut theirs) = duplex(64);
        let mut stream = Stream::custom(ours);
        assert!(stream.is_alive(care));
        theirs.write_all(b"!").await.unwrap();
        assert!(!stream.is_alive(care));

        let (ours, theirs) = duplex(64);
        let mut stream = Stream::custom(ours);
        drop(theirs);
        assert!(!stream.is_alive(care));
    }
}

#[tokio::test]
async fn a_stream_that_buffers_is_flushed_when_it_says_so() {
    let (ours, mut theirs) = duplex(64);
    let mut stream = Stream::custom(BufWriter::new(ours));
    assert!(!stream.has_unsent());
    stream.write_all(b"ping").await.unwrap();
    assert!(stream.has_unsent());
    stream.flush().await.unwrap();
    assert!(!stream.has_unsent());
    assert_eq!(stream.written(), 4);
    let mut room = [0; 4];
    theirs.read_exact(&mut room).await.unwrap();
}
