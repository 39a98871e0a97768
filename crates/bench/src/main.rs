//! Postrider, its peers and the bare socket, measured side by side.
//!
//! ```text
//! cargo run --release -p bench                    everything; report.md, report.json and pictures
//!                                                 in target/bench, or with --out elsewhere
//! cargo run --release -p bench -- --publish       the same with all peers, and BENCHMARKS.md,
//!                                                 README.md and charts/ show it afterwards; it takes
//!                                                 --partial where it is not whole
//! cargo run --release -p bench -- publish         they show the last run, as target/bench has it
//! cargo run --release -p bench -- small-get       one question; --json, --case WORD, --rounds N,
//!                                                 --requests N, --in-flight N, --threads N,
//!                                                 --clients A,B, --cores apart|free
//! cargo run --release -p bench -- small-get --peers go,curl,isahc
//! cargo run --release -p bench -- small-get --server nginx
//! cargo run --release -p bench -- idle-memory     a gauge; --json, --rounds N, --count N, --rows A,B
//! .ci/budgets                                     what CI asks; --write sets the budgets anew
//! cargo run --release -p bench -- help            the names of all
//! ```
//!
//! A [`Scenario`](scenario::Scenario) is what the server answers, how clients ask for it, and how
//! often. The server runs in a process of its own, and so does each client in each round: the
//! program starts itself again as `bench --child ...`. Rounds are interleaved (every client once,
//! then every client again, each time in another order), and what is reported are medians with
//! their spread. Time, heap and system calls are measured in different runs, so that counting one
//! does not cost the other. Latency is taken with time: one look at the clock a request, 20 ns.
//! Over TLS all clients have one certificate, one cipher suite and one key exchange, and the server
//! counts handshakes: where they are not what a case is about, it fails.
//!
//! A [`Gauge`](gauge::Gauge) asks for figures that are not what a request costs: the memory of an
//! idle connection, the pool's work for one checkout, the build of a program, what tracing costs.
//! Rounds are as above, each reading a process of its own (`bench --child read ...`).
//!
//! Two things are apart: `head-parse` counts the instructions that reading the head of a response
//! takes, and needs no server; `stale-drops` counts the requests that fail where the server drops
//! connections.
//!
//! To add a client, write a module in `clients/` and name it in `clients::ALL`; to add a scenario,
//! write a module in `scenarios/` and name it in `scenario::all`; a gauge likewise in `gauges/` and
//! `gauge::all`. Each comes as a [`Part`](part::Part) to the report.

#![cfg_attr(
    not(feature = "peers"),
    expect(dead_code, reason = "some of it is for the peers alone")
)]

mod answer;
mod budgets;
mod chart;
mod child;
mod clients;
mod cpu;
mod drive;
mod everything;
mod gauge;
mod gauges;
mod heads;
mod heap;
mod histogram;
mod instructions;
mod load;
mod memory;
mod options;
mod page;
mod part;
mod places;
mod probe;
mod publish;
mod quiet;
mod readings;
mod record;
mod report;
mod rounds;
mod scenario;
mod scenarios;
mod seeds;
mod series;
mod server;
mod spread;
mod syscalls;
mod tally;
mod tls;

use std::process::ExitCode;

use crate::options::Command;
use crate::scenarios::stale_drops;

/// Why the bench could not go on.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    match options::parse(std::env::args().skip(1))? {
        Command::Help => {
            println!("{}", options::usage());
            Ok(())
        }
        Command::Everything(plan) => everything::run(&plan),
        Command::Measure(plan) => report::part(&plan, &rounds::measure(&plan)?).print(plan.output),
        Command::CountHeads(output) => heads::part(&heads::measure()?).print(output),
        Command::ReadHeads(heads) => heads.read(),
        Command::CountFailures(plan) => {
            stale_drops::part(&plan, &stale_drops::measure(&plan)?).print(plan.output)
        }
        Command::Gauge(plan) => readings::part(&plan, &readings::take(&plan)?).print(plan.output),
        Command::Publish(folder, demand) => {
            publish::publish(&record::Record::load(&folder)?, demand)
        }
        Command::CheckBudgets => budgets::check(),
        Command::WriteBudgets => budgets::write(),
        Command::Walk(path, count) => {
            seeds::fix();
            path.walk(count)
        }
        Command::Read { row, count } => {
            println!("{}", serde_json::to_string(&(row.read)(count)?)?);
            Ok(())
        }
        Command::Serve(cores) => {
            let rest = server::Rest::on(cpu::place_server(cores)?);
            server::doors::run(rest)
        }
        Command::Load { client, load } => {
            cpu::place_client(load.cores)?;
            let sample = (client.run)(&load)?;
            println!("{}", serde_json::to_string(&sample)?);
            Ok(())
        }
    }
}
