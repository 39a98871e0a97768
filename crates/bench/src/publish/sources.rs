//! Where in a run a figure stands.

use serde_json::Value;

use crate::record::Record;
use crate::series::Series;
use crate::spread::Spread;

/// One client in one case of a scenario.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) part: &'static str,
    pub(super) case: &'static str,
    pub(super) client: &'static str,
}

/// Microseconds of CPU per request, by the median.
pub(super) fn cpu(record: &Record, source: Source) -> Option<f64> {
    Some(series(record, source, "cpu_us")?.median())
}

/// One client's CPU divided by another's, round by round.
pub(super) fn cpu_ratio(record: &Record, source: Source, to: &'static str) -> Option<Spread> {
    let other = Source {
        client: to,
        ..source
    };
    let (ours, theirs) = (
        series(record, source, "cpu_us")?,
        series(record, other, "cpu_us")?,
    );
    Some(ours.over(&theirs).spread())
}

/// A client's figure in each round.
fn series(record: &Record, source: Source, field: &str) -> Option<Series> {
    Series::from_json(&client(record, source)?[field])
}

/// A figure that is told without rounds.
pub(super) fn client_field(record: &Record, source: Source, field: &str) -> Option<f64> {
    client(record, source)?[field].as_f64()
}

/// System calls per request, of those with these names.
pub(super) fn calls(record: &Record, source: Source, names: &[&str]) -> Option<f64> {
    let calls = client(record, source)?["syscalls"].as_object()?;
    let counts = names.iter().map(|&name| calls.get(name)?.as_f64());
    Some(counts.flatten().sum())
}

/// Every client of a case with its figure in each round.
pub(super) fn all_series(
    record: &Record,
    part: &str,
    case: &str,
    field: &str,
) -> Option<Vec<(String, Series)>> {
    let clients = clients(record, part, case)?.as_array()?.iter();
    let series = |client: &Value| {
        let name = client["client"].as_str()?.to_owned();
        Some((name, Series::from_json(&client[field])?))
    };
    Some(clients.filter_map(series).collect())
}

/// A client's share of a connection, by the difference's name: to the bare socket's.
pub(super) fn share_to_bare(record: &Record, part: &str, name: &str, client: &str) -> Option<f64> {
    let document = &record.part(part)?.document;
    let clients = &named(&document["differences"], "name", name)?["clients"];
    named(clients, "client", client)?["cpu_to_bare"]["median"].as_f64()
}

/// One row of a gauge in each round.
pub(super) fn gauge(record: &Record, part: &str, row: &str, unit: usize) -> Option<Series> {
    let row = named(&record.part(part)?.document["rows"], "row", row)?;
    Series::from_json(&row["figures"][unit]["figure"])
}

/// Requests that failed in all ways together.
pub(super) fn failures(record: &Record, client: &str) -> Option<f64> {
    let document = &record.part("stale-drops")?.document;
    let ways = named(&document["clients"], "client", client)?["ways"].as_object()?;
    ways.values().map(|way| way["failures"].as_f64()).sum()
}

fn client(record: &Record, source: Source) -> Option<&Value> {
    let clients = clients(record, source.part, source.case)?;
    named(clients, "client", source.client)
}

fn clients<'a>(record: &'a Record, part: &str, case: &str) -> Option<&'a Value> {
    let document = &record.part(part)?.document;
    Some(&named(&document["cases"], "case", case)?["clients"])
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|entry| entry[key] == name)
}
