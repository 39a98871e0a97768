//! Where in a run a figure stands.

use serde_json::Value;

use crate::record::Record;

/// One client in one case of a scenario.
#[derive(Clone, Copy)]
pub(super) struct Source {
    pub(super) part: &'static str,
    pub(super) case: &'static str,
    pub(super) client: &'static str,
}

/// Microseconds of CPU per request.
pub(super) fn cpu(record: &Record, source: Source) -> Option<f64> {
    median(record, source, "cpu_us")
}

/// The median of a client's figure over the rounds.
pub(super) fn median(record: &Record, source: Source, field: &str) -> Option<f64> {
    let clients = clients(record, source.part, source.case)?;
    named(clients, "client", source.client)?[field]["median"].as_f64()
}

/// Of a ratio of two clients' figures, in percent of it: both spreads together. One round has none.
pub(super) fn spread(
    record: &Record,
    part: &str,
    case: &str,
    field: &str,
    pair: [&str; 2],
) -> Option<f64> {
    let clients = clients(record, part, case)?;
    pair.into_iter()
        .map(|client| percent(&named(clients, "client", client)?[field]))
        .sum()
}

/// The same of a connection's share.
pub(super) fn share_spread(
    record: &Record,
    part: &str,
    name: &str,
    pair: [&str; 2],
) -> Option<f64> {
    let document = &record.part(part)?.document;
    let clients = &named(&document["differences"], "name", name)?["clients"];
    pair.into_iter()
        .map(|client| percent(&named(clients, "client", client)?["cpu_us"]))
        .sum()
}

/// Half of what the middle half of the rounds spans, in percent of the median.
fn percent(figure: &Value) -> Option<f64> {
    let quartile = |place: usize| figure["quartiles"][place].as_f64();
    let half = (quartile(1)? - quartile(0)?) / 2.0;
    let percent = half / figure["median"].as_f64()? * 100.0;
    (figure["rounds"].as_u64()? > 1).then_some(percent)
}

/// A figure that is told without spread.
pub(super) fn client_field(record: &Record, source: Source, field: &str) -> Option<f64> {
    let clients = clients(record, source.part, source.case)?;
    named(clients, "client", source.client)?[field].as_f64()
}

/// Every client of a case, with the median of a figure.
pub(super) fn medians(
    record: &Record,
    part: &str,
    case: &str,
    field: &str,
) -> Option<Vec<(String, f64)>> {
    let clients = clients(record, part, case)?.as_array()?.iter();
    let median = |client: &Value| {
        let name = client["client"].as_str()?.to_owned();
        Some((name, client[field]["median"].as_f64()?))
    };
    Some(clients.filter_map(median).collect())
}

/// A client's share of a connection, by the difference's name: to the bare socket's.
pub(super) fn share_to_bare(record: &Record, part: &str, name: &str, client: &str) -> Option<f64> {
    let document = &record.part(part)?.document;
    let clients = &named(&document["differences"], "name", name)?["clients"];
    named(clients, "client", client)?["cpu_to_bare"].as_f64()
}

/// The median of one row of a gauge.
pub(super) fn gauge(record: &Record, part: &str, row: &str, unit: usize) -> Option<f64> {
    let row = named(&record.part(part)?.document["rows"], "row", row)?;
    row["figures"][unit]["figure"]["median"].as_f64()
}

/// Requests that failed in all ways together.
pub(super) fn failures(record: &Record, client: &str) -> Option<f64> {
    let document = &record.part("stale-drops")?.document;
    let ways = named(&document["clients"], "client", client)?["ways"].as_object()?;
    ways.values().map(|way| way["failures"].as_f64()).sum()
}

fn clients<'a>(record: &'a Record, part: &str, case: &str) -> Option<&'a Value> {
    let document = &record.part(part)?.document;
    Some(&named(&document["cases"], "case", case)?["clients"])
}

fn named<'a>(list: &'a Value, key: &str, name: &str) -> Option<&'a Value> {
    list.as_array()?.iter().find(|entry| entry[key] == name)
}
