use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::eyeballs::{Race, RaceOptions, Winner};
use crate::facts::{ConnectFacts, Connected};
use crate::names::{Families, Names, Screened, Source};
use crate::socket::SocketOptions;
use crate::stream::Stream;
use crate::tls::Handshake;

/// The road through the network: names, addresses, sockets.
pub(crate) struct Network {
    pub(crate) names: Names,
    pub(crate) race: RaceOptions,
    pub(crate) sockets: Arc<SocketOptions>,
}

impl Network {
    /// Races, and secures the winner. As long as the winner's handshake stalls or breaks
    /// underneath, the race goes on; a peer that was reached and will not do ends it.
    pub(crate) async fn connect(
        &self,
        endpoint: &Endpoint,
        handshake: Option<Handshake<'_>>,
        deadline: Instant,
    ) -> Result<Connected, Failure> {
        let local = self.sockets.local_address(endpoint.options());
        let families = self.names.families.reached_from(local);
        let lookup = self.names.look_up(endpoint, families);
        let mut race = self.race(endpoint, families, lookup.addresses);
        let mut insecure: Option<Failure> = None;
        loop {
            let winner = match timeout_at(deadline, race.winner()).await {
                Ok(Ok(winner)) => winner,
                Ok(Err(exhausted)) => return Err(explained_by(insecure, exhausted)),
                Err(_) => return Err(race.give_up()),
            };
            let connected = Instant::now();
            let mut facts = facts(&race, lookup.source, &winner);
            let mut stream = Stream::tcp(winner.connection);
            if let Some(handshake) = handshake {
                match handshake.run(stream, deadline).await {
                    Ok((secured, tls)) => {
                        stream = secured;
                        facts.tls = Some(tls);
                        facts.handshake = Some(connected.elapsed());
                    }
                    Err(error) => {
                        race.disqualify(winner.addr, error.for_attempt());
                        let is_final = error.is_final() || Instant::now() >= deadline;
                        let failure = error.into_failure();
                        if is_final {
                            return Err(failure.after(race.take_attempts()));
                        }
                        insecure = Some(failure);
                        continue;
                    }
                }
            }
            facts.attempts = race.take_attempts();
            return Ok(Connected { stream, facts });
        }
    }

    fn race(
        &self,
        endpoint: &Endpoint,
        families: Families,
        addresses: Screened,
    ) -> Race<TcpStream, Screened> {
        let mut options = self.race.clone();
        if families != Families::Both {
            // There is no other family to wait for.
            options.resolution_delay = Duration::ZERO;
        }
        let sockets = Arc::clone(&self.sockets);
        let endpoint = endpoint.clone();
        Race::start(options, addresses, move |addr| {
            Box::pin(Arc::clone(&sockets).connect(addr, endpoint.clone()))
        })
    }
}

/// Where addresses connected and none could be secured, the handshake is the cause.
fn explained_by(insecure: Option<Failure>, exhausted: Failure) -> Failure {
    match insecure {
        Some(failure) => failure.after(exhausted.attempts),
        None => exhausted,
    }
}

fn facts(
    race: &Race<TcpStream, Screened>,
    source: Source,
    winner: &Winner<TcpStream>,
) -> ConnectFacts {
    let resolved = race.resolved_after();
    ConnectFacts {
        remote: Some(winner.addr),
        local: winner.connection.local_addr().ok(),
        resolve: resolved.filter(|_| source == Source::Resolver),
        connect: resolved.map(|resolved| race.elapsed() - resolved),
        ..ConnectFacts::default()
    }
}
