//! How a run is told: the report beside its figures, and the pages of the repository.

mod block;
mod page;
mod pictures;
mod promises;
mod sources;

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::chart;
use crate::everything;
use crate::places;
use crate::publish::pictures::pictures;
use crate::record::Record;

/// `report.md`, and a picture of each answer and of each selection.
pub(crate) fn report(record: &Record, folder: &Path) -> Result<(), Failure> {
    for part in record.parts().filter(|part| !part.charts.is_empty()) {
        let picture = chart::svg(&part.name, &part.about, &part.charts);
        fs::write(folder.join(format!("all-of-{}.svg", part.name)), picture)?;
    }
    draw(record, folder)?;
    fs::write(folder.join("report.md"), page::page(record, ""))?;
    Ok(())
}

/// Of what is published.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Demand {
    Whole,
    /// A part will do.
    Partial,
}

/// `BENCHMARKS.md`, the block of figures in `README.md`, and the selected pictures.
///
/// # Errors
///
/// Where nothing was measured, or the run is not whole and that was demanded: all stays as it was.
pub(crate) fn publish(record: &Record, demand: Demand) -> Result<(), Failure> {
    if record.parts().next().is_none() {
        return Err("nothing was measured, and nothing is published".into());
    }
    let lacks = record.lacks(&everything::names());
    if demand == Demand::Whole && !lacks.is_empty() {
        let lacks = lacks.join("; ");
        return Err(format!("nothing is published but by --partial: {lacks}").into());
    }
    let here = places::here();
    let (top, charts) = (here.join("../.."), here.join("charts"));
    fs::create_dir_all(&charts)?;
    clear(&charts)?;
    draw(record, &charts)?;
    // Written by hand, of one run: figures of other tools, and what was tried.
    let evidence = fs::read_to_string(here.join("EVIDENCE.md"))?;
    let page = page::page(record, CHARTS) + "\n" + &evidence;
    fs::write(top.join("BENCHMARKS.md"), page)?;
    let readme = top.join("README.md");
    let text = fs::read_to_string(&readme)?;
    fs::write(readme, block::renew(&text, &block::block(record, CHARTS))?)?;
    println!(
        "BENCHMARKS.md, README.md and {CHARTS} show the run of {}",
        record.about.date
    );
    Ok(())
}

/// Of pictures of another run.
fn clear(charts: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(charts)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "svg") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn draw(record: &Record, folder: &Path) -> Result<(), Failure> {
    for picture in pictures(record) {
        let drawn = chart::svg(picture.title, &picture.about, &picture.charts);
        fs::write(folder.join(picture.file), drawn)?;
    }
    Ok(())
}

/// As seen from the top.
const CHARTS: &str = "crates/bench/charts/";
