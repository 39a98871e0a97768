use ureq::Agent;
use ureq::http::Uri;

use super::Client;
use crate::Failure;
use crate::load::{BlockingWorker, Load};
use crate::probe::Sample;

pub(super) const CLIENT: Client = Client {
    name: "ureq",
    settings: "blocking: a thread for each request in flight; one Agent, no default features, no \
               proxy, idle connections as many as threads, no user-agent; parsed Uri cloned; \
               Body::read_to_vec",
    run,
};

fn run(load: &Load) -> Result<Sample, Failure> {
    let agent: Agent = Agent::config_builder()
        .proxy(None)
        .user_agent("")
        .max_idle_connections(load.in_flight)
        .max_idle_connections_per_host(load.in_flight)
        .build()
        .into();
    let uri: Uri = load.url().parse()?;
    let worker = || Ureq {
        agent: agent.clone(),
        uri: uri.clone(),
    };
    load.drive_threads((0..load.in_flight).map(|_| worker()).collect())
}

struct Ureq {
    agent: Agent,
    uri: Uri,
}

impl BlockingWorker for Ureq {
    fn get(&mut self) -> Result<usize, Failure> {
        let mut response = self.agent.get(&self.uri).call()?;
        Ok(response.body_mut().read_to_vec()?.len())
    }
}
