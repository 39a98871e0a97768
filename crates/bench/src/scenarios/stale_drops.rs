use serde_json::{Map, Value, json};

use crate::Failure;
use crate::chart::{Bar, Chart};
use crate::child::{self, Server};
use crate::clients::{self, Client};
use crate::cpu::Cores;
use crate::load::{Action, Copies, Keeping, Load, Road};
use crate::options::DropsPlan;
use crate::part::Part;
use crate::probe::Quantity;
use crate::server::drops::{self, Departure};
use crate::spread::Spread;

pub(crate) const NAME: &str = "stale-drops";
pub(crate) const ABOUT: &str =
    "GETs that fail where the server ends a connection after one answer in ten";

/// By each client, in each way of dropping.
pub(crate) const REQUESTS: usize = 20_000;

/// One client's failures.
pub(crate) struct Finding {
    client: &'static Client,
    /// In the order of [`Departure::ALL`].
    failures: Vec<u64>,
}

pub(crate) fn measure(plan: &DropsPlan) -> Result<Vec<Finding>, Failure> {
    CLIENTS
        .into_iter()
        .map(|name| {
            let client = clients::find(name).ok_or("an unknown client")?;
            let ways = Departure::ALL.into_iter();
            let failures = ways.map(|how| count(client, how, plan.requests));
            Ok(Finding {
                client,
                failures: failures.collect::<Result<_, Failure>>()?,
            })
        })
        .collect()
}

pub(crate) fn part(plan: &DropsPlan, findings: &[Finding]) -> Part {
    let ways = Departure::ALL.into_iter().enumerate();
    Part {
        name: NAME.to_owned(),
        about: ABOUT.to_owned(),
        text: table(plan, findings),
        document: document(plan, findings),
        charts: ways
            .map(|(way, how)| Chart {
                title: how.name().to_owned(),
                unit: "requests failed, in percent".to_owned(),
                bars: findings
                    .iter()
                    .map(|finding| finding.bar(way, plan.requests))
                    .collect(),
            })
            .collect(),
        disturbances: Vec::new(),
    }
}

impl Finding {
    fn bar(&self, way: usize, requests: usize) -> Bar {
        let percent = percent(self.failures[way], requests);
        Bar {
            label: self.client.name.to_owned(),
            value: Spread::exactly(percent),
            note: format!("{percent:.2}"),
        }
    }
}

fn count(client: &Client, how: Departure, requests: usize) -> Result<u64, Failure> {
    // A server of its own, so that each client's connections meet the same chances.
    let server = Server::start(Cores::Apart)?;
    let load = Load {
        addr: server.doors.plain,
        road: Road::Tcp,
        path: how.path(),
        action: Action::Get,
        keeping: Keeping::Kept,
        body: drops::BODY,
        origins: 1,
        warm_up: 0,
        requests,
        in_flight: IN_FLIGHT,
        threads: 1,
        cores: Cores::Apart,
        copies: Copies::AsItLikes,
        quantity: Quantity::Failures,
    };
    let failures = child::run(client, &load)?.failures;
    eprintln!(
        "{}: {}: {failures} of {requests} failed",
        how.name(),
        client.name
    );
    Ok(failures)
}

fn table(plan: &DropsPlan, findings: &[Finding]) -> String {
    let requests = plan.requests;
    let mut text = format!(
        "{NAME}: {ABOUT}\n{requests} requests by each client in each way, {IN_FLIGHT} in flight; \
         failed, in percent\n\n{:<14}",
        "client"
    );
    for how in Departure::ALL {
        text += &format!("{:>10}", how.name());
    }
    text += "\n";
    for Finding { client, failures } in findings {
        text += &format!("{:<14}", client.name);
        for &failures in failures {
            text += &format!("{:>9.2}%", percent(failures, requests));
        }
        text += "\n";
    }
    text += LEGEND;
    for Finding { client, .. } in findings {
        text += &format!("\n{}: {}", client.name, client.settings);
    }
    text
}

fn document(plan: &DropsPlan, findings: &[Finding]) -> Value {
    let clients = findings.iter().map(|Finding { client, failures }| {
        let ways = Departure::ALL.into_iter().zip(failures);
        let ways: Map<_, _> = ways
            .map(|(how, &failures)| {
                let percent = percent(failures, plan.requests);
                let figures = json!({ "failures": failures, "percent": percent });
                (how.name().to_owned(), figures)
            })
            .collect();
        json!({ "client": client.name, "settings": client.settings, "ways": ways })
    });
    json!({
        "scenario": NAME,
        "about": ABOUT,
        "requests": plan.requests,
        "in_flight": IN_FLIGHT,
        "clients": clients.collect::<Vec<_>>(),
    })
}

fn percent(failures: u64, requests: usize) -> f64 {
    failures as f64 / requests as f64 * 100.0
}

const IN_FLIGHT: usize = 16;

/// Those with a pool: the others have no connection to go on with.
const CLIENTS: [&str; 5] = [
    "postrider",
    "hyper-util",
    "reqwest",
    "reqwest-retry",
    "ureq",
];

const LEGEND: &str = "
One in ten answers is a connection's last. fin, reset: right behind it the server ends
or resets the connection; late-fin: it ends it 0 to 200 microseconds later; silence: it
reads the next request and ends the connection without an answer. A connection's first
request is always answered.
";

#[cfg(all(test, feature = "peers"))]
mod tests {
    use super::{CLIENTS, Finding, document, table};
    use crate::clients;
    use crate::options::{DropsPlan, Output};

    #[test]
    fn failures_are_told_in_percent_of_the_requests_in_each_way() {
        let plan = DropsPlan {
            requests: 2000,
            output: Output::Table,
        };
        let findings = [Finding {
            client: clients::find("reqwest").unwrap(),
            failures: vec![0, 1, 180, 2000],
        }];
        let text = table(&plan, &findings);
        let line = text.lines().find(|line| line.starts_with("reqwest "));
        let expected = "reqwest            0.00%     0.05%     9.00%   100.00%";
        assert_eq!(line, Some(expected), "{text}");

        let ways = &document(&plan, &findings)["clients"][0]["ways"];
        assert_eq!(ways["late-fin"]["failures"], 180);
        assert_eq!(ways["late-fin"]["percent"], 9.0);
    }

    #[test]
    fn every_client_named_here_is_known() {
        assert!(CLIENTS.iter().all(|name| clients::find(name).is_some()));
    }
}
