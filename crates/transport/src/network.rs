use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::endpoint::Endpoint;
use crate::error::Failure;
use crate::eyeballs::{Race, RaceOptions};
use crate::facts::{ConnectFacts, Connected};
use crate::names::{Names, Source};
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
        let lookup = self.names.look_up(endpoint);
        let sockets = Arc::clone(&self.sockets);
        let mut race = Race::start(self.race.clone(), lookup.addresses, move |addr| {
            Box::pin(Arc::clone(&sockets).connect(addr))
        });
        let mut insecure: Option<Failure> = None;
        loop {
            let winner = match timeout_at(deadline, race.winner()).await {
                Ok(Ok(winner)) => winner,
                Ok(Err(exhausted)) => {
                    return Err(match insecure {
                        Some(failure) => failure.after(exhausted.attempts),
                        None => exhausted,
                    });
                }
                Err(_) => return Err(race.give_up()),
            };
            let connected = Instant::now();
            let resolve = race.resolved_after();
            let mut facts = ConnectFacts {
                remote: Some(winner.addr),
                local: winner.connection.local_addr().ok(),
                resolve: resolve.filter(|_| lookup.source == Source::Resolver),
                connect: resolve.map(|resolve| connected - race.began() - resolve),
                ..ConnectFacts::default()
            };
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
                        let is_final = error.is_final();
                        let failure = error.into_failure();
                        if is_final || Instant::now() >= deadline {
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
}
