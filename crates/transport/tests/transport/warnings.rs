//! What an operator reads in the log: each warning, with its words.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[cfg(feature = "tls-ring")]
use postrider_transport::TlsSettings;
use postrider_transport::{Answers, Connector};
use tokio::time::sleep;
use tracing_subscriber::fmt::MakeWriter;

use crate::names::By;
use crate::support::{failure, plain};

/// The warnings of this thread, a line each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(log.clone())
            .with_max_level(tracing::Level::WARN)
            .with_ansi(false)
            .without_time()
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Log {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(feature = "tls-ring")]
#[test]
fn accepting_invalid_certificates_is_warned_of_and_nothing_else_of_tls_is() {
    let (log, _guard) = Log::start();
    TlsSettings::builder().build().unwrap();
    assert_eq!(log.lines(), [""; 0]);
    let settings = TlsSettings::builder().danger_accept_invalid_certificates();
    settings.build().unwrap();
    let warned = "TLS settings that accept invalid certificates were made";
    let line = format!("WARN postrider_transport::tls::trust: {warned}");
    assert_eq!(log.lines(), [line]);
}

/// Asks a resolver that answers well, once, and then as `later` does. Where to is
/// no matter: nothing is dialled.
fn once(later: impl Fn() -> Answers + Send + Sync + 'static) -> Connector {
    let asked = AtomicUsize::new(0);
    let resolver = By(move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => Answers::ready([SocketAddr::from(([127, 0, 0, 1], 1))]),
        _ => later(),
    });
    Connector::builder()
        .resolver(resolver)
        .resolve_cache(Duration::ZERO)
        .address_filter(|_, _| false)
        .build()
}

#[tokio::test]
async fn a_resolver_that_fails_is_warned_of_where_its_last_answer_stands_in() {
    let (log, _guard) = Log::start();
    let connector = once(|| Answers::failed(io::Error::other("it is raining")));
    failure(&connector, &plain("a.test", 1)).await;
    assert_eq!(log.lines(), [""; 0]);
    failure(&connector, &plain("a.test", 1)).await;
    let warned = "resolver failed, its last good answer is used";
    let line = format!(
        "WARN postrider_transport::names::shared: {warned} name=\"a.test\" error=it is raining"
    );
    assert_eq!(log.lines(), [line]);
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_is_slow_is_warned_of_where_its_last_answer_stands_in() {
    let (log, _guard) = Log::start();
    let connector = once(|| {
        Answers::from_lookup(async {
            sleep(Duration::from_secs(5)).await;
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))])
        })
    });
    failure(&connector, &plain("a.test", 1)).await;
    failure(&connector, &plain("a.test", 1)).await;
    let warned = "resolver is slow, its last good answer is used";
    let line = format!("WARN postrider_transport::names::shared: {warned} name=\"a.test\"");
    assert_eq!(log.lines(), [line]);
}
