//! The road through the network: an address without a choice, or a race.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::alarm::{Elapsed, soon_or_until, until};
use crate::endpoint::Endpoint;
use crate::error::{Failure, Phase};
use crate::eyeballs::{Race, RaceOptions, Supply, Winner};
use crate::facts::{Attempt, ConnectFacts, Connected};
use crate::names::{Found, Lookup, Names, Reach, Screened, Source};
use crate::progress::Progress;
use crate::socket::{SocketOptions, in_words, not_to_itself};
use crate::stream::Stream;
use crate::tls::Handshake;

/// The road through the network: names, addresses, sockets.
pub(crate) struct Network {
    pub(crate) names: Names,
    pub(crate) race: RaceOptions,
    pub(crate) sockets: Arc<SocketOptions>,
}

/// A connect that is ready to go.
pub(crate) enum Journey<'a> {
    /// To the only address there is.
    Short(Sole<'a>),
    /// By any other road. Boxed, since it is large: ten thousand dials at once decide how much
    /// memory a process needs, and most have an address without a choice.
    Long(Pin<Box<dyn Future<Output = Result<Connected, Failure>> + Send + 'a>>),
}

impl Journey<'_> {
    pub(crate) async fn run(&mut self) -> Result<Connected, Failure> {
        match self {
            Self::Short(sole) => sole.connect().await,
            Self::Long(journey) => journey.await,
        }
    }
}

impl Network {
    pub(crate) fn set_out<'a>(
        &'a self,
        endpoint: &'a Endpoint,
        handshake: Option<Handshake<'a>>,
        progress: &'a Progress,
        deadline: Instant,
    ) -> Result<Journey<'a>, Failure> {
        let reach = Reach {
            families: self.names.families,
            local: self.sockets.local_address(endpoint.options()),
        };
        let Lookup { source, found } = self.names.look_up(endpoint, reach)?;
        Ok(match found {
            Found::One(addr) => {
                let sole = Sole {
                    addr,
                    source,
                    sockets: &self.sockets,
                    endpoint,
                    progress,
                    found: Instant::now(),
                    deadline,
                };
                match handshake {
                    None => Journey::Short(sole),
                    Some(handshake) => {
                        Journey::Long(Box::pin(
                            async move { sole.connect_securely(&handshake).await },
                        ))
                    }
                }
            }
            Found::Several(addresses) => {
                let mut race = self.race(endpoint, reach, addresses, progress);
                Journey::Long(Box::pin(async move {
                    connect_by_race(&mut race, source, handshake, progress, deadline).await
                }))
            }
        })
    }

    fn race<'a>(
        &self,
        endpoint: &Endpoint,
        reach: Reach,
        addresses: Screened,
        progress: &'a Progress,
    ) -> Race<'a, Stream, Screened> {
        let mut options = self.race.clone();
        if !reach.has_both_families() {
            // There is no other family to wait for.
            options.resolution_delay = Duration::ZERO;
        }
        let sockets = Arc::clone(&self.sockets);
        let endpoint = endpoint.clone();
        Race::start(options, progress, addresses, move |addr| {
            let connecting = sockets.connect(addr, endpoint.options());
            Box::pin(async move { connecting.await.map(Stream::tcp) })
        })
    }
}

/// The only address of an endpoint: nothing to race against, and little to remember.
pub(crate) struct Sole<'a> {
    addr: SocketAddr,
    source: Source,
    sockets: &'a SocketOptions,
    endpoint: &'a Endpoint,
    progress: &'a Progress,
    found: Instant,
    deadline: Instant,
}

impl Sole<'_> {
    // By reference: a future holds what it is given twice, as argument and as variable.
    async fn connect(&self) -> Result<Connected, Failure> {
        let alarm = pin!(sleep_until(self.deadline));
        let connecting = pin!(self.begin()?);
        let outcome = soon_or_until(alarm, self.deadline, connecting).await;
        let (socket, facts) = self.reached(outcome)?;
        let stream = Stream::tcp(socket);
        Ok(Connected { stream, facts })
    }

    async fn connect_securely(&self, handshake: &Handshake<'_>) -> Result<Connected, Failure> {
        let mut alarm = pin!(Handshake::alarm(Some(handshake), self.found, self.deadline));
        let connecting = pin!(self.begin()?);
        let outcome = soon_or_until(alarm.as_mut(), self.deadline, connecting).await;
        let (socket, facts) = self.reached(outcome)?;
        self.progress.end(self.addr, None);
        self.progress.enter(Phase::Tls);
        let shaking = handshake.run(Stream::tcp(socket), self.deadline, alarm);
        match shaking.await {
            Ok(secured) => Ok(secured.over(facts)),
            Err(error) => {
                self.progress.disqualify(self.addr, error.for_attempt());
                Err(error.into_failure().after(self.progress.take_attempts()))
            }
        }
    }

    fn begin(&self) -> Result<impl Future<Output = io::Result<TcpStream>> + Send + use<>, Failure> {
        self.progress.start(self.addr, self.found);
        let socket = self.sockets.open(self.addr, self.endpoint.options());
        match socket {
            Ok(socket) => Ok(socket.connect(self.addr)),
            Err(error) => Err(self.unconnected(error)),
        }
    }

    fn reached(
        &self,
        outcome: Result<io::Result<TcpStream>, Elapsed>,
    ) -> Result<(TcpStream, ConnectFacts), Failure> {
        let connected = match outcome {
            Ok(Ok(socket)) => not_to_itself(socket, self.addr),
            Ok(Err(error)) => Err(in_words(error, self.addr)),
            Err(Elapsed) => return Err(self.progress.expired()),
        };
        let (socket, local) = connected.map_err(|error| self.unconnected(error))?;
        let resolve = self.source.is_resolver();
        let facts = ConnectFacts {
            remote: Some(self.addr),
            local,
            resolve: resolve.then(|| self.progress.until(self.found)),
            connect: Some(self.found.elapsed()),
            ..ConnectFacts::default()
        };
        Ok((socket, facts))
    }

    fn unconnected(&self, error: io::Error) -> Failure {
        self.progress.end(self.addr, Some(Arc::new(error)));
        Failure::connecting(self.progress.take_attempts())
    }
}

/// Races, and secures the winner. As long as the winner's handshake stalls or breaks underneath,
/// the race goes on; a peer that was reached and will not do ends it.
async fn connect_by_race(
    race: &mut Race<'_, Stream, impl Supply>,
    source: Source,
    handshake: Option<Handshake<'_>>,
    progress: &Progress,
    deadline: Instant,
) -> Result<Connected, Failure> {
    let began = Instant::now();
    let mut alarm = pin!(Handshake::alarm(handshake.as_ref(), began, deadline));
    let mut insecure: Option<Failure> = None;
    loop {
        let winner = match until(alarm.as_mut(), deadline, race.winner()).await {
            Ok(Ok(winner)) => winner,
            Ok(Err(exhausted)) => return Err(explained_by(insecure, exhausted)),
            Err(_) => return Err(progress.expired()),
        };
        let facts = facts(race, &winner, source);
        let stream = winner.connection;
        let mut connected = match &handshake {
            None => Connected { stream, facts },
            Some(handshake) => {
                progress.enter(Phase::Tls);
                match handshake.run(stream, deadline, alarm.as_mut()).await {
                    Ok(secured) => secured.over(facts),
                    Err(error) => {
                        progress.disqualify(winner.addr, error.for_attempt());
                        let is_final = error.is_final() || Instant::now() >= deadline;
                        let failure = error.into_failure();
                        if is_final {
                            return Err(failure.after(progress.take_attempts()));
                        }
                        insecure = Some(failure);
                        continue;
                    }
                }
            }
        };
        connected.facts.attempts = told(progress.take_attempts());
        return Ok(connected);
    }
}

fn facts(
    race: &Race<'_, Stream, impl Supply>,
    winner: &Winner<Stream>,
    source: Source,
) -> ConnectFacts {
    let resolved = race.resolved_after();
    ConnectFacts {
        remote: Some(winner.addr),
        local: winner.connection.local_addr(),
        resolve: resolved.filter(|_| source.is_resolver()),
        connect: resolved.map(|resolved| race.elapsed() - resolved),
        ..ConnectFacts::default()
    }
}

/// Where addresses connected and none could be secured, the handshake is the cause.
fn explained_by(insecure: Option<Failure>, exhausted: Failure) -> Failure {
    match insecure {
        Some(failure) => {
            let failure = failure.after(exhausted.attempts);
            failure.besides(exhausted.lookup)
        }
        None => exhausted,
    }
}

/// A single attempt has nothing to tell that the other facts do not.
fn told(attempts: Vec<Attempt>) -> Box<[Attempt]> {
    match attempts.len() {
        1 => Box::default(),
        _ => attempts.into(),
    }
}

#[cfg(test)]
#[cfg(feature = "tls-ring")]
mod tests;
