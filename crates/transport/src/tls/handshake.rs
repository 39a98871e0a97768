//! Securing a connected stream.

use std::error::Error;
use std::fmt;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use rustls::{CipherSuite, ClientConnection, HandshakeKind, ProtocolVersion};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::TlsConnector;

use super::broken::Broken;
use super::error::{TlsErrorKind, connect_kind};
use super::name::ServerName;
use super::settings::TlsSettings;
use crate::alarm::until;
use crate::error::{ConnectErrorKind, Failure, Phase};
use crate::facts::{ConnectFacts, Connected, TlsFacts, TlsVersion};
use crate::guard::{guarded_call, is_panic, poll_guarded};
use crate::progress::handshake_timed_out;
use crate::stream::{Ciphertext, Stream};

/// What it takes to secure a stream to a host.
pub(crate) struct Handshake<'a> {
    pub(crate) settings: &'a TlsSettings,
    /// The name to ask for and to verify.
    pub(crate) name: ServerName,
    pub(crate) timeout: Duration,
}

impl Handshake<'_> {
    /// Secures a connected stream, within the handshake's own time and the deadline.
    ///
    /// Boxed, since a session in the making takes more than a kilobyte, which a connect in the
    /// clear must not carry along.
    pub(crate) fn run<'b>(
        &'b self,
        stream: Stream,
        deadline: Instant,
        alarm: Pin<&'b mut Sleep>,
    ) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'b>> {
        Box::pin(self.shake_hands(stream, deadline, alarm))
    }

    async fn shake_hands(
        &self,
        stream: Stream,
        deadline: Instant,
        alarm: Pin<&mut Sleep>,
    ) -> Outcome {
        let began = Instant::now();
        let name = self.name.clone().into_rustls();
        let connector = TlsConnector::from(Arc::clone(self.settings.config()));
        // A configuration of the user's own brings its own code along: verifiers, stores, logs.
        let connecting = guarded_call(|| connector.connect(name, Ciphertext::new(stream)))
            .map_err(HandshakeError::from_io)?;
        let mut connecting = pin!(connecting);
        let shaking = std::future::poll_fn(|cx| poll_guarded(connecting.as_mut(), cx));
        let deadline = deadline.min(began + self.timeout);
        let stream = match until(alarm, deadline, shaking).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(HandshakeError::from_io(error)),
            Err(_) => return Err(HandshakeError::TimedOut),
        };
        let facts = facts(stream.get_ref().1);
        // From here on it is one that says close_notify when it goes.
        let stream = Stream::tls(stream);
        Ok(Secured {
            stream,
            facts: facts?,
            took: began.elapsed(),
        })
    }

    /// A timer for the connection and for this handshake over it. The handshake's deadline is not
    /// known yet; it cannot be earlier than this.
    pub(crate) fn alarm(this: Option<&Self>, began: Instant, deadline: Instant) -> Sleep {
        sleep_until(match this {
            Some(handshake) => deadline.min(began + handshake.timeout),
            None => deadline,
        })
    }
}

type Outcome = Result<Secured, HandshakeError>;

/// What a handshake makes of a stream.
pub(crate) struct Secured {
    pub(crate) stream: Stream,
    pub(crate) facts: TlsFacts,
    took: Duration,
}

impl Secured {
    /// Adds what is known of the connection underneath.
    pub(crate) fn over(self, facts: ConnectFacts) -> Connected {
        Connected {
            stream: self.stream,
            facts: ConnectFacts {
                tls: Some(Box::new(self.facts)),
                handshake: Some(self.took),
                ..facts
            },
        }
    }
}

/// Why a handshake failed, told apart by whether another address of the host may do better.
#[derive(Debug)]
pub(crate) enum HandshakeError {
    /// The peer stalled.
    TimedOut,
    /// The connection broke underneath.
    Transport(Arc<io::Error>),
    /// The peer was reached, and what it said will not do.
    Fatal(ConnectErrorKind, Option<Arc<rustls::Error>>),
}

impl HandshakeError {
    /// What broke after a handshake is the session under this one, of TLS over TLS.
    fn from_io(error: io::Error) -> Self {
        if is_panic(&error) {
            return Self::Fatal(ConnectErrorKind::Panicked, None);
        }
        match error.downcast::<rustls::Error>() {
            Ok(error) => Self::from_rustls(error),
            Err(error) => match error.downcast::<Broken>() {
                Ok(Broken(error)) => Self::from_rustls(error),
                Err(error) => Self::Transport(Arc::new(error)),
            },
        }
    }

    pub(crate) fn from_rustls(error: rustls::Error) -> Self {
        Self::Fatal(connect_kind(&error), Some(Arc::new(error)))
    }

    /// Whether no other address of the host is worth a try.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::Fatal(..))
    }

    /// The error for the record of the address.
    pub(crate) fn for_attempt(&self) -> Arc<io::Error> {
        match self {
            Self::TimedOut => Arc::new(handshake_timed_out()),
            Self::Transport(error) => Arc::clone(error),
            Self::Fatal(kind, cause) => {
                let explained = Explained(*kind, cause.clone());
                Arc::new(io::Error::new(io::ErrorKind::InvalidData, explained))
            }
        }
    }

    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Self::TimedOut => Failure::timed_out(Phase::Tls),
            Self::Transport(error) => {
                let kind = ConnectErrorKind::Tls(TlsErrorKind::Closed);
                Failure::new(kind, Phase::Tls).because(error)
            }
            Self::Fatal(kind, None) => Failure::new(kind, Phase::Tls),
            Self::Fatal(kind, Some(error)) => Failure::new(kind, Phase::Tls).because(error),
        }
    }
}

/// What a handshake failed of, with all that is known of it.
#[derive(Debug)]
struct Explained(ConnectErrorKind, Option<Arc<rustls::Error>>);

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, &self.1) {
            (ConnectErrorKind::Tls(kind), Some(cause)) => kind.explain(cause.as_ref(), f),
            (kind, _) => kind.fmt(f),
        }
    }
}

impl Error for Explained {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let cause = self.1.as_deref()?;
        Some(cause)
    }
}

fn facts(session: &ClientConnection) -> Result<TlsFacts, HandshakeError> {
    let alpn = match session.alpn_protocol() {
        None => None,
        Some(b"http/1.1") => Some("http/1.1"),
        Some(_) => return Err(HandshakeError::Fatal(ConnectErrorKind::AlpnMismatch, None)),
    };
    Ok(TlsFacts {
        version: match session.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
        cipher: session
            .negotiated_cipher_suite()
            .and_then(|suite| registered_name(suite.suite()))
            .unwrap_or("unknown"),
        key_exchange: session
            .negotiated_key_exchange_group()
            .and_then(|group| group.name().as_str()),
        alpn,
        resumed: session.handshake_kind() == Some(HandshakeKind::Resumed),
    })
}

/// RFC 8446 §B.4: the suites of TLS 1.3 begin as all others do; rustls has names of its own.
fn registered_name(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        CipherSuite::TLS13_AES_128_CCM_SHA256 => Some("TLS_AES_128_CCM_SHA256"),
        CipherSuite::TLS13_AES_128_CCM_8_SHA256 => Some("TLS_AES_128_CCM_8_SHA256"),
        _ => suite.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_has_its_registered_name() {
        let names = |codes: std::ops::RangeInclusive<u16>| {
            codes.filter_map(|code| registered_name(code.into()))
        };
        let of_tls13: Vec<_> = names(0x1301..=0x1305).collect();
        assert_eq!(
            of_tls13,
            [
                "TLS_AES_128_GCM_SHA256",
                "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256",
                "TLS_AES_128_CCM_SHA256",
                "TLS_AES_128_CCM_8_SHA256",
            ]
        );
        let older = CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        let name = Some("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
        assert_eq!(registered_name(older), name);
        assert!(!names(0..=u16::MAX).any(|name| name.starts_with("TLS13")));
    }
}
