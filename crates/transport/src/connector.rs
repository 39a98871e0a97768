//! The staircase of a connect, each step within one deadline.

use std::fmt;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::alarm::until;
use crate::endpoint::{Endpoint, Security};
use crate::error::{ConnectError, ConnectErrorKind, Failure, Phase};
use crate::facts::{ConnectFacts, Connected, TlsFacts};
use crate::guard::{BoxFuture, guarded, is_panic};
use crate::network::{Journey, Network};
use crate::progress::Progress;
use crate::stream::Stream;
use crate::tls::{Handshake, TlsErrorKind, TlsSettings};

/// Makes connections: resolves, races, connects, secures.
///
/// A clone is the same connector. Two connectors share nothing, not even TLS sessions, unless they
/// are given the same [`TlsSettings`].
#[derive(Clone)]
pub struct Connector {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) road: Road,
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) connect_timeout: Duration,
    pub(crate) tls_timeout: Duration,
}

/// How bytes get to the peer.
pub(crate) enum Road {
    Network(Network),
    Custom(ConnectFunction),
}

pub(crate) type ConnectFunction =
    Arc<dyn Fn(Endpoint) -> BoxFuture<io::Result<Stream>> + Send + Sync>;

impl Connector {
    pub(crate) fn new(inner: Inner) -> Self {
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Connects to an endpoint.
    ///
    /// Needs a tokio runtime with I/O and time. Ends within the connect timeout, whatever the
    /// network does.
    ///
    /// # Errors
    ///
    /// Says the phase that failed, and every address that was tried.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every socket that it opened.
    pub async fn connect(&self, endpoint: &Endpoint) -> Result<Connected, ConnectError> {
        self.connect_watched(endpoint, &Progress::new()).await
    }

    /// Connects to an endpoint as [`connect`](Self::connect) does, and lets others see meanwhile
    /// where it stands: one connect at a time, see [`Progress`].
    ///
    /// # Errors
    ///
    /// Says the phase that failed, and every address that was tried.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes every socket that it opened.
    pub async fn connect_watched(
        &self,
        endpoint: &Endpoint,
        progress: &Progress,
    ) -> Result<Connected, ConnectError> {
        let began = Instant::now();
        let under_way = progress.begin(began);
        let progress = under_way.progress();
        let failed = |failure| {
            let elapsed = progress.until(Instant::now());
            ConnectError::new(failure, endpoint, elapsed)
        };
        let mut journey = self.set_out(endpoint, progress, began).map_err(failed)?;
        journey.run().await.map_err(failed)
    }

    /// Secures a stream that was connected in some other way, such as a tunnel through a proxy,
    /// as if it led straight to the endpoint.
    ///
    /// # Errors
    ///
    /// If the handshake fails or takes longer than the TLS timeout.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the stream.
    pub async fn secure(
        &self,
        stream: Stream,
        endpoint: &Endpoint,
    ) -> Result<(Stream, TlsFacts), ConnectError> {
        let began = Instant::now();
        let outcome = match self.handshake(endpoint) {
            Ok(handshake) => {
                let deadline = began + self.inner.tls_timeout;
                let alarm = pin!(sleep_until(deadline));
                let secured = handshake.run(stream, deadline, alarm).await;
                secured
                    .map(|secured| (secured.stream, secured.facts))
                    .map_err(|error| error.into_failure())
            }
            Err(failure) => Err(failure),
        };
        outcome.map_err(|failure| ConnectError::new(failure, endpoint, began.elapsed()))
    }

    fn set_out<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        progress: &'a Progress,
        began: Instant,
    ) -> Result<Journey<'a>, Failure> {
        let handshake = match endpoint.security {
            Security::Plain => None,
            Security::Tls => Some(self.handshake(endpoint)?),
        };
        let deadline = began + self.inner.connect_timeout;
        match &self.inner.road {
            Road::Network(network) => network.set_out(endpoint, handshake, progress, deadline),
            Road::Custom(function) => {
                let journey = connect_by(function, endpoint, handshake, progress, deadline);
                Ok(Journey::Long(Box::pin(journey)))
            }
        }
    }

    fn handshake<'a>(&'a self, endpoint: &'a Endpoint) -> Result<Handshake<'a>, Failure> {
        let own = endpoint.options().and_then(|options| options.tls.as_ref());
        let failed = |kind| Failure::new(kind, Phase::Tls);
        let settings = own
            .or(self.inner.tls.as_ref())
            .ok_or_else(|| failed(ConnectErrorKind::NoTlsProvider))?;
        let name = settings
            .name_for(endpoint)
            .ok_or_else(|| failed(ConnectErrorKind::Tls(TlsErrorKind::InvalidServerName)))?;
        Ok(Handshake {
            settings,
            name,
            timeout: self.inner.tls_timeout,
        })
    }
}

/// Connects by a function of the user's own, which takes the network's place.
async fn connect_by(
    function: &ConnectFunction,
    endpoint: &Endpoint,
    handshake: Option<Handshake<'_>>,
    progress: &Progress,
    deadline: Instant,
) -> Result<Connected, Failure> {
    progress.enter(Phase::Connect);
    let began = Instant::now();
    let mut alarm = pin!(Handshake::alarm(handshake.as_ref(), began, deadline));
    let connecting = pin!(guarded(|| function(endpoint.clone())));
    let stream = match until(alarm.as_mut(), deadline, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed_by_function(error)),
        Err(_) => return Err(Failure::timed_out(Phase::Connect)),
    };
    let facts = ConnectFacts {
        connect: Some(began.elapsed()),
        ..ConnectFacts::default()
    };
    match handshake {
        None => Ok(Connected { stream, facts }),
        Some(handshake) => {
            progress.enter(Phase::Tls);
            match handshake.run(stream, deadline, alarm).await {
                Ok(secured) => Ok(secured.over(facts)),
                Err(error) => Err(error.into_failure()),
            }
        }
    }
}

fn failed_by_function(error: io::Error) -> Failure {
    let kind = if is_panic(&error) {
        ConnectErrorKind::Panicked
    } else {
        ConnectErrorKind::Custom
    };
    Failure::new(kind, Phase::Connect).because(Arc::new(error))
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn futures_can_be_spawned() {
        fn assert_send<T: Send>(_: T) {}
        let connector = Connector::builder().build();
        let endpoint = Endpoint::new(
            std::net::IpAddr::from([127, 0, 0, 1]).into(),
            443,
            Security::Tls,
        );
        let stream = Stream::custom(tokio::io::empty());
        assert_send(connector.connect(&endpoint));
        assert_send(connector.secure(stream, &endpoint));
        assert_send(crate::Answers::ready([]).next());
    }

    /// Ten thousand connects at once are ten thousand of these.
    #[test]
    fn a_connect_in_the_clear_to_an_address_stays_small() {
        let connector = Connector::builder().build();
        let address = std::net::IpAddr::from([127, 0, 0, 1]);
        let endpoint = Endpoint::new(address.into(), 80, Security::Plain);
        let progress = Progress::new();
        let connecting = connector.connect_watched(&endpoint, &progress);
        assert!(
            size_of_val(&connecting) <= 512,
            "{}",
            size_of_val(&connecting)
        );
    }
}
